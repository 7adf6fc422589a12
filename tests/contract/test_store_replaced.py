"""A store that was removed or replaced under whoever has it open neither answers nor acknowledges anything more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.retention import upkeep
from tests.contract.rows import event, propose, situation
from tests.e2e.replaced_stores import IN_DATABASE, IN_FILE, Replacement, home_moved_away

CASES = [("sqlite", name) for name in IN_FILE] + [("postgres", name) for name in IN_DATABASE]


@pytest.fixture
def place(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A link, which some turn."""
    link = tmp_path_factory.mktemp("linked") / "home"
    link.symlink_to(place)
    return link


def replacing(name: str) -> Replacement:
    return {**IN_FILE, **IN_DATABASE}[name]


@pytest.mark.parametrize(("adapter", "name"), CASES, indirect=["adapter"])
async def test_a_store_that_was_replaced_answers_and_acknowledges_nothing(state: Store, place: Path, name: str) -> None:
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    proposed = await propose(state)
    replacing(name)(place)
    for _ in range(2):
        for asked in (
            lambda: state.commit(proposed, None),
            lambda: state.record_events([event("e2", "purchase", amount=1.0)], NOW),
            lambda: state.kill("*", "a test", NOW),
            lambda: situation(state),
            lambda: state.decision("d1", NOW),
            lambda: upkeep(state).count(NOW),
        ):
            with pytest.raises(StateUnavailable):
                await asked()


@pytest.mark.parametrize("adapter", ["sqlite"], indirect=True)
async def test_what_was_moved_away_and_back_goes_on(state: Store, place: Path) -> None:
    home_moved_away(place)
    with pytest.raises(StateUnavailable, match="removed or replaced while it was in use"):
        await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    place.with_name("away").rename(place)
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    assert (await situation(state)).has_events


@pytest.mark.parametrize("adapter", ["sqlite"], indirect=True)
async def test_a_file_that_is_vacuumed_by_another_program_is_the_same(state: Store, place: Path) -> None:
    """It becomes smaller, and stays what it is."""
    await state.record_events([event(f"e{i}", "purchase", amount=1.0) for i in range(2000)], NOW)
    with closing(sqlite3.connect(place / "state.db", isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await situation(state)
        before = (place / "state.db").stat().st_size
        other.execute("DELETE FROM events")
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert (place / "state.db").stat().st_size < before
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    assert (await situation(state)).has_events


@pytest.mark.parametrize("adapter", ["postgres"], indirect=True)
async def test_a_database_that_is_dropped_and_migrated_anew_is_another_store(
    state: Store, open_store: OpenStore, place: Path
) -> None:
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    replacing("tables_made_again")(place)
    with pytest.raises(StateUnavailable, match="another store than this process opened"):
        await situation(state)
    other = await open_store()
    assert isinstance(other, SqlState)
    assert isinstance(state, SqlState)
    assert other.engine.store_id != state.engine.store_id
    assert not (await situation(other)).has_events
