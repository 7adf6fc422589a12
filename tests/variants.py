"""The same policies or plan with one thing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from service.decision.constraints.in_flight import InFlightLimit, Member
from service.decision.constraints.registry import Policies
from service.decision.constraints.rule import Rule
from service.decision.journey import JourneyKind
from service.decision.plan import Candidate, Plan
from tests.builders import Entry


def in_flight(policies: Policies, limits: Mapping[JourneyKind, int], *offered: Entry) -> Policies:
    """The same policies with at most so many of these journeys at once, by kind."""

    def members(kind: JourneyKind) -> dict[str, Member]:
        own = (o for o in offered if o.journey.kind is kind)
        return {o.journey.journey_id: Member(tier=o.journey.tier, is_switchable=o.is_switchable) for o in own}

    bound = {k: InFlightLimit(kind=k, at_most=n, members=members(k)) for k, n in limits.items()}
    return replace(policies, in_flight=bound)


def with_rule(plan: Plan, rule: Rule, journey_ids: Iterable[str]) -> Plan:
    """The same plan with one more rule guarding these journeys."""
    chosen, position = frozenset(journey_ids), len(plan.rules)

    def guard(candidate: Candidate) -> Candidate:
        return replace(candidate, rules=candidate.rules | {position}) if candidate.journey_id in chosen else candidate

    journeys = {
        channel: tuple(
            replace(
                one,
                by_stage={stage: tuple(map(guard, found)) for stage, found in one.by_stage.items()},
                elsewhere=tuple(map(guard, one.elsewhere)),
            )
            for one in offered
        )
        for channel, offered in plan.journeys.items()
    }
    return replace(plan, rules=(*plan.rules, rule), journeys=journeys)
