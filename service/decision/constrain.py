"""Every rule for every candidate, each rule once: all reasons are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from service.decision.facts import Facts
from service.decision.plan import Candidate, Plan, RuleSet, members
from service.decision.verdict import Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rejected:
    """A candidate that may not be shown, with every reason."""

    candidate: Candidate
    reasons: tuple[Reason, ...]

    @property
    def eligible_after(self) -> datetime | None:
        """When time alone has lifted every denial; None if something that time does not lift denies it."""
        ends = [r.eligible_after for r in self.reasons]
        known = [e for e in ends if e is not None]
        return max(known) if known and len(known) == len(ends) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constrained:
    allowed: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]


def constrain(plan: Plan, candidates: Iterable[Candidate], facts: Facts, *, only: RuleSet = -1) -> Constrained:
    """Checks each rule that guards a candidate once; `only` narrows to a set of rules (-1: all).

    Candidates denied by the same rules share one tuple of reasons.
    """
    listed = tuple(candidates)
    needed = 0
    for candidate in listed:
        needed |= candidate.rules
    denials = _denials(plan, needed & only, facts)
    denied = 0
    for position in denials:
        denied |= 1 << position
    allowed: list[Candidate] = []
    rejected: list[Rejected] = []
    shared: dict[RuleSet, tuple[Reason, ...]] = {0: ()}
    for candidate in listed:
        against = candidate.rules & denied
        if not against:
            allowed.append(candidate)
            continue
        if against not in shared:
            shared[against] = tuple(denials[position] for position in members(against))
        rejected.append(Rejected(candidate=candidate, reasons=shared[against]))
    return Constrained(allowed=tuple(allowed), rejected=tuple(rejected))


def _denials(plan: Plan, rules: RuleSet, facts: Facts) -> dict[int, Reason]:
    found: dict[int, Reason] = {}
    for position in members(rules):
        reason = plan.rules[position].check(facts)
        if reason is not None:
            found[position] = reason
    return found
