"""The step that keeps when something last happened by the feature that tells it: what was told before goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.bootstrap.store import state_store
from service.decision.facts import FactKind, Situation
from service.settings import Settings
from service.state.engines.session import micros
from tests.builders import NOW
from tests.contract.rows import event, situation
from tests.fixtures_service import STATE_URL, settings_of
from tests.fixtures_stores import store
from tests.golden.kept_store import KeptStore, Table
from tests.servers.postgres import PostgresServer, database_name

__all__ = ["store"]

BEFORE = "0009"
VERSIONS = {f"{kind.value}_version": number for number, kind in enumerate(FactKind)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK_AGO = NOW - timedelta(days=7)
LEFT = KeptStore(
    step=BEFORE,
    tables={
        "decisions": Table(columns=("decision_id", "decided_at"), rows=()),
        "customers": Table(
            columns=("customer_id", "has_events", "last_purchase_at", *VERSIONS),
            rows=[(one, 1, at, *VERSIONS.values()) for one, at in (("1", micros(WEEK_AGO)), ("2", None), ("ñ '%", 0))],
        ),
    },
)
"""As a program of then left it: two customers bought something, one of them in the first instant of 1970."""


@pytest.fixture
def settings(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A store of then that was brought to the step of today, on each database in turn."""
    if store == "sqlite":
        LEFT.restore(settings_of(tmp_path))
        yield settings_of(tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = database_name(tmp_path)
    (tmp_path / STATE_URL).write_text(server.empty_database(name))
    LEFT.restore(settings_of(tmp_path))
    yield settings_of(tmp_path)
    server.drop_database(name)


async def test_what_was_told_of_purchases_before_is_told_by_its_name_and_goes_on(settings: Settings) -> None:
    async with state_store(settings) as state:
        found = [(await situation(state, customer_id)).latest for customer_id in ("1", "2", "ñ '%")]
        assert found == [{"last_purchase_at": WEEK_AGO}, {}, {"last_purchase_at": EPOCH}]
        for days in (8, 1):
            row = event(f"e{days}", "purchase", NOW - timedelta(days=days), amount=1.0)
            await state.record_events([row], NOW)
        assert (await situation(state, "1")).latest == {"last_purchase_at": NOW - timedelta(days=1)}


async def test_nothing_else_that_was_known_of_a_customer_changes(settings: Settings) -> None:
    async with state_store(settings) as state:
        found = await situation(state, "1")
    versions = {kind: number for number, kind in enumerate(FactKind)}
    assert found == Situation(versions=versions, has_events=True, latest={"last_purchase_at": WEEK_AGO})
