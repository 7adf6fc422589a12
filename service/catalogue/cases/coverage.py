"""Which constraints a case decides: it alone denies a journey, or a journey that it guards is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.decision.constraints.stage import AtStage
from service.decision.decide import Decision
from service.decision.explain import explain
from service.decision.plan import Candidate, Plan

AT_STAGE = AtStage.code


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
                plan.rules[position].named(candidate.journey_id)
                for candidate in _candidates(plan)
                for position in candidate.rules
            }
        )
    )


def coverage_of(decision: Decision) -> Coverage:
    """The coverage, by the verdicts before slots are filled. STAGE allows whoever is at a later stage of a journey."""
    draft = decision.draft
    denies: set[str] = set()
    allows: set[str] = set()
    for candidate in draft.survivors:
        allows |= {draft.plan.rules[n].named(candidate.journey_id) for n in candidate.rules}
        if candidate.journey_id in draft.facts.situation.enrolments:
            allows.add(AT_STAGE)
    for rejected in draft.constrained.rejected:
        alone = [e.rule for e in explain(draft.evaluation, rejected.candidate) if e.denies]
        if len(alone) == 1:
            denies.add(alone[0].named(rejected.candidate.journey_id))
    return Coverage(denies=frozenset(denies), allows=frozenset(allows))


def _candidates(plan: Plan) -> Iterator[Candidate]:
    for offered in (o for journeys in plan.journeys.values() for o in journeys):
        for staged in (*offered.by_stage.values(), offered.elsewhere):
            yield from staged
