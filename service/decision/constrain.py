"""Every rule for every candidate, each rule once: all reasons are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from features.values import FeatureStatus
from service.decision.constraints.rule import Rule
from service.decision.evaluation import Evaluation
from service.decision.facts import Facts
from service.decision.plan import NO_RULES, Candidate, Plan, RuleSet, Slate
from service.decision.verdict import Reason, ReasonKind, unknown
from service.decision.windows import ELIGIBLE_AFTER_LIMIT


class Rejection(NamedTuple):
    """A candidate that may not be shown, with every reason."""

    candidate: Candidate
    reasons: tuple[Reason, ...]

    @property
    def journey_id(self) -> str:
        return self.candidate.journey_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConstraintResult:
    """The candidates split by the rules. `bypassed`: denials that an allowed one passes all the same, by journey."""

    allowed: tuple[Candidate, ...]
    rejected: tuple[Rejection, ...]
    bypassed: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)


def constrain(
    evaluation: Evaluation, candidates: Iterable[Candidate], *, only: RuleSet | None = None
) -> ConstraintResult:
    """Checks each rule that guards a candidate once; `only` narrows to a set of rules."""
    listed = tuple(candidates)
    due = evaluation.plan.concerning(evaluation.facts).intersection(NO_RULES.union(*(c.rules for c in listed)))
    unread = _unread(evaluation.plan, evaluation.facts)
    denials = _denials(evaluation, due if only is None else due & only, unread)
    denied = frozenset(denials)
    against = {p: sorted(c.rules & denied) for p, c in enumerate(listed) if not c.rules.isdisjoint(denied)}
    return _split(listed, against, denials, unread)


def constrain_all(evaluation: Evaluation) -> ConstraintResult:
    """The same for every candidate of the customer: of those that a slate holds, only the denied are looked at."""
    plan, facts = evaluation.plan, evaluation.facts
    if facts.situation.unread:
        return constrain(evaluation, plan.candidates(facts))
    slate = plan.slate(facts.channel, facts.placement)
    moved = dict(_moved(plan, slate, facts))
    due = plan.concerning(facts) & slate.rules.union(*(c.rules for c in moved.values()))
    denials = _denials(evaluation, due, NO_RULES)
    against = defaultdict[int, list[int]](list)
    for position in sorted(denials):
        for place in slate.guarded.get(position, ()):
            against[place].append(position)
    for place, candidate in moved.items():
        against[place] = sorted(candidate.rules.intersection(denials))
    listed = slate.candidates if not moved else [moved.get(p, c) for p, c in enumerate(slate.candidates)]
    return _split(listed, against, denials, NO_RULES)


def _moved(plan: Plan, slate: Slate, facts: Facts) -> Iterator[tuple[int, Candidate]]:
    """The candidates of the journeys where the customer is, by their places in the slate."""
    for journey_id in facts.situation.enrolments:
        place = slate.places.get(journey_id)
        candidate = None if place is None else plan.candidate(journey_id, facts)
        if place is not None and candidate is not None:
            yield place, candidate


def _unread(plan: Plan, facts: Facts) -> RuleSet:
    """The rules that look at something that could not be read."""
    unread = facts.situation.unread
    if not unread:
        return NO_RULES
    return frozenset(position for position, rule in enumerate(plan.rules) if not unread.isdisjoint(rule.reads))


def _denials(evaluation: Evaluation, due: RuleSet, unread: RuleSet) -> dict[int, Reason]:
    rules = evaluation.plan.rules
    told = due - unread if unread else due
    denials = {position: reason for position in told if (reason := rules[position].check(evaluation)) is not None}
    denials.update((position, _unknown(rules[position], evaluation.facts)) for position in due & unread)
    return denials


def _unknown(rule: Rule, facts: Facts) -> Reason:
    fact = next(fact for fact in rule.reads if fact in facts.situation.unread)
    return unknown(rule.code, fact=fact.value, status=FeatureStatus.UNAVAILABLE.value)


def _split(
    listed: Sequence[Candidate], against: Mapping[int, list[int]], denials: Mapping[int, Reason], unread: RuleSet
) -> ConstraintResult:
    """`against`: the rules that deny, ascending, by the place of a candidate in the list.

    A bypass passes a denial; it does not pass the rules of `unread`, whose contacts nobody would count.
    """
    rejected: list[Rejection] = []
    bypassed: dict[str, tuple[Reason, ...]] = {}
    passing: set[int] = set()
    for place in sorted(against):
        candidate, found = listed[place], against[place]
        passed = candidate.bypassed - unread if unread else candidate.bypassed
        binding = [p for p in found if p not in passed] if passed else found
        if binding:
            rejected.append(Rejection(candidate, tuple([denials[p] for p in binding])))
            continue
        passing.add(place)
        if found:
            bypassed[candidate.journey_id] = tuple(_as_bypass(denials[p]) for p in found)
    allowed = tuple([c for place, c in enumerate(listed) if place not in against or place in passing])
    return ConstraintResult(allowed=allowed, rejected=tuple(rejected), bypassed=bypassed)


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
