"""Many calls at the same time, and events that come between the reading of the facts and the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow
from rumbo.decision.v1 import decision_pb2, reason_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.wire import (
    APOLOGY,
    CHANNELS,
    HELPING,
    REGULAR,
    event,
    offered,
    opened,
    ranked_ids,
    resolved,
)
from tests.example import EXAMPLE
from tests.fixtures_service import Clock, Service, ask_state, row_counts, running
from tests.one_by_one import ModelOneByOne

HELP = ("service", "resolution")


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def contacts(home: Path, customer_id: str) -> list[tuple[str, str, str]]:
    """(journey, effective kind, channel) of every reservation."""
    rows = ask_state(home, f"SELECT journey_id, kind, channel FROM contacts WHERE customer_id = '{customer_id}'")
    return [(journey_id, kind, channel) for journey_id, kind, channel in rows]


def assert_within_the_limits(home: Path, customer_id: str) -> None:
    """Counts naively, as the YAML says; every reservation here is younger than the shortest window."""
    made, served = contacts(home, customer_id), home / "catalogue"
    for limit in yaml.safe_load((served / "policies.yaml").read_text(encoding="utf-8"))["pressure"]:
        counted = [
            (journey_id, channel)
            for journey_id, kind, channel in made
            if channel in limit.get("channels", CHANNELS)
            and (kind in limit["kinds"] if "kinds" in limit else kind not in HELP)
        ]
        assert len(counted) <= limit["at_most"], limit["id"]
    for file in (served / "journeys").glob("*.yaml"):
        journey = yaml.safe_load(file.read_text(encoding="utf-8"))
        own = [journey_id for journey_id, _, _ in made if journey_id == journey["journey"]]
        assert "contact" not in journey or len(own) <= journey["contact"]["at_most"], journey["journey"]


def assert_taken_is_explained(answer: decision_pb2.DecideResponse) -> None:
    """TAKEN_MEANWHILE comes first, of its own kind, and with the limit that was reached."""
    for rejected in answer.rejected:
        codes = [reason.code for reason in rejected.reasons]
        if "TAKEN_MEANWHILE" in codes:
            assert codes[0] == "TAKEN_MEANWHILE"
            assert rejected.reasons[0].kind == reason_pb2.REASON_KIND_TAKEN
            assert set(codes[1:]) <= {"CONTACT_CAP", "PRESSURE_CAP"}
            assert len(codes) > 1


@pytest.mark.parametrize("channels", [("email",), ("email", "sms", "push"), ("web", "app", "store"), CHANNELS])
async def test_32_decisions_at_once_keep_every_limit(service: Service, channels: Sequence[str]) -> None:
    asks = [service.decide(REGULAR, channels[i % len(channels)]) for i in range(32)]
    answers = await asyncio.gather(*asks)
    assert_within_the_limits(service.home, REGULAR)
    assert sum(len(answer.ranked) for answer in answers) == len(contacts(service.home, REGULAR)) > 0
    for answer in answers:
        assert_taken_is_explained(answer)


async def test_two_servers_at_once_keep_every_limit(own_home: Path) -> None:
    clock = Clock()
    async with running(own_home, clock) as one, running(own_home, clock) as other:
        await asyncio.gather(*(s.decide(REGULAR, c) for c in CHANNELS for s in (one, other) for _ in range(3)))
    assert_within_the_limits(own_home, REGULAR)


async def test_decisions_amid_events_obey_what_was_acknowledged_and_all_are_answered(service: Service) -> None:
    """While incidents pour in, each decision asked for after the first acknowledgement is free of offers."""
    is_acknowledged = False

    async def trouble() -> None:
        nonlocal is_acknowledged
        for minute in range(40):
            await service.tell(opened(ago=timedelta(minutes=60 - minute)))
            is_acknowledged = True

    answers: list[tuple[bool, decision_pb2.DecideResponse]] = []

    async def ask() -> None:
        for _ in range(8):
            obliged = is_acknowledged
            answers.append((obliged, await service.decide(REGULAR)))

    await asyncio.gather(trouble(), *(ask() for _ in range(4)))
    assert any(obliged for obliged, _ in answers)
    for obliged, answer in answers:
        is_during = ranked_ids(answer)[0] == APOLOGY
        assert is_during or not obliged
        assert not (is_during and offered(answer, "web"))


class InterruptedModel(ModelOneByOne):
    """A model whose scoring is interrupted by a call to some server: the facts were read, nothing is committed yet."""

    version = "interrupted"
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.history = frozenset(file.stem for file in (EXAMPLE / "journeys").glob("*.yaml"))
        self.calls: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._loop = asyncio.get_running_loop()

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        if self.calls:
            asyncio.run_coroutine_threadsafe(self.calls.pop(0)(), self._loop).result(timeout=30)
        return np.full(len(journeys), 0.5)

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError


async def test_an_incident_acknowledged_while_scoring_is_obeyed_by_that_very_decision(own_home: Path) -> None:
    model = InterruptedModel()
    async with running(own_home, model=model) as service:
        assert offered(await service.preview(REGULAR), "web")
        model.calls = [lambda: service.tell(opened())]
        answer = await service.decide(REGULAR, limit=50)
    assert ranked_ids(answer)[0] == APOLOGY
    assert {journey.kind for journey in answer.ranked} <= HELPING


async def test_a_withdrawal_acknowledged_while_scoring_is_obeyed_by_that_very_decision(own_home: Path) -> None:
    model = InterruptedModel()
    async with running(own_home, model=model) as service:
        model.calls = [lambda: service.tell(event("consent.withdrawn", channel="web"))]
        assert not (await service.decide(REGULAR, limit=50)).ranked


async def test_facts_that_move_at_each_attempt_are_obeyed_by_the_last_and_one_decision_is_kept(own_home: Path) -> None:
    model = InterruptedModel()
    async with running(own_home, model=model) as service:
        before = row_counts(own_home)
        bought = [lambda: service.tell(event("purchase", amount=1.0)) for _ in range(2)]
        model.calls = [*bought, lambda: service.tell(opened())]
        answer = await service.decide(REGULAR, limit=50, request_id="visit-1")
        assert not model.calls
        assert ranked_ids(answer)[0] == APOLOGY
        assert {journey.kind for journey in answer.ranked} <= HELPING
        after = row_counts(own_home)
        assert [after[name] - before[name] for name in ("decisions", "requests")] == [1, 1]
        assert (await service.decide(REGULAR, limit=50, request_id="visit-1")) == answer


async def test_facts_that_move_twice_are_read_a_third_time(own_home: Path) -> None:
    model = InterruptedModel()
    async with running(own_home, model=model) as service:
        model.calls = [lambda: service.tell(opened()), lambda: service.tell(resolved())]
        assert offered(await service.decide(REGULAR), "web")


async def test_the_last_contact_taken_by_another_server_meanwhile_is_not_given_twice(own_home: Path) -> None:
    model, clock = InterruptedModel(), Clock()
    async with running(own_home, clock, model=model) as one, running(own_home, clock) as other:
        await one.decide(REGULAR, "email")
        taken: list[decision_pb2.DecideResponse] = []

        async def take() -> None:
            taken.append(await other.decide(REGULAR, "email"))

        model.calls = [take]
        answer = await one.decide(REGULAR, "email")
        assert len(taken[0].ranked) == 1
        assert not answer.ranked
        assert answer.HasField("no_journey")
        assert any(r.reasons[0].code == "TAKEN_MEANWHILE" for r in answer.rejected)
        assert_taken_is_explained(answer)
        assert_within_the_limits(own_home, REGULAR)
        assert list((await one.recall(answer.decision_id)).rejected) == list(answer.rejected)


async def test_calls_under_way_are_answered_when_the_server_stops(own_home: Path) -> None:
    model = InterruptedModel()
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        under_way.set()
        await go_on.wait()

    model.calls = [pause]
    async with AsyncExitStack() as left_last:
        async with running(own_home, model=model) as service:
            target = f"{service.address.host}:{service.address.port}"
            channel = await left_last.enter_async_context(grpc.aio.insecure_channel(target))
            stub = DecisionServiceStub(channel)
            asked = stub.Decide(decision_pb2.DecideRequest(customer_id=REGULAR, channel="web"))
            await under_way.wait()
            asyncio.get_running_loop().call_later(0.5, go_on.set)
        assert (await asked).ranked
