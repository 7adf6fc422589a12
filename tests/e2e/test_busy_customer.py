"""One customer about whom much is told: her decisions are answered, and obey."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import grpc
import pytest

from rumbo.decision.v1 import events_pb2
from tests.e2e.wire import APOLOGY, REGULAR, event, ranked_ids
from tests.fixtures_service import Clock, Service, running

EVENTS_PER_S = 300
SECONDS = 10
MIXED = ("purchase", "incident.opened", "incident.resolved", "consent.granted", "journey.entered")


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def told(number: int, kind: str) -> events_pb2.Event:
    """Each of another id. Incidents are over as soon as they are told, in pairs."""
    match kind:
        case "incident.opened":
            return event(kind, incident_id=f"i{number}")
        case "incident.resolved":
            return event(kind, incident_id=f"i{number - 1}")
        case "consent.granted":
            return event(kind, purpose="marketing", channel="web")
        case "journey.entered":
            return event(kind, journey_id="pantry-mailer", stage="select")
    return event("purchase", amount=1.0)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kinds", [("purchase",), MIXED], ids=["purchases", "everything"])
async def test_nearly_every_decision_is_answered_while_much_is_told_of_its_customer(
    own_home: Path, kinds: tuple[str, ...]
) -> None:
    """At 300 events a second, or as many as the machine takes of them."""
    answers: Counter[str] = Counter()
    async with running(own_home, Clock()) as service:
        telling = asyncio.create_task(_tell(service, kinds))
        while not telling.done():
            try:
                await service.decide(REGULAR)
                answers["answered"] += 1
            except grpc.aio.AioRpcError as error:
                answers[error.code().name] += 1
        assert await telling > EVENTS_PER_S
        await service.tell(event("incident.opened", incident_id="last"))
        assert ranked_ids(await service.decide(REGULAR))[0] == APOLOGY
    assert answers.total() >= 5
    assert answers["answered"] >= 0.95 * answers.total(), answers


async def _tell(service: Service, kinds: tuple[str, ...]) -> int:
    """Each in a call of its own, at its own time: several are under way at once. Returns: how many were told."""
    loop, sent = asyncio.get_running_loop(), 0
    begun, calls = loop.time(), set[asyncio.Task[object]]()
    while (now := loop.time() - begun) < SECONDS:
        while sent < now * EVENTS_PER_S and len(calls) < 32:
            call = asyncio.create_task(_told(service, told(sent, kinds[sent % len(kinds)])))
            calls.add(call)
            call.add_done_callback(calls.discard)
            sent += 1
        await asyncio.sleep(1 / EVENTS_PER_S)
    await asyncio.gather(*calls)
    return sent


async def _told(service: Service, row: events_pb2.Event) -> None:
    await service.tell(row)
