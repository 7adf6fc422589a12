"""A back office that knows no decision reports by customer, over gRPC, and all follows as if it had named one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rumbo.decision.v1 import outcomes_pb2
from service.wire.client import Client
from tests.e2e.wire import ACCEPTED, DUPLICATE, OPEN_DOOR, at, outcome, ranked_ids, rejection_of
from tests.fixtures_features import NOW
from tests.fixtures_service import Clock, Service, running

WHO, HOUR = "a customer of a shop", timedelta(hours=1)


def sold(outcome_id: str, sold_at: timedelta, **other: str) -> outcomes_pb2.Outcome:
    """A sale, so long after NOW, of somebody to whom the open door was presented."""
    whose = {"customer_id": WHO, "journey_id": OPEN_DOOR, **other}
    return outcomes_pb2.Outcome(
        outcome_id=outcome_id,
        type=outcomes_pb2.OUTCOME_TYPE_CONVERTED,
        value=12.5,
        occurred_at=at(NOW + sold_at),
        **whose,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def service(stored_home: Path, clock: Clock) -> AsyncIterator[Service]:
    async with running(stored_home, clock) as started:
        yield started


async def presented(service: Service) -> str:
    """A decision whose journey was presented as it was made. Returns: its id."""
    answer = await service.decide(WHO, "web")
    assert OPEN_DOOR in ranked_ids(answer)
    shown = outcomes_pb2.Outcome()
    shown.CopyFrom(outcome(answer.decision_id, OPEN_DOOR))
    shown.occurred_at.CopyFrom(answer.decided_at)
    (result,) = await service.report(shown)
    assert (result.status, result.decision_id) == (ACCEPTED, answer.decision_id)
    return answer.decision_id


async def kept(service: Service, decision_id: str) -> list[outcomes_pb2.Outcome]:
    """What was sold, as the record of the decision has it."""
    told = [one.outcome for one in (await service.recall(decision_id)).outcomes]
    return [one for one in told if one.type == outcomes_pb2.OUTCOME_TYPE_CONVERTED]


async def test_a_sale_is_given_to_what_was_presented_last_and_stays_there(service: Service, clock: Clock) -> None:
    first = await presented(service)
    clock.now = NOW + 2 * HOUR
    sale = sold("till-1", HOUR)
    assert [(r.status, r.decision_id) for r in await service.report(sale, sale)] == [
        (ACCEPTED, first),
        (DUPLICATE, first),
    ]
    clock.now = NOW + 3 * HOUR
    second = await presented(service)
    clock.now = NOW + 5 * HOUR
    results = await service.report(sale, sold("till-2", 4 * HOUR), sold("till-3", 2 * HOUR))
    assert [(r.status, r.decision_id) for r in results] == [
        (DUPLICATE, first),
        (ACCEPTED, second),
        (ACCEPTED, first),
    ]
    named = outcomes_pb2.Outcome()
    named.CopyFrom(sale)
    named.customer_id, named.decision_id = "", first
    assert (await kept(service, first))[0] == named
    assert [one.outcome_id for one in await kept(service, second)] == ["till-2"]


async def test_what_cannot_be_given_away_is_rejected_alone_and_named(service: Service, clock: Clock) -> None:
    decision_id = await presented(service)
    clock.now = NOW + 100 * timedelta(days=1)
    rows = [
        sold("till-1", HOUR),
        sold("till-2", -HOUR),
        sold("till-3", 99 * timedelta(days=1)),
        sold("till-4", HOUR, journey_id="rescue-basket"),
        sold("till-5", HOUR, decision_id=decision_id),
        sold("till-1", 2 * HOUR),
    ]
    good, *bad = await service.report(*rows)
    assert (good.status, good.decision_id) == (ACCEPTED, decision_id)
    assert [rejection_of(result) for result in bad] == [
        ("journey_id", "NO_CONTACT"),
        ("journey_id", "WINDOW_OVER"),
        ("journey_id", "NO_CONTACT"),
        ("customer_id", "BOTH_SET"),
        ("outcome_id", "ID_REUSED"),
    ]
    assert [result.decision_id for result in bad] == [""] * len(bad)
    assert len(await kept(service, decision_id)) == 1


async def test_it_holds_after_a_restart(stored_home: Path, clock: Clock) -> None:
    async with running(stored_home, clock) as before:
        decision_id = await presented(before)
        clock.now = NOW + 2 * HOUR
        assert (await before.report(sold("till-1", HOUR)))[0].status == ACCEPTED
    async with running(stored_home, clock) as after:
        again, new = await after.report(sold("till-1", HOUR), sold("till-2", HOUR))
    assert (again.status, again.decision_id) == (DUPLICATE, decision_id)
    assert (new.status, new.decision_id) == (ACCEPTED, decision_id)


async def test_the_blocking_client_reports(service: Service, clock: Clock) -> None:
    decision_id = await presented(service)
    clock.now = NOW + 2 * HOUR
    with Client(f"{service.address.host}:{service.address.port}") as client:
        told = await asyncio.to_thread(client.record_outcomes, [sold("till-1", HOUR)])
    assert [(r.status, r.decision_id) for r in told.results] == [(ACCEPTED, decision_id)]
