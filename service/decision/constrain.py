"""Every rule for every candidate, each rule once: all reasons are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service.decision.facts import Facts
from service.decision.plan import Candidate, Plan, RuleSet, members
from service.decision.verdict import Reason, ReasonKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rejected:
    """A candidate that may not be shown, with every reason."""

    candidate: Candidate
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constrained:
    """`bypassed`: the denials that an allowed candidate passes all the same, by journey."""

    allowed: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    bypassed: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)


def constrain(plan: Plan, candidates: Iterable[Candidate], facts: Facts, *, only: RuleSet = -1) -> Constrained:
    """Checks each rule that guards a candidate once; `only` narrows to a set of rules (-1: all).

    Candidates denied by the same rules share one tuple of reasons.
    """
    listed = tuple(candidates)
    needed = 0
    for candidate in listed:
        needed |= candidate.rules
    denials = _denials(plan, needed & only & plan.concerning(facts), facts)
    denied = 0
    for position in denials:
        denied |= 1 << position
    return _split(listed, denials, denied)


def _split(listed: Iterable[Candidate], denials: Mapping[int, Reason], denied: RuleSet) -> Constrained:
    allowed: list[Candidate] = []
    rejected: list[Rejected] = []
    bypassed: dict[str, tuple[Reason, ...]] = {}
    shared: dict[RuleSet, tuple[Reason, ...]] = {0: ()}
    for candidate in listed:
        against = candidate.rules & denied
        passed = against & candidate.bypassed if candidate.bypassed else 0
        against ^= passed
        if against:
            if against not in shared:
                shared[against] = tuple(denials[position] for position in members(against))
            rejected.append(Rejected(candidate=candidate, reasons=shared[against]))
            continue
        allowed.append(candidate)
        if passed:
            bypassed[candidate.journey_id] = tuple(_as_bypass(denials[position]) for position in members(passed))
    return Constrained(allowed=tuple(allowed), rejected=tuple(rejected), bypassed=bypassed)


def _as_bypass(reason: Reason) -> Reason:
    return replace(reason, kind=ReasonKind.BYPASS, eligible_after=None)


def _denials(plan: Plan, rules: RuleSet, facts: Facts) -> dict[int, Reason]:
    found: dict[int, Reason] = {}
    for position in members(rules):
        reason = plan.rules[position].check(facts)
        if reason is not None:
            found[position] = reason
    return found


HORIZON = timedelta(days=90)


def eligible_after(plan: Plan, rejected: Rejected, facts: Facts) -> datetime | None:
    """The earliest instant at which time has lifted every denial of a journey, all else equal.

    Another rule that looks at the clock may deny by then (a cap ends at night), so the question is put again at each
    end. None if something that time does not lift denies it, or beyond the horizon.
    """
    reasons, at = rejected.reasons, facts.now
    while reasons:
        ends = [reason.eligible_after for reason in reasons]
        latest = max((end for end in ends if end is not None), default=None)
        if latest is None or None in ends or latest <= at or latest > facts.now + HORIZON:
            return None
        at = latest
        later = facts.at(at)
        candidate = plan.candidate(rejected.candidate.journey_id, later)
        again = constrain(plan, () if candidate is None else (candidate,), later)
        reasons = again.rejected[0].reasons if again.rejected else ()
    return at
