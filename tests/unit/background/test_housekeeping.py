"""The store is kept in order beside the service, hour by hour, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.application.catalogues import KeptCatalogues
from service.background.feature_feed import stopped
from service.background.housekeeping import EVERY_S, FIRST_AFTER_S, Housekeeping
from service.catalogue.load import load
from service.decision.constraints.capacity import Pool
from service.decision.windows import RollingWindow
from service.metrics import Metrics
from service.state.engines.engine import Durability
from service.state.upkeep.prune import Upkeep
from service.state.upkeep.retention import Retention
from tests.builders import NOW
from tests.contract.rows import committed, event, propose
from tests.example import EXAMPLE, TERMS
from tests.stores import sqlite_state

DAY = timedelta(days=1)
CATALOGUE = load(EXAMPLE, TERMS)


class Hours:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._asleep, self._due = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._asleep.set()
        await self._due.wait()
        self._due.clear()

    async def next(self) -> None:
        """Returns when a round is over."""
        await self._asleep.wait()
        self._asleep.clear()
        self._due.set()
        await self._asleep.wait()


class House:
    """A store, its housekeeping, and a clock that a test sets."""

    def __init__(self, file: Path) -> None:
        self.file, self.now, self.hours, self.metrics = file, NOW, Hours(), Metrics()
        self.state = sqlite_state(file, Durability.PROCESS_SAFE)
        self.catalogues = KeptCatalogues(CATALOGUE, TERMS, self.state, self.clock)
        self.upkeep = Upkeep(self.state.engine, Retention())
        self.housekeeping = Housekeeping(self.upkeep, self.catalogues, self.metrics, self.clock, self.hours.sleep)

    async def receive(self, event_id: str) -> None:
        """An event of now."""
        await self.state.record_events([event(event_id, "purchase", self.now, amount=1.0)], self.now)

    def clock(self) -> datetime:
        return self.now

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as database, database:
            return database.execute(statement).fetchall()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    built = House(tmp_path / "state.db")
    yield built
    await built.state.close()


async def test_every_hour_what_is_past_its_time_goes_and_is_counted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    running = asyncio.create_task(house.housekeeping.run())
    await house.receive("e1")
    house.now += 400 * DAY
    with caplog.at_level(logging.INFO):
        await house.receive("e2")
        await house.hours.next()
        assert house.metric("rumbo_pruned_rows_total", table="events") is None
        house.now += DAY
        await house.receive("e3")
        await house.hours.next()
    await stopped(running)
    assert house.hours.seconds == [FIRST_AFTER_S, EVERY_S, EVERY_S]
    assert house.metric("rumbo_pruned_rows_total", table="events") == 1
    (record,) = [record for record in caplog.records if record.message == "pruned"]
    assert record.__dict__["fields"] == {"rows": {"events": 1}}


async def test_the_catalogue_in_force_and_its_pools_are_never_pruned_though_nothing_is_decided_under_it(
    house: House,
) -> None:
    await house.catalogues.keep()
    await house.state.keep_catalogue("earlier", "source")
    await house.state.count_pools([Pool(pool_id="earlier", limit=1.0, window=RollingWindow(per=DAY))], NOW)
    for day in range(60):
        await house.receive(f"e{day}")
        await house.housekeeping.once()
        house.now += DAY
    assert await house.state.catalogues() == [CATALOGUE.source]
    assert house.execute("SELECT count(*) FROM pools") == [(len(CATALOGUE.plan.pools),)]
    assert len(CATALOGUE.plan.pools) > 0


async def test_a_round_that_fails_is_logged_and_counted_and_decisions_and_rounds_go_on(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Contacts do not go, until somebody mends it. What is pruned before them goes all the same."""
    running = asyncio.create_task(house.housekeeping.run())
    await house.receive("e1")
    await committed(house.state, await propose(house.state))
    house.now += 401 * DAY
    await house.receive("e2")
    house.execute("CREATE TRIGGER keep BEFORE DELETE ON contacts BEGIN SELECT RAISE(FAIL, 'not these'); END")
    with caplog.at_level(logging.WARNING):
        await house.hours.next()
    assert "prune failed; again in an hour: the state store refuses a row: not these" in caplog.text
    assert house.metric("rumbo_upkeep_failures_total", what="prune") == 1
    assert house.metric("rumbo_pruned_rows_total", table="events") == 1
    await committed(house.state, await propose(house.state, decision_id="d2", now=house.now))
    house.execute("DROP TRIGGER keep")
    await house.hours.next()
    await stopped(running)
    assert house.metric("rumbo_upkeep_failures_total", what="prune") == 1


async def test_a_round_in_doubt_deletes_nothing_and_says_what_to_do_until_the_clock_is_right_or_it_is_forced(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.receive("e1")
    await house.housekeeping.once()
    assert house.metric("rumbo_prune_stopped") == 0
    house.now += 730 * DAY
    await house.receive("e2")
    with caplog.at_level(logging.WARNING):
        await house.housekeeping.once()
    assert (
        "later than in the last round: nothing was pruned; if the clock is right, run `rumbo state prune" in caplog.text
    )
    assert house.metric("rumbo_prune_stopped") == 1
    assert house.metric("rumbo_upkeep_failures_total", what="prune") == 1
    assert house.metric("rumbo_pruned_rows_total", table="events") is None
    await house.upkeep.round(house.now, is_forced=True)
    await house.housekeeping.once()
    assert house.metric("rumbo_prune_stopped") == 0


async def test_nothing_is_pruned_while_the_catalogue_in_force_cannot_be_kept(house: House) -> None:
    await house.state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    house.now += 401 * DAY
    house.execute("ALTER TABLE catalogues RENAME TO away")
    await house.housekeeping.once()
    assert house.metric("rumbo_upkeep_failures_total", what="keep_catalogue") == 1
    assert house.metric("rumbo_pruned_rows_total", table="events") is None


async def test_a_service_that_ends_does_not_wait_for_the_hour(house: House) -> None:
    running = asyncio.create_task(house.housekeeping.run())
    await house.hours._asleep.wait()
    await stopped(running)
    assert running.cancelled()
