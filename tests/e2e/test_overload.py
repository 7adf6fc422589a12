"""More calls than can be answered: some are refused at once, typed and before anything is read, the rest in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from features.reading import CustomerByCustomer, FeatureReading
from rumbo.decision.v1 import decision_pb2
from service.application.hydrate import PROBE
from service.wire.admission import Share
from tests.e2e.hostile import Raw
from tests.e2e.wire import ACCEPTED, Refusal, event, outcome, refusal_of, rejection_of
from tests.fixtures_service import Service, row_counts, running

Asked = asyncio.Task[decision_pb2.DecideResponse]
UNKNOWN = "0199a0b1-0000-7000-8000-000000000000"
MOST = 3
OVERLOADED = Refusal(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="OVERLOADED")
TOO_LATE = Refusal(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="DEADLINE_UNREACHABLE")


@dataclass(slots=True)
class Gate(CustomerByCustomer):
    """A feature store that reads nobody until it is opened. `asked`: the customers whose facts were asked for."""

    is_open: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        self.asked.append(customer_id)
        if customer_id != PROBE:
            assert self.is_open.wait(30)
        return FeatureReading(values={}, degraded=(), has_any_row=False)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def service(stored_home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service that may work on `MOST` questions at once."""
    monkeypatch.setenv("RUMBO_MAX_CALLS_DECIDE", str(MOST))
    async with running(stored_home, features=gate) as started:
        yield started
        gate.is_open.set()


@asynccontextmanager
async def crowd(service: Service, gate: Gate) -> AsyncIterator[list[Asked]]:
    """As many questions as there may be, all of which wait at the gate; it is opened in the end."""
    inside = [asyncio.create_task(service.decide(f"inside {n}")) for n in range(MOST)]
    await until(lambda: refuses(service))
    yield inside
    gate.is_open.set()
    await asyncio.gather(*inside, return_exceptions=True)


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await claim():
            await asyncio.sleep(0.01)


async def refuses(service: Service) -> bool:
    """Whether there is no room for one more, which would be found invalid at once."""
    return await refusal_of(service.decide("")) == OVERLOADED


async def test_one_question_too_many_is_refused_before_anything_is_read_or_written(
    service: Service, gate: Gate
) -> None:
    async with crowd(service, gate) as inside:
        before = row_counts(service.home)
        assert await refusal_of(service.decide("one too many", request_id="r")) == OVERLOADED
        assert row_counts(service.home) == before
    assert all(answer.decision_id for answer in await asyncio.gather(*inside))
    assert (await service.decide("one too many", request_id="r")).decision_id
    assert gate.asked.count("one too many") == 1


async def test_events_outcomes_and_records_have_room_while_questions_have_none(service: Service, gate: Gate) -> None:
    async with crowd(service, gate):
        told = await service.tell(event("consent.withdrawn", "who leaves"))
        reported = await service.report(outcome(UNKNOWN, "journey", "PRESENTED"))
        assert [r.status for r in told] == [ACCEPTED]
        assert rejection_of(reported[0]) == ("decision_id", "UNKNOWN_DECISION")
        assert (await refusal_of(service.recall(UNKNOWN))).reason == "DECISION_UNKNOWN"


async def test_health_and_reflection_are_never_refused(service: Service, gate: Gate) -> None:
    health: Any = health_pb2_grpc.HealthStub(service.channel)
    async with crowd(service, gate):
        checked = await health.Check(health_pb2.HealthCheckRequest())
        assert checked.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_caller_who_is_gone_leaves_room_for_another(service: Service, gate: Gate) -> None:
    async with crowd(service, gate) as inside:
        inside[0].cancel()
        await until(lambda: lets_in(service))


async def lets_in(service: Service) -> bool:
    return not await refuses(service)


async def test_a_call_whose_message_does_not_come_takes_no_room(service: Service, gate: Gate) -> None:
    """Ten times as many calls as may be worked on are begun, and their messages are not sent."""
    raw = await Raw.to(service.address.port)
    for _ in range(10 * MOST):
        raw.begin()
    await raw.flush()
    gate.is_open.set()
    assert (await service.decide("somebody else")).decision_id
    raw.close()


async def test_a_message_that_does_not_come_in_time_ends_its_call(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.wire.door.READ_S", 0.1)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(30)
        yield b""

    call: Any = service.channel.stream_unary("/rumbo.decision.v1.DecisionService/Decide")
    late = Refusal(code=grpc.StatusCode.DEADLINE_EXCEEDED, reason="MESSAGE_LATE")
    assert await refusal_of(call(nothing())) == late


class Seconds:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_question_that_would_come_too_late_is_not_begun(
    stored_home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One took a second and a half, so that one behind another is expected to take three."""
    clock = Seconds()
    monkeypatch.setattr("service.bootstrap.serve.Share", partial(Share, clock=clock))
    async with running(stored_home, features=gate) as service:
        slow = asyncio.create_task(service.decide("slow"))
        await until(lambda: is_asked(gate, "slow"))
        clock.now += 1.5
        gate.is_open.set()
        await slow
        gate.is_open.clear()
        behind = asyncio.create_task(service.decide("another one"))
        await until(lambda: lets_in_nobody_within(service, 2.5))
        gate.is_open.set()
        assert (await behind).decision_id
        assert "hurried" not in gate.asked


async def is_asked(gate: Gate, customer: str) -> bool:
    return customer in gate.asked


async def lets_in_nobody_within(service: Service, seconds: float) -> bool:
    hurried = decision_pb2.DecideRequest(customer_id="hurried", channel="no channel")
    return await refusal_of(service.stub.Decide(hurried, timeout=seconds)) == TOO_LATE
