"""What events changed reaches a real Feast online store, in the background, until it is done."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from features.errors import SituationUnreadable, StoreUnavailable
from features.situation import Fact, IncidentFact
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter
from service.background.feature_feed import BATCH, FIRST_PAUSE_S, LONGEST_PAUSE_S, LOOK_EVERY_S, FeatureFeed, stopped
from service.metrics import Metrics
from service.state.engines.engine import Durability
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import event, opened
from tests.example import SCHEMA
from tests.stores import sqlite_state

HOUR = timedelta(hours=1)


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[SqlState]:
    kept = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    yield kept
    await kept.close()


def stored(feast: Path, name: str, customer_id: str = "1") -> list[dict[str, str | None]]:
    """The list that the online store holds of a customer."""
    reader = OnlineFeatures(feast, SCHEMA)
    value = reader.read(customer_id, NOW).values[name]
    reader.close()
    return json.loads(str(value.value)) if value.is_present else []


async def test_incidents_and_consents_reach_the_online_store_as_they_stand(state: SqlState, own_feast: Path) -> None:
    await state.record_events(
        [
            opened("e1", NOW - HOUR, incident_id="a", class_="delivery", severity="high"),
            opened("e2", NOW - HOUR, incident_id="b"),
            event("e3", "incident.resolved", NOW, incident_id="b"),
            event("e4", "consent.granted", NOW, purpose="marketing", channel="web"),
            event("e5", "consent.granted", NOW - HOUR, purpose="marketing", channel="email"),
            event("e6", "consent.withdrawn", NOW, purpose="marketing", channel="email"),
            event("e7", "consent.withdrawn", NOW - HOUR),
            event("e8", "purchase", NOW, customer_id="2", amount=1.0),
        ],
        NOW,
    )
    feed = FeatureFeed(state, SituationWriter(own_feast, SCHEMA.situation), Metrics())
    assert await feed.drain_once()
    assert not await feed.drain_once()
    feed.close()
    now, before = "2018-01-03T12:00:00Z", "2018-01-03T11:00:00Z"
    assert stored(own_feast, "incidents_json") == [
        {"incident_id": "a", "incident_class": "delivery", "severity": "high", "status": "open", "at": before},
        {"incident_id": "b", "incident_class": None, "severity": None, "status": "resolved", "at": now},
    ]
    assert stored(own_feast, "consents_json") == [
        {"purpose": "*", "channel": "*", "status": "withdrawn", "at": before},
        {"purpose": "marketing", "channel": "email", "status": "withdrawn", "at": now},
        {"purpose": "marketing", "channel": "web", "status": "granted", "at": now},
    ]
    assert stored(own_feast, "incidents_json", "2") == []


async def test_a_running_feed_tells_what_it_is_woken_for(state: SqlState, own_feast: Path) -> None:
    feed = FeatureFeed(state, SituationWriter(own_feast, SCHEMA.situation), Metrics())
    feeding = asyncio.create_task(feed.run())
    await state.record_events([opened()], NOW)
    feed.wake()
    await drained(state)
    await stopped(feeding)
    feed.close()
    assert [i["status"] for i in stored(own_feast, "incidents_json")] == ["open"]


async def test_a_feed_that_looks_for_others_tells_what_nobody_woke_it_for(state: SqlState) -> None:
    sink, looks = FakeSink(), asyncio.Semaphore(0)

    async def look(seconds: float) -> None:
        assert seconds == LOOK_EVERY_S
        await looks.acquire()

    feed = FeatureFeed(state, sink, Metrics(), look)
    working = [asyncio.create_task(work) for work in (feed.run(), feed.look_for_others())]
    await drained(state)
    await state.record_events([opened()], NOW)
    looks.release()
    await drained(state)
    for work in working:
        await stopped(work)
    feed.close()
    assert sink.told == [("1", "incidents_json")]


class FakeSink:
    """Takes facts, after the failures it was given; some customers' lists can never be read."""

    def __init__(self, *failures: Exception, unreadable: frozenset[str] = frozenset()) -> None:
        self._failures = list(failures)
        self._unreadable = unreadable
        self.told: list[tuple[str, str]] = []
        self.is_closed = False

    def write(self, customer_id: str, facts: Sequence[Fact]) -> None:
        if self._failures:
            raise self._failures.pop(0)
        if customer_id in self._unreadable and isinstance(facts[0], IncidentFact):
            raise SituationUnreadable("incidents_json holds what the contract does not allow")
        self.told.append((customer_id, type(facts[0]).feature))

    def close(self) -> None:
        self.is_closed = True


class Pauses:
    """Remembers for how long it should have slept, and lets others run instead."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


async def drained(state: SqlState) -> None:
    """Until nothing waits; the time limit of the test ends a feed that never gets there."""
    while await state.waiting_for_features(1):
        await asyncio.sleep(0)


async def test_a_store_that_fails_is_told_again_after_pauses_that_double_up_to_a_minute(state: SqlState) -> None:
    sink, pauses = FakeSink(*[StoreUnavailable("gone")] * 9), Pauses()
    feed = FeatureFeed(state, sink, Metrics(), pauses.sleep)
    await state.record_events([opened()], NOW)
    feeding = asyncio.create_task(feed.run())
    await drained(state)
    await stopped(feeding)
    feed.close()
    assert sink.told == [("1", "incidents_json")]
    assert (FIRST_PAUSE_S, LONGEST_PAUSE_S) == (0.5, 60.0)
    assert pauses.seconds == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


async def test_after_a_success_the_pauses_begin_anew(state: SqlState) -> None:
    gone = StoreUnavailable("gone")
    sink, pauses = FakeSink(gone, gone), Pauses()
    feed = FeatureFeed(state, sink, Metrics(), pauses.sleep)
    await state.record_events([opened()], NOW)
    feeding = asyncio.create_task(feed.run())
    await drained(state)
    sink._failures.append(gone)
    await state.record_events([opened("e2", NOW + HOUR)], NOW)
    feed.wake()
    await drained(state)
    await stopped(feeding)
    feed.close()
    assert pauses.seconds == [0.5, 1.0, 0.5]


async def test_nothing_is_forgotten_while_the_store_was_not_told(state: SqlState) -> None:
    await state.record_events([opened()], NOW)
    metrics = Metrics()
    feed = FeatureFeed(state, FakeSink(StoreUnavailable("gone")), metrics)
    with pytest.raises(StoreUnavailable):
        await feed.drain_once()
    assert [c for _, c in await state.waiting_for_features(10)] == ["1"]
    assert metrics.registry.get_sample_value("rumbo_feature_lag_rows") == 1
    assert await feed.drain_once()
    assert metrics.registry.get_sample_value("rumbo_feature_lag_rows") == 0
    feed.close()


async def test_a_list_that_cannot_be_read_hinders_neither_other_customers_nor_the_customers_other_list(
    state: SqlState, caplog: pytest.LogCaptureFixture
) -> None:
    granted = event("e2", "consent.granted", NOW, purpose="marketing", channel="web")
    other = event("e3", "incident.opened", customer_id="2", incident_id="i")
    await state.record_events([opened(), granted, other], NOW)
    sink = FakeSink(unreadable=frozenset({"1"}))
    feed = FeatureFeed(state, sink, Metrics())
    with caplog.at_level(logging.ERROR):
        assert await feed.drain_once()
    feed.close()
    assert sink.told == [("1", "consents_json"), ("2", "incidents_json")]
    assert await state.waiting_for_features(10) == []
    assert "cannot be read" in caplog.text


async def test_a_customer_is_told_once_however_often_she_waits(state: SqlState) -> None:
    await state.record_events([opened(f"e{i}", NOW + i * HOUR) for i in range(5)], NOW)
    sink = FakeSink()
    feed = FeatureFeed(state, sink, Metrics())
    await feed.drain_once()
    feed.close()
    assert sink.told == [("1", "incidents_json")]


async def test_more_than_a_batch_is_told_in_order(state: SqlState) -> None:
    customers = [f"c{i}" for i in range(BATCH + 3)]
    rows = [event(f"e-{c}", "incident.opened", customer_id=c, incident_id="i") for c in customers]
    await state.record_events(rows, NOW)
    sink = FakeSink()
    feed = FeatureFeed(state, sink, Metrics())
    while await feed.drain_once():
        pass
    feed.close()
    assert [customer_id for customer_id, _ in sink.told] == customers


async def test_closing_the_feed_closes_its_sink(state: SqlState) -> None:
    sink = FakeSink()
    FeatureFeed(state, sink, Metrics()).close()
    assert sink.is_closed
