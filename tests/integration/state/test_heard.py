"""What a store was told, on both engines: its newest row, and of how many customers a consent holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.decision.reports.effects import KnownEvent
from service.state.engines import postgres_schema, sqlite
from service.state.engines.inventory import Heard
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import event
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state, sqlite_state

LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SqlState, Callable[[], Heard]]:
    """A store, and what asks it from outside."""
    if request.param == "sqlite":
        return sqlite_state(tmp_path / "state.db"), lambda: sqlite.heard_by(tmp_path / "state.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(database_name(tmp_path))
    return postgres_state(url), lambda: postgres_schema.heard_by(url)


def consent(event_id: str, kind: str, customer_id: str, at: datetime = NOW, channel: str = "email") -> KnownEvent:
    return event(event_id, f"consent.{kind}", at, customer_id=customer_id, purpose="marketing", channel=channel)


async def test_consents_that_hold_are_counted_and_the_newest_row_is_told(
    place: tuple[SqlState, Callable[[], Heard]],
) -> None:
    state, heard = place
    assert heard() == Heard(received_at=None, consents={})
    granted = [consent(f"g{n}", "granted", str(n)) for n in range(4)]
    everything = event("w0", "consent.withdrawn", customer_id="0")
    one, before = consent("w1", "withdrawn", "1"), consent("w2", "withdrawn", "2", NOW - timedelta(days=1))
    await state.record_events([*granted, consent("g9", "granted", "1", channel="app")], NOW)
    await state.record_events([everything, one, before], LATER)
    await state.close()
    assert heard() == Heard(received_at=LATER, consents={("marketing", "app"): 1, ("marketing", "email"): 2})
