"""A decider over a real state store, for tests: catalogues that change, a clock that is set, ids that count up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from features.reading import CustomerByCustomer, FeatureReading
from service.application.decider import Decider
from service.application.hydrate import FeatureReader, Hydrator
from service.application.question import Question
from service.application.scoring import Model, Scoring
from service.catalogue.load import Catalogue, load
from service.catalogue.objective_windows import ObjectiveWindows
from service.decision.constraints.registry import Cap, Policies
from service.decision.decide import Decision
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.record import canonical, to_document
from service.decision.reports.effects import KnownEvent
from service.state.engines.engine import Durability
from service.state.engines.sqlite import SqliteEngine
from service.state.port import AlreadyDecided, CommitResult, Committed, DeferredDecision, RequestKey
from service.state.rows.outbox import FED
from service.state.store import SqlState
from service.timing import StepTimes
from tests.builders import NOW, STRICT, Entry, catalogue, journey
from tests.contract.rows import WEEK
from tests.example import EXAMPLE, TERMS

EXAMPLE_CATALOGUE = load(EXAMPLE, TERMS)
State = TypeVar("State", bound=SqlState)
NEWS = Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL), contact=Cap(at_most=1, per=WEEK))
ASK = Question(customer_id="1", channel="web", context={}, limit=1, request_id="r1")


def made_of(*offered: Entry, policies: Policies = STRICT) -> Catalogue:
    """A catalogue with this plan; its document is not looked at here."""
    plan = replace(catalogue(*offered, policies=policies).plan, latest=TERMS.events.latest)
    return replace(EXAMPLE_CATALOGUE, plan=plan)


def text(decision: Decision) -> str:
    return canonical(to_document(decision))


class NoFeatures(CustomerByCustomer):
    """A feature store that knows nobody."""

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        return FeatureReading(values={}, degraded=(), has_any_row=False)


class FixedCatalogues:
    """The catalogue in force, which a test may change, and the one of before."""

    def __init__(self) -> None:
        self.first = self.current = made_of(NEWS)

    def offer(self, *offered: Entry, policies: Policies = STRICT) -> None:
        """In force from now on, as if there had never been another."""
        self.first = self.current = made_of(*offered, policies=policies)

    def go_by(self, plan: Plan) -> None:
        """As `offer`, of a plan that is bound already."""
        self.first = self.current = replace(EXAMPLE_CATALOGUE, plan=replace(plan, latest=TERMS.events.latest))

    async def of_version(self, version: str) -> Catalogue:
        return self.first


class HouseOver(Generic[State]):
    """A decider over a real store, with a clock that a test sets and ids that count up."""

    def __init__(self, state: State, features: FeatureReader | None = None, model: Model | None = None) -> None:
        self.state = state
        self.now = NOW
        self.catalogues = FixedCatalogues()
        self.scoring = Scoring(model)
        self.hydrator = Hydrator(features or NoFeatures(), state, TERMS)
        ids = itertools.count(1)
        self.decider = Decider(
            catalogues=self.catalogues,
            hydrator=self.hydrator,
            scoring=self.scoring,
            state=state,
            clock=lambda: self.now,
            new_id=lambda _: f"d{next(ids)}",
        )

    async def decide(self, question: Question = ASK) -> Decision:
        return await self.decider.decide(question, StepTimes())

    async def close(self) -> None:
        await self.decider.close()
        self.hydrator.close()
        self.scoring.close()
        await self.state.close()


class RestlessState(SqlState):
    """Before each attempt to keep a decision something of `meanwhile` comes about, as long as there is any."""

    def __init__(self, file: Path) -> None:
        super().__init__(SqliteEngine(file, Durability.PROCESS_SAFE), ObjectiveWindows(), FED)
        self.meanwhile: list[Callable[[], Coroutine[Any, Any, object]]] = []

    def commits_here(
        self, proposed: Sequence[tuple[Decision, RequestKey | None]]
    ) -> list[CommitResult | BaseException]:
        self._go_on()
        return super().commits_here(proposed)

    def decide_alone_here(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        self._go_on()
        return super().decide_alone_here(deferred, key)

    def tell(self, *events: KnownEvent) -> None:
        """Each comes before the next attempt."""
        self.meanwhile += [partial(self.record_events, [row], NOW) for row in events]

    def _go_on(self) -> None:
        """From the thread that decides, which waits."""
        if self.meanwhile:
            asyncio.run(self.meanwhile.pop(0)())


House = HouseOver[RestlessState]
OpenHouse = Callable[[], House]
