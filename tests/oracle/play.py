"""Plays drawn histories against the service, and holds every answer against the oracle."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, row_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from rumbo.decision.v1.value_pb2 import Value
from service.bootstrap import serve
from service.bootstrap.serve import application
from service.bootstrap.store import kill_switch
from service.state.port import KillSwitch
from service.wire.handler import Handler
from service.wire.server import serving
from tests.fixtures_service import Clock, settings_of
from tests.oracle.draw import BEGINS, CHANNELS, PURPOSES, RESPONSES, SEVERITIES, Draw
from tests.oracle.history import Contact, Customer, Move, Question, World
from tests.oracle.judge import Coverage, judge
from tests.oracle.outside import OutsideFeatures, OutsideModel, UntoldFeatures
from tests.oracle.rules import Moment

if TYPE_CHECKING:
    from rumbo.decision.v1.service_pb2_grpc import DecisionServiceAsyncStub

AHEAD = timedelta(minutes=4)
"""A clock that runs ahead elsewhere: what it reports counts from its receipt."""


class InProcess:
    """The handler without a wire between."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def Decide(self, request: decision_pb2.DecideRequest) -> decision_pb2.DecideResponse:
        return decision_pb2.DecideResponse.FromString(await self._handler.Decide(request.SerializeToString()))

    async def RecordEvents(self, request: events_pb2.RecordEventsRequest) -> events_pb2.RecordEventsResponse:
        sent = await self._handler.RecordEvents(request.SerializeToString())
        return events_pb2.RecordEventsResponse.FromString(sent)

    async def RecordOutcomes(self, request: outcomes_pb2.RecordOutcomesRequest) -> outcomes_pb2.RecordOutcomesResponse:
        sent = await self._handler.RecordOutcomes(request.SerializeToString())
        return outcomes_pb2.RecordOutcomesResponse.FromString(sent)


@asynccontextmanager
async def played(home: Path, draw: Draw, *, over_grpc: bool = False) -> AsyncIterator[Play]:
    """A drawn catalogue in force, and drawn customers that nothing has happened to yet."""
    clock = Clock(BEGINS + draw.span(timedelta(days=200)))
    world = World(catalogue=draw.catalogue(clock.now), customers=draw.customers(clock.now))
    world.catalogue.write(home / "catalogue")
    settings = settings_of(home)
    features = OutsideFeatures(world.customers)
    history = frozenset(j for j in world.catalogue.journeys if draw.likely(0.6))
    model = OutsideModel(history) if draw.likely(0.9) else None
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(serve, "SituationWriter", UntoldFeatures))
        app = await stack.enter_async_context(application(settings, clock, features=features, model=model))
        kills = await stack.enter_async_context(kill_switch(settings))
        play = Play(draw=draw, world=world, clock=clock, service=InProcess(app.handler), kills=kills)
        if over_grpc:
            address = await stack.enter_async_context(serving(app, settings))
            channel = grpc.aio.insecure_channel(f"{address.host}:{address.port}")
            play.service = DecisionServiceStub(await stack.enter_async_context(channel))
        yield play


@dataclass(slots=True, kw_only=True)
class Play:
    draw: Draw
    world: World
    clock: Clock
    service: InProcess | DecisionServiceAsyncStub
    kills: KillSwitch
    seen: Coverage = field(default_factory=Coverage)
    faults: list[str] = field(default_factory=list)
    _ids: Any = field(default_factory=itertools.count)

    async def run(self, decisions: int) -> None:
        """Until so many decisions were judged, or one was wrong."""
        await self._begin()
        while self.seen.decisions < decisions and not self.faults:
            self.clock.move(self.draw.pause())
            kills = 10 if self.world.killed else 2
            what = self.draw.chance.choices(
                (self._ask, self._events, self._outcomes, self._change_stored, self._kill), (50, 22, 20, 6, kills)
            )[0]
            await what()

    # Questions

    async def _ask(self) -> None:
        """One for each channel at times: a dry run leaves everything as it is."""
        await self._decide(self.draw.question(self._any_customer().customer_id))
        for customer in self.draw.some(tuple(self.world.customers), 0, 3):
            question = self.draw.question(customer)
            await self._decide(replace(question, is_dry_run=True))

    async def _decide(self, question: Question) -> None:
        request = decision_pb2.DecideRequest(
            customer_id=question.customer_id,
            channel=question.channel,
            placement=question.placement,
            context={name: _value(value) for name, value in question.context.items()},
            limit=question.limit,
            dry_run=question.is_dry_run,
            explain=decision_pb2.EXPLAIN_FULL,
        )
        moment = Moment(world=self.world, question=question, now=self.clock.now)
        answer = await self.service.Decide(request)
        judged = judge(moment, answer, self.seen)
        if moment.is_blurred:
            judged.faults.clear()
        if judged.faults:
            self.faults += [f"{fault}\n  {question} at {self.clock.now}" for fault in judged.faults]
        if not question.is_dry_run:
            customer = self.world.customers[question.customer_id]
            customer.contacts += judged.contacts
            for journey_id, at in judged.ended:
                customer.moved(journey_id, Move(at=at, stage=None))

    # What happens

    async def _begin(self) -> None:
        """Most consent to most: a history in which nothing is allowed shows little."""
        now, events = self.clock.now, []
        for customer in self.world.customers.values():
            for purpose in PURPOSES[:2]:
                events += [
                    self._granted(customer, purpose, channel, now - self.draw.span(timedelta(days=9)))
                    for channel in CHANNELS
                    if self.draw.likely(0.8)
                ]
        events += [self._beat(source, now) for source in self.world.catalogue.policies.sources]
        await self._tell(events)

    async def _events(self) -> None:
        events = [self._event(self._any_customer()) for _ in range(self.draw.one((1, 1, 2, 3)))]
        await self._tell(events)

    async def _tell(self, events: list[events_pb2.Event]) -> None:
        answer = await self.service.RecordEvents(events_pb2.RecordEventsRequest(events=events))
        for event, result in zip(events, answer.results, strict=True):
            if result.status != row_pb2.ROW_STATUS_ACCEPTED:
                self.faults.append(f"{event} was not accepted: {result}")

    def _event(self, customer: Customer) -> events_pb2.Event:
        at = self.clock.now - self.draw.span(self.draw.one((timedelta(hours=1), timedelta(days=9))))
        if self.draw.likely(0.15):
            at = self.clock.now + self.draw.span(AHEAD)
        happening = self.draw.chance.choices(
            (self._incident, self._consent, self._purchase, self._move, self._heartbeat), (25, 20, 10, 35, 10)
        )[0]
        return happening(customer, at)

    def _incident(self, customer: Customer, at: datetime) -> events_pb2.Event:
        name = self.draw.one(("i1", "i2", "i3"))
        customer.has_events = True
        if self.draw.likely(0.6):
            customer.resolved.setdefault(name, []).append(self._counts_at(at))
            return self._message(customer, "incident.resolved", at, incident_id=name)
        incident_class, severity = self.draw._class_or_none(), self.draw.one((None, *SEVERITIES))
        said = {"class": incident_class, "severity": severity}
        given = {key: value for key, value in said.items() if value is not None}
        message = self._message(customer, "incident.opened", at, incident_id=name, **given)
        told = self._counts_at(at), message.event_id, incident_class, severity
        customer.opened.setdefault(name, []).append(told)
        return message

    def _consent(self, customer: Customer, at: datetime) -> events_pb2.Event:
        if self.draw.likely(0.6):
            return self._granted(customer, self.draw.one(PURPOSES), self.draw.one(CHANNELS), at)
        purpose = self.draw.one((None, *PURPOSES, *PURPOSES))
        channel = self.draw.one((None, *CHANNELS))
        customer.withdrawals.append((purpose, channel, self._counts_at(at)))
        customer.has_events = True
        given = {key: value for key, value in (("purpose", purpose), ("channel", channel)) if value is not None}
        return self._message(customer, "consent.withdrawn", at, **given)

    def _granted(self, customer: Customer, purpose: str, channel: str, at: datetime) -> events_pb2.Event:
        customer.grants.append((purpose, channel, self._counts_at(at)))
        customer.has_events = True
        return self._message(customer, "consent.granted", at, purpose=purpose, channel=channel)

    def _purchase(self, customer: Customer, at: datetime) -> events_pb2.Event:
        customer.happened.setdefault("last_purchase_at", []).append(self._counts_at(at))
        customer.has_events = True
        return self._message(customer, "purchase", at, amount=12.5)

    def _move(self, customer: Customer, at: datetime) -> events_pb2.Event:
        journey = self.draw.one(tuple(self.world.catalogue.journeys.values()))
        customer.has_events = True
        counts_at = self._counts_at(at)
        if self.draw.likely(0.4):
            left = self._message(customer, "journey.exited", at, journey_id=journey.journey_id)
            customer.moved(journey.journey_id, Move(at=counts_at, stage=None, row_id=left.event_id))
            return left
        stage = self.draw.one(tuple(journey.stages))
        what = self.draw.one(("journey.entered", "journey.advanced"))
        told = self._message(customer, what, at, journey_id=journey.journey_id, stage=stage)
        is_advance = what == "journey.advanced"
        move = Move(at=counts_at, stage=stage, is_advance=is_advance, row_id=told.event_id)
        customer.moved(journey.journey_id, move)
        return told

    def _heartbeat(self, customer: Customer, at: datetime) -> events_pb2.Event:
        sources = self.world.catalogue.policies.sources
        return self._beat(self.draw.one(sources), at) if sources else self._purchase(customer, at)

    def _beat(self, source: str, at: datetime) -> events_pb2.Event:
        self.world.heartbeats[source] = max(self._counts_at(at), self.world.heartbeats.get(source, BEGINS))
        return events_pb2.Event(event_id=self._id(), source=source, type="feed.heartbeat", occurred_at=_stamp(at))

    def _message(self, customer: Customer, what: str, at: datetime, **attributes: str | float) -> events_pb2.Event:
        return events_pb2.Event(
            event_id=self._id(),
            customer_id=customer.customer_id,
            source="drawn",
            type=what,
            occurred_at=_stamp(at),
            attributes={name: _value(value) for name, value in attributes.items()},
        )

    async def _outcomes(self) -> None:
        contacts = [c for c in self._any_customer().contacts if self.clock.now - c.decided_at < timedelta(days=8)]
        if not contacts:
            return
        outcomes = [self._outcome(c) for c in self.draw.some(contacts[-6:], 1, 3)]
        request = outcomes_pb2.RecordOutcomesRequest(outcomes=outcomes)
        answer = await self.service.RecordOutcomes(request)
        for outcome, result in zip(outcomes, answer.results, strict=True):
            if result.status != row_pb2.ROW_STATUS_ACCEPTED:
                self.faults.append(f"{outcome} was not accepted: {result}")

    def _outcome(self, contact: Contact) -> outcomes_pb2.Outcome:
        """At times stamped before the decision, by a clock that is behind; at times told twice."""
        at = self.clock.now - self.draw.span(self.draw.one((timedelta(hours=2), timedelta(days=9))))
        if self.draw.likely(0.8):
            at = max(contact.decided_at, at)
        counts_at = max(contact.decided_at, at)
        if self.draw.likely(0.75 if contact.presented_at is None else 0.1):
            if self.draw.likely(0.25):
                contact.is_released = contact.is_released or contact.presented_at is None
                return self._report(contact, "NOT_PRESENTED", at)
            self._present(contact, counts_at)
            return self._report(contact, "PRESENTED", at)
        what = self.draw.one((*RESPONSES, "ENGAGED"))
        contact.responses.append((what, counts_at))
        return self._report(contact, what, at)

    def _present(self, contact: Contact, at: datetime) -> None:
        """Told twice it is one presentation: it counts from the later time, and ends what it displaces by the first."""
        customer, journey_id = self.world.customers[contact.customer_id], contact.journey.journey_id
        cause = f"{contact.decision_id}/{journey_id}"
        last = contact.presented_at = max(at, contact.presented_at or at)
        first = contact.first_presented_at = min(at, contact.first_presented_at or at)
        customer.moved_once(journey_id, Move(at=last, stage=contact.stage, only_enters=True, row_id=cause))
        for other in contact.displaces:
            customer.moved_once(other, Move(at=first, stage=None, row_id=cause))

    def _report(self, contact: Contact, what: str, at: datetime) -> outcomes_pb2.Outcome:
        return outcomes_pb2.Outcome(
            outcome_id=self._id(),
            decision_id=contact.decision_id,
            journey_id=contact.journey.journey_id,
            type=f"OUTCOME_TYPE_{what}",
            occurred_at=_stamp(at),
        )

    async def _change_stored(self) -> None:
        self._any_customer().stored = self.draw.stored(self.clock.now)

    async def _kill(self) -> None:
        if self.world.killed:
            target = self.world.killed.pop()
            await self.kills.unkill(target)
            return
        kinds = [f"kind:{j.kind}" for j in self.world.catalogue.journeys.values()]
        target = self.draw.one((*self.world.catalogue.journeys, *kinds, "*"))
        self.world.killed.add(target)
        await self.kills.kill(target, "drawn", self.clock.now)

    def _counts_at(self, at: datetime) -> datetime:
        return min(at, self.clock.now)

    def _any_customer(self) -> Customer:
        return self.draw.one(tuple(self.world.customers.values()))

    def _id(self) -> str:
        return f"drawn-{next(self._ids)}"


def _value(value: str | float) -> Value:
    return Value(string_value=value) if isinstance(value, str) else Value(double_value=value)


def _stamp(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at.astimezone(UTC))
    return stamp
