"""The feature store gone when the service starts: decisions go on, what depends on it is withheld, help comes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from features.store.connection import Connection
from rumbo.decision.v1 import reason_pb2
from tests.e2e.store_damage import ALL_GONE, FILE, GARBAGE, assert_withheld_for, make_garbage
from tests.e2e.wire import (
    APOLOGY,
    CHANNELS,
    OPEN_DOOR,
    REGULAR,
    degraded_of,
    opened,
    proposals,
    ranked_ids,
    reasons_of,
)
from tests.fixtures_features import feast_at
from tests.fixtures_service import row_counts, running, settled_counts

if TYPE_CHECKING:
    pass


def make_zero_bytes(home: Path) -> None:
    (feast_at(home) / FILE).write_bytes(b"")


def make_without_tables(home: Path) -> None:
    (feast_at(home) / FILE).unlink()
    with closing(sqlite3.connect(feast_at(home) / FILE)) as database:
        database.execute("VACUUM")


def remove_file(home: Path) -> None:
    (feast_at(home) / FILE).unlink()


def remove_registry(home: Path) -> None:
    (feast_at(home) / "registry.db").unlink()


def garble_registry(home: Path) -> None:
    (feast_at(home) / "registry.db").write_bytes(GARBAGE)


def remove_folder(home: Path) -> None:
    shutil.rmtree(feast_at(home))


DAMAGE = [
    make_garbage,
    make_zero_bytes,
    make_without_tables,
    remove_file,
    remove_registry,
    garble_registry,
    remove_folder,
]
Damage = Callable[[Path], None]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_without_the_store_decisions_go_on_and_only_help_is_ranked(own_home: Path, damage: Damage) -> None:
    damage(own_home)
    async with running(own_home) as service:
        for channel in CHANNELS:
            answer = await service.decide(REGULAR, channel, limit=50)
            assert answer.decision_id
            assert degraded_of(answer) == {**ALL_GONE, "model": "UNAVAILABLE"}
            assert_withheld_for(answer, channel)
            assert (OPEN_DOOR in ranked_ids(answer)) == (OPEN_DOOR in proposals(channel))


@pytest.mark.parametrize("damage", DAMAGE)
async def test_without_the_store_an_open_incident_still_brings_the_apology(own_home: Path, damage: Damage) -> None:
    async with running(own_home) as service:
        await service.tell(opened(incident_class="delivery"))
        await settled_counts(own_home)
    damage(own_home)
    async with running(own_home) as service:
        for channel in CHANNELS:
            assert ranked_ids(await service.decide(REGULAR, channel))[0] == APOLOGY


async def test_without_the_store_an_audience_of_features_is_unknown(own_home: Path) -> None:
    make_garbage(own_home)
    async with running(own_home) as service:
        reason = reasons_of(await service.decide(REGULAR), "pantry-mailer")["AUDIENCE"]
    assert reason.kind == reason_pb2.REASON_KIND_UNKNOWN
    assert reason.params["status"].string_value == "UNAVAILABLE"
    assert reason.params["fact"].string_value.startswith("customer.")


async def test_without_the_store_nobody_is_welcomed_as_a_stranger(own_home: Path) -> None:
    make_garbage(own_home)
    async with running(own_home) as service:
        reason = reasons_of(await service.decide("never-seen-before"), "welcome")["AUDIENCE"]
    assert reason.kind == reason_pb2.REASON_KIND_UNKNOWN


async def test_without_the_store_events_are_kept_and_told_when_it_is_back(own_home: Path, tmp_path: Path) -> None:
    shutil.copy(feast_at(own_home) / FILE, tmp_path / "whole.db")
    make_garbage(own_home)
    async with running(own_home) as service:
        await service.tell(opened())
        assert row_counts(own_home)["outbox"] == 1
        shutil.copy(tmp_path / "whole.db", tmp_path / "back.db")
        (tmp_path / "back.db").replace(feast_at(own_home) / FILE)
        await settled_counts(own_home)
    assert '"case-1"' in stored_incidents(own_home)


def stored_incidents(home: Path) -> str:
    """What the feature store says of the regular's incidents."""
    connection = Connection.open(feast_at(home))
    row = connection.read("incidents", REGULAR)
    connection.close()
    return "" if row is None else row.values["incidents_json"].string_val
