"""The log of a service whose callers misbehave: what the operator must know, and nothing of who they asked for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from h2.errors import ErrorCodes
from h2.events import ResponseReceived

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.hostile import Raw
from tests.e2e.test_command_line import END_S, address_of, process
from tests.e2e.wire import event, outcome, values
from tests.fixtures_stores import without_state

WHO = "customer-of-the-log-4711"
"""In every id and text that is sent."""
SIZE = (("grpc.max_send_message_length", 16 * 1024 * 1024),)


async def slow_readers(port: int) -> None:
    """Ask for more than they are ready to take, and go away: by a reset, and without a word."""
    raw = await Raw.to(port)
    raw.take_nothing()
    await raw.flush()
    asked = decision_pb2.DecideRequest(customer_id=WHO, channel="web", explain=decision_pb2.EXPLAIN_FULL)
    streams = [raw.begin() for _ in range(8)]
    for stream in streams:
        raw.send(stream, asked)
    await raw.flush()
    await raw.until(ResponseReceived, len(streams))
    for stream in streams[:4]:
        raw.h2.reset_stream(stream, ErrorCodes.CANCEL)
    await raw.until_read()
    raw.close()


async def half_senders(port: int) -> None:
    """Send a part of a message, and go away."""
    raw = await Raw.to(port)
    for method in ("Decide", "RecordEvents", "RecordOutcomes", "GetDecision"):
        raw.send(raw.begin(method=method), decision_pb2.DecideRequest(customer_id=WHO), is_whole=False)
    await raw.until_read()
    raw.close()


async def empty_callers(port: int) -> None:
    """Call without a message, or reset at once."""
    raw = await Raw.to(port)
    for n in range(40):
        stream = raw.begin()
        if n % 2:
            raw.h2.reset_stream(stream, ErrorCodes.CANCEL)
        else:
            raw.h2.end_stream(stream)
    await raw.until_read()
    raw.close()


async def bad_callers(port: int) -> None:
    """What a caller may get wrong with an ordinary client."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", SIZE) as channel:
        stub = DecisionServiceStub(channel)
        for request in bad_questions():
            await failing(stub.Decide(request))
        for events in bad_events():
            await failing(stub.RecordEvents(events_pb2.RecordEventsRequest(events=events)))
        await failing(stub.RecordOutcomes(outcomes_pb2.RecordOutcomesRequest(outcomes=[outcome(WHO, WHO, "NPS")])))
        await failing(stub.GetDecision(record_pb2.GetDecisionRequest(decision_id=WHO)))
        await failing(stub.GetDecision(record_pb2.GetDecisionRequest(decision_id="\x00")))
        for method in ("Decide", "RecordEvents", "RecordOutcomes", "GetDecision", "Nothing"):
            call: Any = channel.unary_unary(f"/rumbo.decision.v1.DecisionService/{method}")
            await failing(call(b"\xff" + WHO.encode()))


def bad_questions() -> list[decision_pb2.DecideRequest]:
    asked: dict[str, Any] = {"customer_id": WHO, "channel": "web"}
    return [
        decision_pb2.DecideRequest(customer_id=WHO * 200_000, channel="web"),
        decision_pb2.DecideRequest(customer_id=WHO + "\x00", channel="web"),
        decision_pb2.DecideRequest(customer_id=WHO, channel=WHO),
        decision_pb2.DecideRequest(**asked, context=values(**{WHO: WHO})),
        decision_pb2.DecideRequest(**asked, context=values(page=WHO)),
        decision_pb2.DecideRequest(**asked, request_id=WHO),
        decision_pb2.DecideRequest(**asked, request_id=WHO, limit=2),
    ]


def bad_events() -> list[list[events_pb2.Event]]:
    return [
        [event("incident.opened", WHO, incident_id=WHO)],
        [event("consent.granted", WHO, purpose=WHO, channel=WHO)],
        [event(WHO, WHO)],
        [event("purchase", WHO, amount=WHO)],
        [event("purchase", WHO, amount=1.0)] * 1001,
        [event("journey.entered", WHO, journey_id=WHO, stage=WHO)],
        [event("purchase", "", amount=1.0, note=WHO)],
    ]


async def hasty_callers(port: int) -> None:
    """Give up at any time."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = DecisionServiceStub(channel)
        asked = decision_pb2.DecideRequest(customer_id=WHO, channel="web", explain=decision_pb2.EXPLAIN_FULL)
        await asyncio.gather(*(failing(stub.Decide(asked, timeout=0.002 * n)) for n in range(40)))


async def failing(call: Awaitable[object]) -> None:
    with suppress(grpc.aio.AioRpcError):
        await call


HOSTILE: list[Callable[[int], Awaitable[None]]] = [
    slow_readers,
    half_senders,
    empty_callers,
    bad_callers,
    hasty_callers,
]


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_whatever_callers_do_the_log_has_no_traceback_and_tells_of_nobody(
    seeded_home: Path, tmp_path: Path
) -> None:
    home = without_state(seeded_home, tmp_path / "home")
    with process("serve", "--home", str(home), "--port", "0") as serving:
        address = await asyncio.to_thread(address_of, serving)
        port = int(address.rsplit(":", 1)[1])
        for behave in HOSTILE:
            await behave(port)
        async with grpc.aio.insecure_channel(address) as channel:
            asked = decision_pb2.DecideRequest(customer_id=WHO, channel="web")
            answered = await DecisionServiceStub(channel).Decide(asked)
        serving.send_signal(signal.SIGTERM)
        _, log = await asyncio.to_thread(serving.communicate, None, END_S)
    assert serving.returncode == 0
    assert answered.decision_id in log
    lines = log.splitlines()
    assert not [line for line in lines if "Traceback" in line or "raceback" in line]
    assert not [line for line in lines if WHO in line]
    assert not [line for line in lines if "alembic" in line.lower()]
    assert {line[0] for line in lines} == {"{"}, "each line is an object"
