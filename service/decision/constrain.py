"""Every rule for every candidate: all that deny are known, and why each does is told to who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from service.decision.evaluation import Evaluation
from service.decision.facts import Facts
from service.decision.plan import NO_RULES, Candidate, Plan, RuleSet
from service.decision.slate import Denials, Slate
from service.decision.verdict import Reason, ReasonKind
from service.decision.windows import ELIGIBLE_AFTER_LIMIT


class Rejection:
    """A candidate that may not be shown, with the codes of every reason; the reasons are made for who asks for them."""

    __slots__ = ("_reasons", "candidate", "codes")

    def __init__(self, candidate: Candidate, codes: tuple[str, ...], reasons: Callable[[], Iterable[Reason]]) -> None:
        self.candidate = candidate
        self.codes = codes
        self._reasons = reasons

    @classmethod
    def of(cls, candidate: Candidate, reasons: tuple[Reason, ...]) -> Rejection:
        return cls(candidate, tuple([reason.code for reason in reasons]), lambda: reasons)

    @property
    def journey_id(self) -> str:
        return self.candidate.journey.journey_id

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(self._reasons())

    def after(self, first: Callable[[], Reason], code: str) -> Rejection:
        """The same with another reason before the others."""
        return Rejection(self.candidate, (code, *self.codes), lambda: (first(), *self.reasons))


class _Why:
    """The reasons of denials, of one evaluation."""

    __slots__ = ("_denials", "_evaluation")

    def __init__(self, denials: Denials, evaluation: Evaluation) -> None:
        self._denials = denials
        self._evaluation = evaluation

    def __call__(self) -> Iterator[Reason]:
        for position in self._denials.binding:
            reason = self._evaluation.reason(position)
            assert reason is not None, "a rule denies, and says no reason"
            yield reason


def rejection(denials: Denials, evaluation: Evaluation) -> Rejection:
    return Rejection(denials.candidate, denials.codes, _Why(denials, evaluation))


@dataclass(frozen=True, kw_only=True, eq=False)
class ConstraintResult:
    """The candidates split by the rules: those that may be shown, and the denials of the others.

    `passing`: the denials that an allowed one passes all the same.
    """

    evaluation: Evaluation
    allowed: tuple[Candidate, ...]
    passing: tuple[Denials, ...]
    find: Callable[[], tuple[Denials, ...]]

    @cached_property
    def denials(self) -> tuple[Denials, ...]:
        """Of each candidate that may not be shown, in the order of the candidates."""
        return self.find()

    @cached_property
    def rejected(self) -> tuple[Rejection, ...]:
        """The same, with reasons for who asks."""
        evaluation = self.evaluation
        return tuple([rejection(denials, evaluation) for denials in self.denials])

    @cached_property
    def bypassed(self) -> Mapping[str, tuple[Reason, ...]]:
        """The denials that an allowed one passes, by journey."""
        found = ((d.candidate, map(self.evaluation.reason, d.bypassed)) for d in self.passing)
        return {c.journey_id: tuple(_as_bypass(r) for r in reasons if r is not None) for c, reasons in found}


def constrain(
    evaluation: Evaluation, candidates: Iterable[Candidate], *, only: RuleSet | None = None
) -> ConstraintResult:
    """Asks each rule that guards one of a few candidates once; `only` narrows to a set of rules."""
    rules, listed = evaluation.plan.rules, tuple(candidates)
    unread = _unread(evaluation.plan, evaluation.facts)
    asked: dict[int, bool] = {}
    allowed, rejected, passing = list[Candidate](), list[Denials](), list[Denials]()
    for candidate in listed:
        found = []
        for position in sorted(candidate.rules if only is None else candidate.rules & only):
            denies = asked.get(position)
            if denies is None:
                denies = asked[position] = position in unread or rules[position].denies(evaluation)
            if denies:
                found.append(position)
        denials = Denials.of(candidate, found, rules, candidate.bypassed - unread)
        if denials.binding:
            rejected.append(denials)
            continue
        allowed.append(candidate)
        if found:
            passing.append(denials)
    return ConstraintResult(
        evaluation=evaluation, allowed=tuple(allowed), passing=tuple(passing), find=lambda: tuple(rejected)
    )


def constrain_all(evaluations: Sequence[Evaluation]) -> list[ConstraintResult]:
    """Every candidate of each customer, by one plan. What conditions compare is compared for all customers at once."""
    for plan in {id(e.plan): e.plan for e in evaluations}.values():
        plan.prefetch([e.variables for e in evaluations if e.plan is plan])
    return [_constrain_all(evaluation) for evaluation in evaluations]


def _constrain_all(evaluation: Evaluation) -> ConstraintResult:
    plan, facts = evaluation.plan, evaluation.facts
    if facts.situation.unread:
        return constrain(evaluation, plan.candidates(facts))
    slate = plan.slate(facts.channel, facts.placement)
    judged = slate.judge(evaluation, dict(_moved(plan, slate, facts)))
    return ConstraintResult(
        evaluation=evaluation,
        allowed=judged.allowed,
        passing=judged.passing,
        find=lambda: slate.rejected(judged),
    )


def _moved(plan: Plan, slate: Slate, facts: Facts) -> Iterator[tuple[int, Candidate]]:
    """The candidates of the journeys where the customer is, by their places in the slate."""
    for journey_id in facts.situation.enrolments:
        place = slate.places.get(journey_id)
        candidate = None if place is None else plan.candidate(journey_id, facts)
        if place is not None and candidate is not None and candidate is not slate.candidates[place]:
            yield place, candidate


def denied_by_pick(evaluation: Evaluation, picked: Candidate, left: Sequence[Candidate]) -> tuple[Denials, ...]:
    """What one more pick denies of the candidates that those before it left; `evaluation` is that with its contact.

    Only the rules that its contact concerns can say something else than they said before.
    """
    plan = evaluation.plan
    if evaluation.unread:
        return constrain(evaluation, left, only=plan.contact_rules).denials
    denying = {position for position in plan.touched_by(picked) if plan.rules[position].denies(evaluation)}
    denying |= _closed_by(picked, evaluation, left)
    if not denying:
        return ()
    found = ((c, sorted(denying.intersection(c.rules))) for c in left if not denying.isdisjoint(c.rules))
    denials = (Denials.of(candidate, denied, plan.rules, candidate.bypassed) for candidate, denied in found)
    return tuple(d for d in denials if d.binding)


def _closed_by(picked: Candidate, evaluation: Evaluation, left: Sequence[Candidate]) -> set[int]:
    """The rules that deny others their place of a kind, once this one has taken one."""
    if picked.in_flight is None:
        return set()
    limit, rules = picked.in_flight.limit, evaluation.plan.rules
    if len(limit.taken(evaluation)) < limit.at_most:
        return set()
    same = (
        c for c in left if c.in_flight is not None and c.in_flight.limit is limit and c.in_flight.denies(evaluation)
    )
    return {position for c in same for position in c.rules if rules[position] == c.in_flight}


def _unread(plan: Plan, facts: Facts) -> RuleSet:
    """The rules that look at something that could not be read."""
    unread = facts.situation.unread
    if not unread:
        return NO_RULES
    return frozenset(position for position, rule in enumerate(plan.rules) if not unread.isdisjoint(rule.reads))


def _as_bypass(reason: Reason) -> Reason:
    return reason._replace(kind=ReasonKind.BYPASS, eligible_after=None)


def eligible_after(evaluation: Evaluation, rejected: Rejection) -> datetime | None:
    """The earliest instant at which time has lifted every denial of a journey, all else equal.

    Another rule that looks at the clock may deny by then (a cap ends at night), so the question is put again at each
    end. None if something that time does not lift denies it, or beyond ELIGIBLE_AFTER_LIMIT.
    """
    plan, now = evaluation.plan, evaluation.facts.now
    reasons, at = rejected.reasons, now
    while reasons:
        ends = [reason.eligible_after for reason in reasons]
        latest = max((end for end in ends if end is not None), default=None)
        if latest is None or None in ends or latest <= at or latest > now + ELIGIBLE_AFTER_LIMIT:
            return None
        at = latest
        later = evaluation.at(at)
        candidate = plan.candidate(rejected.journey_id, later.facts)
        again = constrain(later, () if candidate is None else (candidate,))
        reasons = again.rejected[0].reasons if again.rejected else ()
    return at
