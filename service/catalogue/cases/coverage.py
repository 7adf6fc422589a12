"""Which constraints a case decides: it alone denies a journey, or a journey that it guards is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.decision.constraints.audience import CompanyPolicy
from service.decision.constraints.capacity import PoolLimit
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.never import NeverAfter, NeverWith
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.rule import Rule
from service.decision.constraints.stage import AtStage
from service.decision.decide import Decision
from service.decision.explain import explain
from service.decision.plan import Candidate, Plan

AT_STAGE, KILLED = AtStage.code, "KILLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The constraints that a case shows to deny, and to allow."""

    denies: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()


def constraints_in_use(plan: Plan) -> tuple[str, ...]:
    """Every constraint that guards a candidate, by the name under which its owner wrote it, in order."""
    return tuple(
        sorted(
            {
                constraint_name(plan.rules[position], candidate)
                for candidate in _candidates(plan)
                for position in candidate.rules
            }
        )
    )


def constraint_name(rule: Rule, candidate: Candidate) -> str:
    """The code, and what tells it from others of the code: a journey, a purpose, a kind, or an id of the policies.

    Nobody writes KILLED and STAGE, which guard everything: each is one.
    """
    match rule:
        case PressureCap(cap_id=name) | QuietHours(quiet_id=name):
            return f"{rule.code} {name}"
        case PoolLimit(pool=pool):
            return f"{rule.code} {pool.pool_id.partition(':')[2]}"
        case IncidentOpen(kind=kind):
            return f"{rule.code} {kind.value}"
        case InFlight(limit=limit):
            return f"{rule.code} {limit.kind.value}"
        case ConsentMissing(purpose=purpose):
            return f"{rule.code} {purpose}"
        case ServiceWithdrawn():
            return f"{rule.code} service"
        case NeverWith(other=other):
            return f"{rule.code} " + " + ".join(sorted((candidate.journey_id, other)))
        case NeverAfter(other=other):
            return f"{rule.code} {candidate.journey_id} after {other}"
        case CompanyPolicy() | AtStage():
            return rule.code
        case _:
            return rule.code if rule.code == KILLED else f"{rule.code} {candidate.journey_id}"


def coverage_of(decision: Decision) -> Coverage:
    """The coverage, by the verdicts before slots are filled. STAGE allows whoever is at a later stage of a journey."""
    draft = decision.draft
    denies: set[str] = set()
    allows: set[str] = set()
    for candidate in draft.survivors:
        allows |= {constraint_name(draft.plan.rules[n], candidate) for n in candidate.rules}
        if candidate.journey_id in draft.facts.situation.enrolments:
            allows.add(AT_STAGE)
    for rejected in draft.constrained.rejected:
        alone = [e.rule for e in explain(draft.evaluation, rejected.candidate) if e.denies]
        if len(alone) == 1:
            denies.add(constraint_name(alone[0], rejected.candidate))
    return Coverage(denies=frozenset(denies), allows=frozenset(allows))


def _candidates(plan: Plan) -> Iterator[Candidate]:
    for offered in (o for journeys in plan.journeys.values() for o in journeys):
        for staged in (*offered.by_stage.values(), offered.elsewhere):
            yield from staged
