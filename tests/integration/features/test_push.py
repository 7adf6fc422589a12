"""Situation facts pushed to the example's online store; what every store must hold is in `tests/contract/features`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from features.errors import SituationUnreadable, StoreUnavailable
from features.situation import IncidentFact, IncidentStatus, parse
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter
from tests.example import SCHEMA
from tests.fixtures_features import NOW


@pytest.fixture
def writer(own_feast: Path) -> Iterator[SituationWriter]:
    pushing = SituationWriter(own_feast, SCHEMA.situation)
    yield pushing
    pushing.close()


def incident(incident_id: str, status: IncidentStatus, hours_ago: int) -> IncidentFact:
    at = NOW - timedelta(hours=hours_ago)
    return IncidentFact(incident_id=incident_id, incident_class=None, severity=None, status=status, at=at)


def stored(feast: Path, customer_id: str = "1") -> tuple[IncidentFact, ...]:
    reader = OnlineFeatures(feast, SCHEMA)
    value = reader.read(customer_id, NOW).values["incidents_json"].value
    reader.close()
    return parse(IncidentFact, str(value))


def test_incidents_that_another_source_pushed_stay(own_feast: Path, writer: SituationWriter) -> None:
    theirs, mine = (incident(name, IncidentStatus.OPEN, hours_ago=2) for name in ("a", "b"))
    SituationWriter(own_feast, SCHEMA.situation).write("1", [theirs])
    writer.write("1", [mine])
    assert stored(own_feast) == (theirs, mine)


def test_a_customer_known_by_a_push_alone_is_known(own_feast: Path, writer: SituationWriter) -> None:
    writer.write("newcomer", [incident("a", IncidentStatus.OPEN, hours_ago=1)])
    reader = OnlineFeatures(own_feast, SCHEMA)
    assert reader.read("newcomer", NOW).has_any_row
    reader.close()


def test_nothing_to_push_does_not_open_the_store(tmp_path: Path) -> None:
    SituationWriter(tmp_path / "nowhere", SCHEMA.situation).write("1", [])


def test_a_stored_list_that_cannot_be_read_is_left_as_it_is(own_feast: Path, writer: SituationWriter) -> None:
    writer.write("1", [incident("a", IncidentStatus.OPEN, hours_ago=1)])
    writer.close()
    with closing(sqlite3.connect(own_feast / "online_store.db")) as database, database:
        (value,) = database.execute("SELECT value FROM rumbo_incidents").fetchone()
        database.execute("UPDATE rumbo_incidents SET value = ?", (value.replace(b"open", b"ajar"),))
    with pytest.raises(SituationUnreadable):
        writer.write("1", [incident("a", IncidentStatus.RESOLVED, hours_ago=0)])
    with pytest.raises(SituationUnreadable):
        stored(own_feast)


def test_a_store_that_is_gone_is_an_error_and_a_later_push_works_again(
    own_feast: Path, writer: SituationWriter
) -> None:
    path = own_feast / "online_store.db"
    whole = path.read_bytes()
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreUnavailable):
        writer.write("1", [incident("a", IncidentStatus.OPEN, hours_ago=1)])
    path.write_bytes(whole)
    writer.write("1", [incident("a", IncidentStatus.OPEN, hours_ago=1)])
    assert len(stored(own_feast)) == 1
