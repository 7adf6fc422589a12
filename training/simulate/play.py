"""A world, day by day: who comes is decided for, what follows is reported when it is due."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from service.decision.decide import Decision
from service.decision.plan import Candidate
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType
from service.decision.select import Pick
from training.simulate.audit import Auditor
from training.simulate.folder import units_for
from training.simulate.hindsight import Hindsight
from training.simulate.ledger import Entry, Ledger
from training.simulate.people import People, Visit
from training.simulate.policies import Told, row_of
from training.simulate.scenario import START
from training.simulate.truth import LATE, PLACE, REJECTED, SEEN, TRIP, WEEK, Truth

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Room(Protocol):
    """Where decisions are made and reports taken: the service, or a state in memory."""

    async def decide(self, visit: Visit, decision_id: str) -> Decision: ...

    async def tell(self, events: Sequence[CustomerEvent]) -> None: ...

    async def report(self, outcomes: Sequence[Outcome]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is called on the way. `morning` before anybody comes, `night` when a day is over, with what became known."""

    clock: Callable[[datetime], None]
    morning: Callable[[int], Awaitable[None]]
    night: Callable[[int, Sequence[Told]], Awaitable[None]]


class World:
    """One policy among the people; what it showed is counted by the truth, and audited."""

    def __init__(self, truth: Truth, people: People, name: str, hindsight: Hindsight | None = None) -> None:
        """`hindsight`: remembers some of the decisions."""
        self._truth = truth
        self._people = people
        self._hindsight = hindsight
        self.ledger = Ledger(name)
        self.auditor = Auditor(people, units_for(people.scenario.customers))
        self._due: list[tuple[datetime, int, Outcome | CustomerEvent]] = []
        self._sequence = 0
        self._seen: dict[int, deque[datetime]] = defaultdict(deque)
        self._told: list[tuple[datetime, int, Told]] = []

    async def play(self, room: Room, course: Course) -> None:
        first = list(self._people.events_at_start())
        course.clock(START)
        await self._tell(room, first)
        for day in range(self._truth.scenario.days):
            await self._day(room, course, day)

    async def _day(self, room: Room, course: Course, day: int) -> None:
        begins = self._truth.scenario.at(day)
        await course.morning(day)
        course.clock(begins + 5 * HOUR)
        await self._flush(room, begins + 5 * HOUR)
        await self._tell(room, list(self._people.events_on(day)))
        for hour, visits in groupby(self._people.visits_on(day), key=lambda visit: visit.at.hour):
            course.clock(begins + hour * HOUR)
            await self._flush(room, begins + hour * HOUR)
            for visit in visits:
                course.clock(visit.at)
                self._follow(await room.decide(visit, f"{day:03}-{visit.who:06}"), visit, day)
        ends = begins + DAY
        course.clock(ends)
        await self._flush(room, ends)
        await course.night(day, list(self._known_by(ends)))

    def _follow(self, decision: Decision, visit: Visit, day: int) -> None:
        """Counts it, and puts down what will be reported of it."""
        recent = self._recent(visit)
        self.auditor.decided(decision, visit)
        if self._hindsight is not None and self._hindsight.wants():
            listed = {c.journey_id: self._worth(c, visit, day, recent) for c in decision.draft.survivors}
            self._hindsight.remember(decision, listed)
        self.ledger.entries.append(
            Entry(
                day=day,
                who=visit.who,
                arm=decision.arm.value,
                value=sum(self._worth(pick.candidate, visit, day, recent) for pick in decision.picks),
                allowed=_bits(c.journey_id for c in decision.draft.survivors),
                shown=_bits(p.journey_id for p in decision.picks),
                is_exploration=any(p.chance.is_exploration for p in decision.picks),
                model_version=decision.model_version,
            )
        )
        if self._truth.fate(day).seen[visit.who] < SEEN:
            for pick in decision.picks:
                self._present(decision, pick, visit, day, recent)

    def _present(self, decision: Decision, pick: Pick, visit: Visit, day: int, recent: int) -> None:
        """Seen a minute later; then its objective is met, perhaps too late, or it is refused, or neither."""
        fate, journey, who = self._truth.fate(day), pick.journey_id, visit.who
        place, at = PLACE[journey], visit.at + MINUTE
        p, u = self._truth.p(day, who, journey, recent), fate.met[who, place]
        self._seen[who].append(at)
        self._report(decision, journey, OutcomeType.PRESENTED, at, None)
        objective = pick.candidate.journey.objective
        amount = self._value(pick.candidate, visit, day)
        if journey == TRIP:
            amount = round(amount * float(fate.amount[who, place]), 2)
        delay = MINUTE + objective.within * (0.98 * float(fate.delay[who, place]))
        if p <= u < p * (1.0 + LATE):
            delay += objective.within
        if u < p * (1.0 + LATE):
            self._meet(decision, pick, at + delay, amount)
        elif fate.refuses[who, place] < REJECTED:
            self._report(decision, journey, OutcomeType.REJECTED, at + 3 * HOUR, None)
        told = Told(
            known_at=at + objective.within,
            journey=journey,
            row=row_of(decision.facts),
            is_met=bool(u < p),
            amount=amount,
        )
        heapq.heappush(self._told, (told.known_at, self._next(), told))

    def _meet(self, decision: Decision, pick: Pick, at: datetime, amount: float) -> None:
        objective, customer_id = pick.candidate.journey.objective, decision.facts.customer_id
        if objective.event is not None:
            event = CustomerEvent(
                event_id=f"{decision.terms.decision_id}-{pick.journey_id}",
                customer_id=customer_id,
                source="simulator",
                type=objective.event,
                occurred_at=at,
                attributes={"amount": amount},
            )
            heapq.heappush(self._due, (at, self._next(), event))
            return
        kind = OutcomeType(str(objective.outcome))
        self._report(decision, pick.journey_id, kind, at, 9.0 if kind is OutcomeType.NPS else None)

    def _report(self, decision: Decision, journey: str, kind: OutcomeType, at: datetime, value: float | None) -> None:
        outcome = Outcome(
            outcome_id=f"{decision.terms.decision_id}-{journey}-{kind}",
            decision_id=decision.terms.decision_id,
            customer_id=decision.facts.customer_id,
            journey_id=journey,
            type=kind,
            value=value,
            occurred_at=at,
        )
        heapq.heappush(self._due, (at, self._next(), outcome))

    async def _flush(self, room: Room, now: datetime) -> None:
        """Reports what is due."""
        events: list[CustomerEvent] = []
        outcomes: list[Outcome] = []
        while self._due and self._due[0][0] <= now:
            row = heapq.heappop(self._due)[2]
            if isinstance(row, Outcome):
                outcomes.append(row)
            else:
                events.append(row)
        if outcomes:
            self.auditor.reported(outcomes)
            await room.report(outcomes)
        await self._tell(room, events)

    async def _tell(self, room: Room, events: Sequence[CustomerEvent]) -> None:
        if events:
            self.auditor.told(events)
            await room.tell(events)

    def _known_by(self, now: datetime) -> Iterator[Told]:
        while self._told and self._told[0][0] <= now:
            yield heapq.heappop(self._told)[2]

    def _recent(self, visit: Visit) -> int:
        """The contacts that the customer saw in the last week."""
        seen = self._seen[visit.who]
        while seen and seen[0] <= visit.at - WEEK:
            seen.popleft()
        return len(seen)

    def _worth(self, candidate: Candidate, visit: Visit, day: int, recent: int) -> float:
        """What showing it is truly worth, its cost taken off."""
        p = self._truth.p(day, visit.who, candidate.journey_id, recent)
        return p * self._value(candidate, visit, day) - candidate.action.cost

    def _value(self, candidate: Candidate, visit: Visit, day: int) -> float:
        if candidate.journey_id == TRIP:
            return self._truth.worth_of_trip(day, visit.who)
        return candidate.journey.objective.value

    def _next(self) -> int:
        """So that what is due at one instant is told in the order in which it was put down."""
        self._sequence += 1
        return self._sequence


def _bits(journeys: Iterator[str]) -> int:
    bits = 0
    for journey in journeys:
        bits |= 1 << PLACE[journey]
    return bits
