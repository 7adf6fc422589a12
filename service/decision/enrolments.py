"""Enrolments that end by themselves: their time is over, their owner's condition holds, their journey is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from service.decision.evaluation import Evaluation
from service.decision.facts import Enrolment, Facts
from service.decision.plan import Lifetime
from service.decision.variables import with_variables


class WhyEnded(StrEnum):
    MAX_DURATION = "MAX_DURATION"
    EXIT_WHEN = "EXIT_WHEN"
    NOT_IN_CATALOGUE = "NOT_IN_CATALOGUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedEnrolment:
    """An enrolment that ended by itself."""

    journey_id: str
    why: WhyEnded


def end_enrolments(evaluation: Evaluation) -> tuple[Evaluation, tuple[EndedEnrolment, ...]]:
    """Returns: the evaluation of the facts with the enrolments that go on, each with its end, and those that ended."""
    facts = evaluation.facts
    enrolments = facts.situation.enrolments
    if not enrolments:
        return evaluation, ()
    goes_on: dict[str, Enrolment] = {}
    ended: list[EndedEnrolment] = []
    for journey_id, enrolment in enrolments.items():
        lifetime = evaluation.plan.lifetimes.get(journey_id)
        dated = enrolment if lifetime is None else _with_end(enrolment, lifetime)
        why = _why_ended(dated, lifetime, evaluation)
        if why is None:
            goes_on[journey_id] = dated
        else:
            ended.append(EndedEnrolment(journey_id=journey_id, why=why))
    return evaluation.with_facts(_with_enrolments(facts, goes_on, has_ended=bool(ended))), tuple(ended)


def _with_end(enrolment: Enrolment, lifetime: Lifetime) -> Enrolment:
    if lifetime.max_duration is None:
        return enrolment
    return Enrolment(
        journey_id=enrolment.journey_id,
        stage=enrolment.stage,
        since=enrolment.since,
        ends_at=enrolment.since + lifetime.max_duration,
    )


def _why_ended(enrolment: Enrolment, lifetime: Lifetime | None, evaluation: Evaluation) -> WhyEnded | None:
    if lifetime is None:
        return WhyEnded.NOT_IN_CATALOGUE
    if enrolment.ends_at is not None and enrolment.ends_at <= evaluation.facts.now:
        return WhyEnded.MAX_DURATION
    if lifetime.exit_when is not None and lifetime.exit_when.holds(evaluation.variables):
        return WhyEnded.EXIT_WHEN
    return None


def _with_enrolments(facts: Facts, enrolments: Mapping[str, Enrolment], *, has_ended: bool) -> Facts:
    """Conditions see only what goes on."""
    changed = replace(facts, situation=replace(facts.situation, enrolments=enrolments))
    return with_variables(changed) if has_ended else changed
