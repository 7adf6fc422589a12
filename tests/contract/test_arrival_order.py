"""Calls that are handed in at once, and share transactions, are answered as if each came after the one before it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.constraints.registry import Cap
from service.decision.decide import Decision
from service.decision.plan import Plan
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, OutcomeType
from service.state.port import AlreadyDecided, Committed, RequestKey
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.by_customer import windows_of
from tests.contract.pools import ALL_KINDS, units
from tests.contract.rows import WEEK, codes, committed, event, outcome, picked, propose, situation

CUSTOMERS = ("a", "b", "c")
FRESH = itertools.count()


@dataclass(frozen=True, slots=True)
class Step:
    """One call of somebody. `who` is a customer; of an outcome, the one whose first decision it speaks of."""

    call: str
    who: str
    row: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["commit"] * 6 + ["retry", "event", "batch", "shown", "not-shown", "answer", "kill", "unkill"]),
        st.sampled_from(CUSTOMERS),
        st.integers(0, 4),
    ),
    min_size=2,
    max_size=24,
)


class Run:
    """One execution of some steps, with customers, journeys and rows of its own in a store that others use too."""

    def __init__(self, state: Store) -> None:
        self.state = state
        self.name = f"run{next(FRESH)}:"
        self.pool = units(4, journey_id=f"{self.name}news")
        self.plan = self._plan()

    async def results(self, steps: Sequence[Step], *, at_once: bool) -> tuple[list[object], list[object]]:
        """What each call was answered, and how everything stands after."""
        await self.state.keep_catalogue(self.plan.version, windows_of(1, f"{self.name}news"))
        for who in CUSTOMERS:
            first = await self._proposed(f"first-{who}", who, limit=1)
            await committed(self.state, first)
        calls = [await self._call(i, step) for i, step in enumerate(steps)]
        if at_once:
            answers = list(await asyncio.gather(*(call() for call in calls)))
        else:
            answers = [await call() for call in calls]
        stands = [await situation(self.state, self.name + who, NOW, [self.pool]) for who in CUSTOMERS]
        facts = [(s.versions, s.contacts_version, s.contacts, s.enrolments, s.uses) for s in stands]
        return [self._plain(answer) for answer in answers], [self._plain(fact) for fact in facts]

    def _plan(self) -> Plan:
        news = Entry(journey=journey(f"{self.name}news"), capacity=self.pool, contact=Cap(at_most=2, per=WEEK))
        made = catalogue(news, Entry(journey=journey(f"{self.name}plain", tier=2)), policies=ALL_KINDS).plan
        return replace(made, version=self.name)

    async def _proposed(self, decision_id: str, who: str, limit: int = 2) -> Decision:
        return await propose(
            self.state,
            self.plan,
            decision_id=self.name + decision_id,
            customer_id=self.name + who,
            channel="email",
            limit=limit,
        )

    async def _call(self, i: int, step: Step) -> Callable[[], Awaitable[object]]:
        """Made before any step is carried out, so that it may be out of date when its turn comes."""
        match step.call:
            case "commit" | "retry":
                decision = await self._proposed(f"d{i}", step.who)
                key = RequestKey(request_id=f"r{step.row}", fingerprint="f") if step.call == "retry" else None
                return lambda: self.state.commit(decision, key)
            case "event" | "batch":
                rows = self._rows(step)
                return lambda: self.state.record_events(rows, NOW)
            case "kill":
                return lambda: self.state.kill(f"{self.name}j{step.row}", "a test", NOW)
            case "unkill":
                return lambda: self.state.unkill(f"{self.name}j{step.row}")
        row = self._outcome(step)
        return lambda: self.state.record_outcomes([row], NOW)

    def _outcome(self, step: Step) -> Outcome:
        """An answer names its customer: it is given to whichever decision was presented to her last."""
        outcome_id, journey_id = f"{self.name}o{step.row}", f"{self.name}news"
        if step.call == "answer":
            made = outcome(outcome_id, OutcomeType.CONVERTED, journey_id=journey_id)
            return replace(made, decision_id="", customer_id=self.name + step.who)
        type_ = OutcomeType.PRESENTED if step.call == "shown" else OutcomeType.NOT_PRESENTED
        return outcome(outcome_id, type_, decision_id=f"{self.name}first-{step.who}", journey_id=journey_id)

    def _rows(self, step: Step) -> list[KnownEvent]:
        names = (step.who,) if step.call == "event" else CUSTOMERS[:: 1 if step.row % 2 else -1]
        news = f"{self.name}news"
        return [
            event(
                f"{self.name}e{step.row}-{who}",
                "journey.entered",
                customer_id=self.name + who,
                journey_id=news,
                stage="need",
            )
            for who in names
        ]

    def _plain(self, answer: object) -> str:
        """Without the name of this run."""
        if isinstance(answer, Committed):
            answer = ("Committed", picked(answer.decision), codes(answer.decision))
        elif isinstance(answer, AlreadyDecided):
            answer = ("AlreadyDecided", answer.stored.decision_id, answer.stored.contact_states)
        return repr(answer).replace(self.name, "")


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
async def test_calls_at_once_are_answered_as_one_after_another(state: Store, steps: list[Step]) -> None:
    one_by_one = await Run(state).results(steps, at_once=False)
    assert await Run(state).results(steps, at_once=True) == one_by_one
