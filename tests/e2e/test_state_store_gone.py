"""The state store gone while the service serves: nothing is acknowledged, callers are told soon, all goes on after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from rumbo.decision.v1 import decision_pb2
from service.state.engines.engine import Durability
from tests.e2e.outages import AWAY, SOON_S, Outage, Place
from tests.e2e.wire import (
    ACCEPTED,
    DUPLICATE,
    OPEN_DOOR,
    event,
    outcome,
    ranked_ids,
    refusal_of,
)
from tests.fixtures_service import STATE_URL, Service, ask_state, row_counts, running, settled_counts

PATIENCE_S = 8 * SOON_S
CALLERS = 8
BLOCKING = ("file-locked", "tables-locked", "server-frozen")
"""Outages in which the store does not refuse, but keeps waiting."""


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
async def service(place: Place) -> AsyncIterator[Service]:
    async with running(place.home, durability=Durability.POWER_SAFE) as started:
        yield started


def reserved(home: Path) -> list[str]:
    """The customers of whom something is reserved."""
    rows = ask_state(home, "SELECT customer_id FROM contacts WHERE state = 'RESERVED' ORDER BY customer_id")
    return [customer_id for (customer_id,) in rows]


async def test_nothing_is_acknowledged_that_is_not_kept_and_all_goes_on_when_the_store_is_back(
    service: Service, place: Place, outage: Outage, outage_name: str
) -> None:
    first = await service.decide("before")
    bought, clicked = event("purchase", "before", amount=1.0), outcome(first.decision_id, OPEN_DOOR, "ENGAGED")
    before = await settled_counts(place.home)
    with outage(place):
        async with asyncio.timeout(PATIENCE_S):
            refused = await asyncio.gather(
                refusal_of(service.decide("meanwhile")),
                refusal_of(service.decide("meanwhile", request_id="r1")),
                refusal_of(service.tell(bought)),
                refusal_of(service.report(clicked)),
            )
    assert list(refused) == [AWAY] * 4
    again = await service.decide("after")
    assert (again.decision_id != "", ranked_ids(again), list(again.degraded)[1:]) == (True, [OPEN_DOOR], [])
    assert reserved(place.home) == ["after", "before"]
    if outage_name not in BLOCKING:  # else what was under way may come about, and what it reserved was given back
        kept = {**before, "decisions": before["decisions"] + 1, "contacts": 2, "customers": before["customers"] + 1}
        assert row_counts(place.home) == kept
    ((event_result,), (outcome_result,)) = await service.tell(bought), await service.report(clicked)
    expected = {ACCEPTED, DUPLICATE} if outage_name in BLOCKING else {ACCEPTED}
    assert {event_result.status, outcome_result.status} <= expected
    assert (await service.decide("meanwhile", request_id="r1")).decision_id


async def test_a_known_answer_is_not_given_while_nobody_can_tell_whether_it_holds(
    service: Service, place: Place, outage: Outage, outage_name: str
) -> None:
    """A file that is locked can be read all the same."""
    known = await service.decide("before", request_id="r1")
    with outage(place):
        async with asyncio.timeout(PATIENCE_S):
            assert await refusal_of(service.decide("before", request_id="r1")) == AWAY
            if outage_name != "file-locked":
                assert await refusal_of(service.recall(known.decision_id)) == AWAY
                assert await refusal_of(service.preview("before")) == AWAY
    assert (await service.decide("before", request_id="r1")).decision_id == known.decision_id


@pytest.mark.parametrize("outage_name", BLOCKING)
async def test_a_caller_with_a_deadline_waits_no_longer_and_reserves_nothing(
    service: Service, place: Place, outage: Outage
) -> None:
    await service.decide("before")
    asked = decision_pb2.DecideRequest(customer_id="in a hurry", channel="web", request_id="r1")
    with outage(place):
        async with asyncio.timeout(SOON_S):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await service.stub.Decide(asked, timeout=0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await service.tell(event("purchase", "another", amount=1.0))  # behind what was still under way
    async with asyncio.timeout(PATIENCE_S):
        while reserved(place.home) != ["before"]:
            await asyncio.sleep(0.01)
    first = await service.decide("in a hurry", request_id="r1")
    assert (await service.decide("in a hurry", request_id="r1")).decision_id == first.decision_id
    assert reserved(place.home) == ["before", "in a hurry"]


async def test_callers_who_come_at_once_wait_no_longer_than_one(service: Service, place: Place, outage: Outage) -> None:
    await service.decide("before")
    with outage(place):
        async with asyncio.timeout(PATIENCE_S):
            refused = await asyncio.gather(*(refusal_of(service.decide(f"c{i}")) for i in range(CALLERS)))
    assert refused == [AWAY] * CALLERS
    answers = await asyncio.gather(*(service.decide(f"c{i}") for i in range(CALLERS)))
    assert all(answer.decision_id for answer in answers)
    assert reserved(place.home) == ["before", *(f"c{i}" for i in range(CALLERS))]


async def test_a_service_ends_while_its_store_is_away(
    place: Place, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.state.engines.postgres.CLOSE_S", SOON_S)
    if (named := place.home / STATE_URL).exists():
        named.write_text(f"{named.read_text()}&connect_timeout=2")  # the least that libpq takes
    async with asyncio.timeout(30):
        async with running(place.home, durability=Durability.POWER_SAFE) as service:
            await service.decide("before")
            entered = outage(place)
            entered.__enter__()
            waiting = asyncio.ensure_future(service.decide("meanwhile"))
            await asyncio.wait({waiting}, timeout=0.1)
    entered.__exit__(None, None, None)
    assert waiting.done()
    assert reserved(place.home) == ["before"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("outage_name", BLOCKING)
async def test_by_the_usual_waits_a_caller_is_told_within_a_quarter_of_a_minute(
    patient: None, service: Service, place: Place, outage: Outage
) -> None:
    await service.decide("before")
    with outage(place):
        async with asyncio.timeout(15):
            refused = await asyncio.gather(
                refusal_of(service.decide("meanwhile")), refusal_of(service.tell(event("purchase", "x", amount=1.0)))
            )
    assert list(refused) == [AWAY] * 2
    assert (await service.decide("meanwhile")).decision_id
