"""A script of batches, carried out by one decider in batches and by another whose every call is split into singles.

Play ──> batch, batch, …        each: what is asked, what each caller does, what comes about between read and commit
World ──> Deciding over a real store; `Apart` splits what is read, scored and kept into calls of one
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.reading import CustomerByCustomer, FeatureReading
from features.values import FeatureRow, FeatureValue
from service.application.deciding import Answer, Asked, Deciding
from service.application.hydrate import Hydrator
from service.application.question import Question
from service.application.scoring import Models, Scores, Scoring, ToScore
from service.batches import Waiting
from service.catalogue.objective_windows import ObjectiveWindows
from service.catalogue.terms import terms_of
from service.decision.decide import Decision
from service.decision.plan import Plan
from service.decision.record import canonical, to_document
from service.decision.reports.effects import KnownEvent
from service.state.engines.engine import Engine
from service.state.engines.session import Row, Session, Sql
from service.state.engines.sqlite import SqliteSession
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    DeferredDecision,
    RequestKey,
    SituationQuestion,
    StateReading,
)
from service.state.rows.outbox import FED
from service.state.store import SqlState
from service.timing import StepTimes
from tests.builders import NOW, SCHEMA
from tests.contract.history import CATALOGUE
from tests.contract.rows import EVENTS
from tests.one_by_one import ModelOneByOne
from tests.strategies import IDS

TERMS = replace(terms_of(SCHEMA, {}), events=EVENTS)
UNREADABLE = "nobody can be asked"
"""The feature reader fails for this customer."""


class Fate(Enum):
    """What becomes of a call beside its answer."""

    ANSWERED = "answered"
    GONE_BEFORE = "gone before it is begun"
    GONE_BETWEEN = "gone between read and commit"
    GONE_AFTER = "gone after the commit"
    UNPREPARED = "the caller's own preparation fails"
    UNRECORDABLE = "its record cannot be written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    question: Question
    fate: Fate = Fate.ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What comes about before an attempt to keep."""

    events: Sequence[KnownEvent] = ()
    killed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlayed:
    """A batch, when it is asked after the one before, and what comes about before each attempt to keep."""

    calls: Sequence[Call]
    after: timedelta = timedelta(0)
    meanwhile: Sequence[Moved] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """`doubled`: which of the ids that are made are those made before, which a store refuses."""

    plan: Plan
    known: Mapping[str, Sequence[FeatureValue]]
    told: Sequence[KnownEvent]
    batches: Sequence[BatchPlayed]
    models: Models = field(default_factory=Models)
    doubled: frozenset[int] = frozenset()


class FixedFeatures(CustomerByCustomer):
    """What is known of each; it fails for one."""

    def __init__(self, known: Mapping[str, Sequence[FeatureValue]]) -> None:
        self._known = known

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        if customer_id == UNREADABLE:
            raise LookupError(UNREADABLE)
        listed = self._known.get(customer_id, ())
        return FeatureReading(values={one.name: one for one in listed}, degraded=(), has_any_row=bool(listed))


class Leaning(ModelOneByOne):
    """Scores by what a customer spent and by the name of the journey; fails for who made three visits."""

    history = frozenset(IDS)
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    def __init__(self, version: str, slope: float) -> None:
        self.version = version
        self._slope = slope

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        visits, spend = row.get("visits"), row.get("spend")
        if visits is not None and visits.value == 3:
            raise ArithmeticError("three visits")
        known = 1.0 if spend is not None and spend.is_present else 0.0
        names = [IDS.index(one.journey_id) for one in journeys]
        return np.array([(1.0 + self._slope * name + known) / 10.0 for name in names])

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError


class RestlessStore(SqlState):
    """Before each attempt to keep a batch, or one alone, the next of `meanwhile` comes about."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, ObjectiveWindows(), FED)
        self.meanwhile: list[Moved] = []
        self.now = NOW

    def commits_here(
        self, proposed: Sequence[tuple[Decision, RequestKey | None]]
    ) -> list[CommitResult | BaseException]:
        self._go_on()
        return self.kept(proposed)

    def decide_alone_here(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        self._go_on()
        return super().decide_alone_here(deferred, key)

    def kept(self, proposed: Sequence[tuple[Decision, RequestKey | None]]) -> list[CommitResult | BaseException]:
        return super().commits_here(proposed)

    def _go_on(self) -> None:
        if self.meanwhile:
            asyncio.run(self._come_about(self.meanwhile.pop(0)))

    async def _come_about(self, moved: Moved) -> None:
        if moved.events:
            await self.record_events(moved.events, self.now)
        if moved.killed is not None:
            await self.kill(moved.killed, "tests", self.now)


class StoreApart(RestlessStore):
    """Every situation is read over a snapshot of its own, every decision kept in a transaction of its own."""

    def situations_here(self, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
        return [found for one in asked for found in super(StoreApart, self).situations_here([one])]

    def kept(self, proposed: Sequence[tuple[Decision, RequestKey | None]]) -> list[CommitResult | BaseException]:
        return [result for one in proposed for result in super(StoreApart, self).kept([one])]


class ScoringApart(Scoring):
    """Every customer is scored by a call of its own."""

    def score_all(self, asked: Sequence[ToScore]) -> list[Scores]:
        return [scores for one in asked for scores in super(ScoringApart, self).score_all([one])]


class World:
    """A decider over a store, which plays one play."""

    def __init__(self, play: Play, state: RestlessStore, scoring: Scoring) -> None:
        self._play = play
        self.state = state
        self._scoring = scoring
        scoring.use(play.models)
        self._hydrator = Hydrator(FixedFeatures(play.known), state, TERMS)
        self._now = NOW
        self._numbers = itertools.count(1)
        self._ids = iter(map(self._id, self._numbers))
        catalogue = replace(CATALOGUE, plan=replace(play.plan, latest=EVENTS.latest))
        self._deciding = Deciding(
            catalogue=lambda: catalogue,
            hydrator=self._hydrator,
            scoring=scoring,
            state=state,
            clock=lambda: self._now,
            new_id=lambda _: next(self._ids),
        )

    async def played(self) -> list[str]:
        """What came of every call, in their order."""
        await self.state.record_events(self._play.told, NOW)
        answers = []
        for batch in self._play.batches:
            self._now += batch.after
            self.state.now, self.state.meanwhile = self._now, list(batch.meanwhile)
            answers += await self._answered(batch.calls)
        return answers

    async def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """All of every table; the id of the store and the version of its pools are drawn by chance."""
        return await self.state.engine.read(_all_rows)

    async def close(self) -> None:
        self._hydrator.close()
        self._scoring.close()
        await self.state.close()

    def _id(self, number: int) -> str:
        return f"d{number - 1 if number in self._play.doubled else number}"

    async def _answered(self, calls: Sequence[Call]) -> list[str]:
        loop = asyncio.get_running_loop()
        waiting = [Waiting[Asked, Answer](_NOBODY, loop) for _ in calls]
        for one, call in zip(waiting, calls, strict=True):
            one.item = Asked(question=_asked(call), times=StepTimes(), prepare=_prepare(call, one))
            if call.fate is Fate.GONE_BEFORE:
                one.answer.cancel()
        left: Sequence[Waiting[Asked, Answer]] = waiting
        while left := [one for one in left if not one.is_gone]:
            left = await asyncio.to_thread(self._deciding.decide, left)
        for one, call in zip(waiting, calls, strict=True):
            if call.fate is Fate.GONE_AFTER and isinstance(one.result, Decision) and one.result.terms.decision_id:
                self.state.release(one.result)
        await self.state.mark_delivered([])  # after all releases
        return [_told(one) for one in waiting]


_NOBODY = Asked(question=Question(customer_id="", channel="web", context={}), times=StepTimes(), prepare=lambda _: None)


def _asked(call: Call) -> Question:
    """What cannot be recorded has something in its context that is no value, and that no rule looks at."""
    if call.fate is not Fate.UNRECORDABLE:
        return call.question
    nothing: Any = object()
    return replace(call.question, context={**call.question.context, "nothing": nothing}, request_id=None)


def _prepare(call: Call, waiting: Waiting[Asked, Answer]) -> Callable[[Decision], None]:
    def prepare(decision: Decision) -> None:
        if call.fate is Fate.UNPREPARED:
            raise OverflowError("the answer is too large")
        if call.fate is Fate.GONE_BETWEEN:
            waiting.answer.cancel()

    return prepare


def _told(waiting: Waiting[Asked, Answer]) -> str:
    """As text, so that every bit is compared, what is no number too."""
    if waiting.error is not None:
        return repr(waiting.error)
    if isinstance(waiting.result, AlreadyDecided):
        stored = waiting.result.stored
        return f"before: {canonical(stored.record)} {sorted(stored.contact_states.items())}"
    return "nobody is there" if waiting.result is None else _text(waiting.result)


def _text(decision: Decision) -> str:
    if "nothing" in decision.facts.context:  # a dry run of what cannot be recorded
        return f"{decision.terms} {[pick.journey_id for pick in decision.picks]}"
    return f"{decision.terms} {canonical(to_document(decision))}"


def _all_rows(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for name in _tables(session):
        (rows,) = session.query(Sql(f"SELECT * FROM {name}"))
        found[name] = sorted((_cells(row) for row in rows if not _is_drawn(name, row)), key=repr)
    return found


_OF_SQLITE = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_OF_POSTGRES = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"


def _tables(session: Session) -> list[str]:
    (rows,) = session.query(Sql(_OF_SQLITE if isinstance(session, SqliteSession) else _OF_POSTGRES))
    return [str(row["name"]) for row in rows]


def _cells(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in row.keys())  # noqa: SIM118 - a row of SQLite is no dict


def _is_drawn(table: str, row: Row) -> bool:
    return table == "store" or (table == "versions" and row["name"] == "pools")
