"""Holds an answer of the service against what the oracle says of every journey: the faults, each in a sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rumbo.decision.v1 import decision_pb2, journey_pb2, reason_pb2
from tests.oracle.history import Contact
from tests.oracle.plain import Action, Journey, lasting
from tests.oracle.rules import Candidate, Moment, Verdict, in_flight, stage_of, used_up, verdicts

AGAINST = (reason_pb2.REASON_KIND_DENIED, reason_pb2.REASON_KIND_UNKNOWN)


@dataclass(slots=True, kw_only=True)
class Coverage:
    """What a run has looked at; a code is decisive where it alone stands against a journey."""

    decisions: int = 0
    ranked: int = 0
    allowed: int = 0
    open: int = 0
    """Verdicts that the words leave open."""
    denied: Counter[str] = field(default_factory=Counter)
    decisive: Counter[str] = field(default_factory=Counter)
    bound: Counter[str] = field(default_factory=Counter)
    """By what a pick used up, inside an answer."""

    def add(self, other: Coverage) -> None:
        self.decisions += other.decisions
        self.ranked += other.ranked
        self.allowed += other.allowed
        self.open += other.open
        self.denied += other.denied
        self.decisive += other.decisive
        self.bound += other.bound


@dataclass(slots=True, kw_only=True)
class Judgement:
    faults: list[str]
    contacts: list[Contact]
    """What the answer reserved, as the oracle keeps it."""
    ended: Sequence[tuple[str, datetime]]
    """Journeys whose enrolment this decision ended, and since when."""


def candidates(moment: Moment) -> Mapping[str, Sequence[Candidate]]:
    """By journey: what may represent it. At the customer's stage it is the first action that fits; else any."""
    found: dict[str, list[Candidate]] = {}
    for journey in moment.world.catalogue.journeys.values():
        fitting = list(_fitting(moment, journey))
        here = [c for c in fitting if c.stage == stage_of(moment, journey)]
        if fitting:
            found[journey.journey_id] = here[:1] or fitting
    return found


def _fitting(moment: Moment, journey: Journey) -> Iterator[Candidate]:
    question = moment.question
    for stage, actions in journey.stages.items():
        for action in actions:
            if question.channel in action.channels and _is_at(action, question.placement):
                yield Candidate(journey=journey, action=action, stage=stage)


def _is_at(action: Action, placement: str | None) -> bool:
    return placement is None or not action.placements or placement in action.placements


def judge(moment: Moment, answer: decision_pb2.DecideResponse, seen: Coverage) -> Judgement:
    judging = _Trial(moment=moment, answer=answer, seen=seen)
    judging.run()
    return Judgement(faults=judging.faults, contacts=moment.picked, ended=moment.ended)


@dataclass(slots=True, kw_only=True)
class _Trial:
    moment: Moment
    answer: decision_pb2.DecideResponse
    seen: Coverage
    faults: list[str] = field(default_factory=list)
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)
    before: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    """By journey, what stands against it before anything was picked."""

    def run(self) -> None:
        self.candidates = candidates(self.moment)
        self.before = {j: _against(verdicts, self.moment, some) for j, some in self.candidates.items()}
        self._count()
        self._everything_is_accounted_for()
        self._nothing_denied_is_let_through()
        self._the_slate_is_filled_in_order()
        self._every_reason_is_told()

    def _count(self) -> None:
        self.seen.decisions += 1
        self.seen.ranked += len(self.answer.ranked)
        for against in self.before.values():
            denied = [code for code, verdict in against.items() if verdict is Verdict.DENY]
            self.seen.denied.update(denied)
            self.seen.open += any(v is Verdict.MAY for v in against.values())
            self.seen.allowed += not against
            if len(against) == 1:
                self.seen.decisive.update(denied)

    def _everything_is_accounted_for(self) -> None:
        """P4: each candidate stands in one place, and nothing else does."""
        answer = self.answer
        told = [r.journey_id for r in answer.ranked]
        told += [e.journey_id for e in answer.eligible]
        told += [r.journey_id for r in answer.rejected]
        if sorted(told) != sorted(self.candidates):
            self.faults.append(f"candidates are {sorted(self.candidates)}, told was {sorted(told)}")
        counts = answer.counts
        listed = (len(told), len(answer.eligible), len(answer.rejected))
        if (counts.candidates, counts.eligible, counts.rejected) != listed:
            self.faults.append(f"counts are {counts}, listed were {listed}")
        slots = self.moment.question.limit or self.moment.policies.channels[self.moment.question.channel].slots
        if answer.limit != slots or len(answer.ranked) > slots:
            self.faults.append(f"{slots} slots were asked for: limit {answer.limit}, ranked {len(answer.ranked)}")
        if answer.HasField("no_journey") != (len(answer.ranked) < slots):
            self.faults.append("no_journey is there if and only if a slot was left empty")
        if [r.rank for r in answer.ranked] != list(range(1, len(answer.ranked) + 1)):
            self.faults.append("ranks have gaps")
        if bool(answer.decision_id) is self.moment.question.is_dry_run:
            self.faults.append("a decision has an id unless it is a dry run")

    def _nothing_denied_is_let_through(self) -> None:
        """P1, whatever the order and the slots."""
        for place, listed in (("ranked", self.answer.ranked), ("eligible", self.answer.eligible)):
            for entry in listed:
                denied = _denying(self.before.get(entry.journey_id, {}))
                if denied:
                    self.faults.append(f"{entry.journey_id} is {place}, denied by {denied}")

    def _the_slate_is_filled_in_order(self) -> None:
        for ranked in self.answer.ranked:
            chosen = self._chosen(ranked)
            if chosen is None:
                return
            against = used_up(self.moment, chosen)
            if _denying(against):
                self.faults.append(
                    f"{ranked.journey_id} is ranked {ranked.rank}, after that denied by {_denying(against)}"
                )
            self._is_the_best(ranked, chosen)
            self.moment.picked.append(self._contact(ranked, chosen))
        if self.answer.HasField("no_journey"):
            left = [j for j in self._left() if not self._bound(j)]
            if left:
                self.faults.append(f"a slot was left empty, and {left} are allowed; rejected: {self.answer.rejected}")

    def _chosen(self, ranked: journey_pb2.RankedJourney) -> Candidate | None:
        for candidate in self.candidates.get(ranked.journey_id, ()):
            if candidate.action.action_id == ranked.action_id:
                if _NAMES.get(ranked.stage) != candidate.stage or ranked.is_offer != candidate.action.is_offer:
                    self.faults.append(f"{ranked.journey_id}: not as its action is declared: {ranked}")
                return candidate
        self.faults.append(f"{ranked.journey_id} is ranked with {ranked.action_id}, which does not fit here")
        return self._declared(ranked)

    def _declared(self, ranked: journey_pb2.RankedJourney) -> Candidate | None:
        """What was answered, whether it fits or not: from now on it is reserved."""
        journey = self.moment.world.catalogue.journeys[ranked.journey_id]
        for stage, actions in journey.stages.items():
            for action in actions:
                if action.action_id == ranked.action_id:
                    return Candidate(journey=journey, action=action, stage=stage)
        return None

    def _is_the_best(self, ranked: journey_pb2.RankedJourney, chosen: Candidate) -> None:
        journey = chosen.journey
        expected = (
            ranked.p_outcome * journey.value * self._weight(journey) * (journey.lever or 1.0) - chosen.action.cost
        )
        if not math.isclose(expected, ranked.priority, rel_tol=1e-9, abs_tol=1e-9):
            self.faults.append(f"{journey.journey_id} has priority {ranked.priority}, not {expected}")
        for other in self._left():
            if self._bound(other) or other == journey.journey_id:
                continue
            tier = self.moment.world.catalogue.journeys[other].tier
            if tier < journey.tier:
                self.faults.append(f"{other} of tier {tier} is allowed, yet {journey.journey_id} comes first")
            elif tier == journey.tier and self._order_of(other) < (-ranked.priority, journey.journey_id):
                self.faults.append(f"{other} has a higher priority than {journey.journey_id}, yet comes later")

    def _weight(self, journey: Journey) -> float:
        weight = journey.context_weight
        return weight.weight if weight is not None and self.moment.said(weight.when).holds is True else 1.0

    def _order_of(self, journey_id: str) -> tuple[float, str]:
        """By what was told of it; last, if nothing was."""
        told = {r.journey_id: r.priority for r in self.answer.ranked}
        told |= {e.journey_id: e.priority for e in self.answer.eligible}
        return -told.get(journey_id, -math.inf), journey_id

    def _left(self) -> list[str]:
        """What nothing stands against at first, and was not picked so far."""
        picked = {c.journey.journey_id for c in self.moment.picked}
        return [j for j, against in self.before.items() if not against and j not in picked]

    def _bound(self, journey_id: str) -> dict[str, Verdict]:
        """What stands against it, or may, for what was picked so far."""
        return _against(used_up, self.moment, self.candidates[journey_id]) if self.moment.picked else {}

    def _contact(self, ranked: journey_pb2.RankedJourney, chosen: Candidate) -> Contact:
        channel = self.moment.policies.channels[self.moment.question.channel]
        displaced = _displaced(ranked)
        verdict, too_many, could = in_flight(self.moment, chosen)
        if not displaced <= could or (
            len(displaced) < too_many and verdict is Verdict.ALLOW and not _is_passed(chosen)
        ):
            self.faults.append(
                f"{ranked.journey_id} displaces {set(displaced)}: {too_many} must go, {set(could)} could"
            )
        if channel.reserve and self._reserved_until() != self.moment.now + lasting(channel.reserve):
            self.faults.append(f"valid until {self._reserved_until()}, not {channel.reserve} from now")
        return Contact(
            decision_id=self.answer.decision_id,
            customer_id=self.moment.question.customer_id,
            journey=chosen.journey,
            action=chosen.action,
            stage=chosen.stage,
            channel=self.moment.question.channel,
            decided_at=self.moment.now,
            valid_until=self._reserved_until(),
            is_counted_unless_reported=channel.unconfirmed == "count",
            displaces=displaced,
        )

    def _reserved_until(self) -> datetime:
        return self.answer.valid_until.ToDatetime(tzinfo=UTC)

    def _every_reason_is_told(self) -> None:
        for rejected in self.answer.rejected:
            if rejected.journey_id not in self.candidates:
                continue
            told = {r.code for r in rejected.reasons if r.kind in AGAINST}
            before = self.before[rejected.journey_id]
            later = {code for code in self._bound(rejected.journey_id) if code not in before}
            missing, invented = set(_denying(before)) - told, told - set(before) - later
            if missing:
                self.faults.append(
                    f"{rejected.journey_id} is also denied by {sorted(missing)}, told was {sorted(told)}"
                )
            if invented:
                self.faults.append(
                    f"{rejected.journey_id} is not denied by {sorted(invented)}; by {before}: {rejected.reasons}"
                )
            if not told:
                self.faults.append(f"{rejected.journey_id} is rejected without a reason: {rejected.reasons}")
            self.seen.bound.update(told & later)


Against = Callable[[Moment, Candidate], dict[str, Verdict]]


def _against(told: Against, moment: Moment, some: Sequence[Candidate]) -> dict[str, Verdict]:
    """What stands against a journey, whichever of these represents it: denied by some of them is open."""
    found = [told(moment, candidate) for candidate in some]
    if len(found) == 1:
        return found[0]
    every: dict[str, Verdict] = {}
    for code in {code for against in found for code in against}:
        said = {against.get(code, Verdict.ALLOW) for against in found}
        every[code] = said.pop() if len(said) == 1 else Verdict.MAY
    return every


def _denying(against: Mapping[str, Verdict]) -> list[str]:
    return sorted(code for code, verdict in against.items() if verdict is Verdict.DENY)


def _is_passed(candidate: Candidate) -> bool:
    return "IN_FLIGHT" in candidate.journey.bypass


def _displaced(ranked: journey_pb2.RankedJourney) -> frozenset[str]:
    told = [r.params for r in ranked.reasons if r.code == "DISPLACES"]
    return frozenset(j for params in told for value in params.values() for j in value.string_value.split(", "))


_NAMES = {number: name.removeprefix("STAGE_").lower() for name, number in journey_pb2.Stage.items()}
