"""A long story over the example: the same questions, in the same order, at the same instants, by the same ids.

What is asked depends on a seed and on what was answered before, never on the machine, the store or the day. It takes
ten days, so that caps begin anew, quiet hours come and go, and in the end what is known of customers is too old.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from service.bootstrap.store import kill_switch
from tests.e2e.wire import CHANNELS, at, values
from tests.fixtures_features import NOW
from tests.fixtures_service import Clock, Service, running, settings_of

QUESTIONS = 2000
SEED = 20180103
BEGIN = NOW + timedelta(hours=5)
HOUSEHOLDS = ("46", "283", "45", "1", "7", "8", "13", "16", "18", "22", "31", "40", "58", "67", "98", "stranger")
PLACEMENTS = (None, None, None, "home", "cart", "nowhere")
CONTEXTS: tuple[dict[str, str | float], ...] = (
    {},
    {},
    {"page": "beauty", "device": "mobile"},
    {"page": "cart", "basket_value": 42.5},
    {"page": "home", "weather": "cold", "basket_value": 0.0},
)
ATTRIBUTES = ("delivery", "billing", "safety", "product_quality", "unheard-of")
JOURNEYS = (
    ("pantry-mailer", "use"),
    ("welcome", "need"),
    ("satisfaction-survey", "recommend"),
    ("loyalty-thanks", "maintain"),
    ("long-run-coupons", "select"),
)
OUTCOMES = (*("PRESENTED",) * 8, "NOT_PRESENTED", "ENGAGED", "ACCEPTED", "REJECTED", "CONVERTED", "NPS", "CES")
KILLED = "kind:feedback"
ASKED = ("Decide", "GetDecision")
"""The methods of which a call is a question; calls of others report."""

Json = dict[str, Any]
Row = TypeVar("Row", events_pb2.Event, outcomes_pb2.Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question and what was said to it, in words that any later service can be asked to repeat."""

    asked: str
    document: Json

    @property
    def is_of_question(self) -> bool:
        return self.asked in ASKED


@dataclass(slots=True)
class CountedIds:
    """Ids of version 7, as the service makes them, told apart by a count in place of chance."""

    count: int = 0

    def __call__(self, moment: datetime) -> str:
        self.count += 1
        millis = int(moment.timestamp() * 1000)
        return str(UUID(int=(millis << 80) | (0x7 << 76) | (0b10 << 62) | self.count))


@asynccontextmanager
async def example_at(home: Path, clock: Clock) -> AsyncIterator[Service]:
    """The example over this home, by its priors, with counted ids."""
    async with running(home, clock, new_id=CountedIds()) as service:
        yield service


@dataclass(slots=True)
class Storyteller:
    """Asks one question after another. `decided` are the decisions so far: (decision id, ranked journeys)."""

    service: Service
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    decided: list[tuple[str, list[str]]] = field(default_factory=list)
    requests: list[decision_pb2.DecideRequest] = field(default_factory=list)
    events: list[events_pb2.Event] = field(default_factory=list)
    outcomes: list[outcomes_pb2.Outcome] = field(default_factory=list)

    async def tell(self, questions: int = QUESTIONS) -> AsyncIterator[Answer]:
        """Every answer, in order, until so many questions were asked. Between them things happen and are reported."""
        asked = 0
        while asked < questions:
            self.service.clock.move(timedelta(seconds=self.chance.choice((0, 1, 30, 300, 900))))
            if self.chance.random() < 0.2:
                yield await self._event()
            elif self.decided and self.chance.random() < 0.3:
                yield await self._outcome()
            else:
                yield await self._ask(asked)
                asked += 1

    async def _ask(self, position: int) -> Answer:
        if position % 400 == 200:
            await self._kill(is_killed=position % 800 == 200)
        if self.decided and self.chance.random() < 0.1:
            return await self._recall()
        return await self._decide(position)

    async def _kill(self, *, is_killed: bool) -> None:
        async with kill_switch(settings_of(self.service.home)) as switch:
            if is_killed:
                await switch.kill(KILLED, "a story", self.service.clock())
            else:
                await switch.unkill(KILLED)

    async def _decide(self, position: int) -> Answer:
        if self.requests and self.chance.random() < 0.08:
            request = self.chance.choice(self.requests[-5:])
        else:
            request = self._request(position)
        answered = await answer("Decide", self.service.stub.Decide(request))
        if "decision_id" in answered.document:
            ranked = [journey["journey_id"] for journey in answered.document.get("ranked", [])]
            self.decided.append((answered.document["decision_id"], ranked))
        return answered

    def _request(self, position: int) -> decision_pb2.DecideRequest:
        chance = self.chance
        has_id = chance.random() < 0.15
        request = decision_pb2.DecideRequest(
            customer_id=chance.choice(HOUSEHOLDS),
            channel=chance.choice((*CHANNELS, *CHANNELS, *CHANNELS, "pigeon")),
            placement=chance.choice(PLACEMENTS),
            context=values(**chance.choice(CONTEXTS)),
            limit=chance.choice((None, None, None, None, None, 1, 1, 2, 2, 5, 50, 0)),
            dry_run=chance.random() < 0.2,
            explain=chance.choice((decision_pb2.EXPLAIN_SUMMARY, decision_pb2.EXPLAIN_FULL, decision_pb2.EXPLAIN_FULL)),
            locale=chance.choice(("en", "es", "")),
            request_id=f"request-{position}" if has_id else None,
        )
        if has_id:
            self.requests.append(request)
        return request

    async def _recall(self) -> Answer:
        decision_id, _ = self.chance.choice(self.decided[-40:])
        explain = self.chance.choice((decision_pb2.EXPLAIN_SUMMARY, decision_pb2.EXPLAIN_FULL))
        locale = self.chance.choice(("en", "es"))
        request = record_pb2.GetDecisionRequest(decision_id=decision_id, explain=explain, locale=locale)
        return await answer("GetDecision", self.service.stub.GetDecision(request))

    async def _event(self) -> Answer:
        row = self._reported(self.events, self._new_event)
        request = events_pb2.RecordEventsRequest(events=[row])
        return await answer("RecordEvents", self.service.stub.RecordEvents(request))

    def _new_event(self) -> events_pb2.Event:
        kind, attributes = self._happening()
        ago = timedelta(seconds=self.chance.choice((0, 0, 5, 3600, 86400)))
        return events_pb2.Event(
            event_id=f"event-{len(self.events)}",
            customer_id=self.chance.choice(HOUSEHOLDS),
            source="story",
            type=kind,
            occurred_at=at(self.service.clock() - ago),
            attributes=values(**attributes),
        )

    def _happening(self) -> tuple[str, dict[str, str | float]]:
        chance = self.chance
        purpose = {"purpose": chance.choice(("marketing", "research", "loyalty")), "channel": chance.choice(CHANNELS)}
        journey, stage = chance.choice(JOURNEYS)
        incident: dict[str, str | float] = {"incident_id": chance.choice(("case-1", "case-2"))}
        happenings: tuple[tuple[int, str, dict[str, str | float]], ...] = (
            (2, "incident.opened", {**incident, "class": chance.choice(ATTRIBUTES)}),
            (10, "incident.resolved", incident),
            (8, "consent.granted", {**purpose}),
            (1, "consent.withdrawn", {**purpose}),
            (2, "purchase", {"amount": chance.choice((3.0, 12.5, 80.0))}),
            (2, "journey.entered", {"journey_id": journey, "stage": stage}),
            (2, "journey.exited", {"journey_id": journey}),
        )
        weights = [weight for weight, _, _ in happenings]
        ((_, kind, attributes),) = chance.choices(happenings, weights)
        return kind, attributes

    async def _outcome(self) -> Answer:
        row = self._reported(self.outcomes, self._new_outcome)
        request = outcomes_pb2.RecordOutcomesRequest(outcomes=[row])
        return await answer("RecordOutcomes", self.service.stub.RecordOutcomes(request))

    def _new_outcome(self) -> outcomes_pb2.Outcome:
        decision_id, ranked = self.chance.choice(self.decided[-4:])
        kind = self.chance.choice(OUTCOMES)
        return outcomes_pb2.Outcome(
            outcome_id=f"outcome-{len(self.outcomes)}",
            decision_id=decision_id,
            journey_id=self.chance.choice(ranked) if ranked else "pantry-mailer",
            type=f"OUTCOME_TYPE_{kind}",
            value={"NPS": 9.0, "CES": 2.0, "CONVERTED": 4.5}.get(kind),
            occurred_at=at(self.service.clock()),
        )

    def _reported(self, rows: list[Row], new: Callable[[], Row]) -> Row:
        """A new row, or now and then one that was reported before."""
        if rows and self.chance.random() < 0.06:
            return self.chance.choice(rows[-20:])
        rows.append(new())
        return rows[-1]


async def answer(asked: str, call: Awaitable[Message]) -> Answer:
    """A refusal is an answer too. The catalogue's version is left out: it is a hash of the example's files."""
    try:
        document = MessageToDict(await call, preserving_proto_field_name=True)
    except grpc.aio.AioRpcError as error:
        document = {"refused": error.code().name, "why": _reason(error)}
    document.pop("catalogue_version", None)
    return Answer(asked=asked, document=document)


def _reason(error: grpc.aio.AioRpcError) -> Json:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = ErrorInfo()
    if status is None or not status.details[0].Unpack(info):
        return {}
    return {"reason": info.reason, **info.metadata}
