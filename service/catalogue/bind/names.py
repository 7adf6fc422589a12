"""Finds names that are not declared: channels, purposes, events, policies and other journeys."""

from __future__ import annotations

from collections.abc import Sequence

from features.documents.form import meant
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.amounts import amount_attribute
from service.catalogue.documents.forms import LEARNED
from service.catalogue.documents.journey import (
    ActionDocument,
    CatalogueDocument,
    JourneyDocument,
    ObjectiveDocument,
)
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import FaultClass, Problems
from service.decision.constraints.audience import policy_code
from service.decision.reports.event_types import EventType, EventTypes


def check_names(
    document: CatalogueDocument,
    events: EventTypes,
    is_checked: Sequence[bool],
    problems: Problems,
    *,
    is_kept: bool,
) -> None:
    """`is_checked`: the journeys whose own fields were found without a fault before, under the same policies.

    `is_kept`: as for `ConditionCompiler`.
    """
    known = {j.journey for j in document.journeys}
    seen: set[str] = set()
    for journey, was_checked in zip(document.journeys, is_checked, strict=True):
        if journey.journey in seen:
            problems.add(journey.journey, (), FaultClass.NAME, "another journey has this id")
        seen.add(journey.journey)
        if not was_checked:
            _check_objective(journey, events, problems, is_kept=is_kept)
            _check_declared(journey, document.policies, problems)
            _check_bypass(journey, document.policies, problems)
        _check_journeys(journey, known, problems)


def _check_objective(journey: JourneyDocument, events: EventTypes, problems: Problems, *, is_kept: bool) -> None:
    """An objective's event is one that can be recorded, and its `where` and `value_from` speak of its attributes.

    Of a catalogue that was once in force neither is asked: no decision depends on it, and types may be gone.
    """
    objective = journey.objective
    if objective.event is None or is_kept:
        return
    known = events.by_name.get(objective.event)
    if known is None:
        text = f"'{objective.event}' is no event type: " + ", ".join(events.by_name)
        problems.add(journey.journey, ("objective", "event"), FaultClass.NAME, text)
        return
    if objective.where is not None:
        compiler = ConditionCompiler(known.value_types)
        problems.condition(compiler, objective.where, journey.journey, ("objective", "where"))
    if objective.value == LEARNED and amount_attribute(objective, known) is None:
        field = "value" if objective.value_from is None else "value_from"
        problems.add(journey.journey, ("objective", field), FaultClass.NAME, _no_amount(objective, known))


def _no_amount(objective: ObjectiveDocument, known: EventType) -> str:
    """Why it cannot be told what an event was worth, and what could tell it."""
    named, numbers = objective.value_from, known.numbers
    if not numbers:
        return f"no attribute of '{objective.event}' is a number, so what it was worth cannot be learned: give a number"
    if named is None:
        return f"'{objective.event}' has several numbers, name one by value_from: {', '.join(numbers)}"
    if named in known.attributes:
        return f"'{named}' is a {known.attributes[named].type}; numbers of '{objective.event}': {', '.join(numbers)}"
    likely = meant(named, numbers)
    return f"there is no attribute '{named}' of '{objective.event}'{likely or '; its numbers: ' + ', '.join(numbers)}"


def _check_declared(journey: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    for i, purpose in enumerate(journey.consent):
        if purpose not in company.purposes:
            text = f"purpose '{purpose}' is not declared in policies.yaml"
            problems.add(journey.journey, ("consent", i), FaultClass.NAME, text)
    for i, stage in enumerate(journey.stages):
        for k, action in enumerate(stage.actions):
            path = ("stages", i, "actions", k)
            for n, channel in enumerate(action.channels):
                if channel not in company.channels:
                    text = f"channel '{channel}' is not declared in policies.yaml"
                    problems.add(journey.journey, (*path, "channels", n), FaultClass.NAME, text)
            _check_placements(journey.journey, path, action, company, problems)
            if action.offer and not journey.consent:
                problems.add(journey.journey, (*path, "offer"), FaultClass.FORM, "an offer needs a consent purpose")


def _check_placements(
    subject: str, path: tuple[str | int, ...], action: ActionDocument, company: PoliciesDocument, problems: Problems
) -> None:
    """Where a channel of the action says which placements there are, each is one of its channels' placements."""
    listed = [company.channels[c].placements for c in action.channels if c in company.channels]
    declared = {placement for placements in listed if placements is not None for placement in placements}
    for n, placement in enumerate(action.placements if declared else ()):
        if placement not in declared:
            text = f"placement '{placement}' is not declared in policies.yaml for a channel of the action"
            problems.add(subject, (*path, "placements", n), FaultClass.NAME, text)


def _check_bypass(journey: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    codes = {policy_code(p.id) for p in company.policies}
    for i, code in enumerate(journey.bypass):
        if code.startswith("POLICY_") and code not in codes:
            problems.add(journey.journey, ("bypass", i), FaultClass.NAME, f"there is no policy with the code {code}")


def _check_journeys(journey: JourneyDocument, known: set[str], problems: Problems) -> None:
    """Journeys that a journey names exist, and are others."""
    named: list[tuple[tuple[str | int, ...], str]] = []
    named += [(("never_with", i), other) for i, other in enumerate(journey.never_with)]
    named += [(("never_after", i, "journey"), other.journey) for i, other in enumerate(journey.never_after)]
    if journey.cooldown is not None:
        named += [(("cooldown", "also", i), other) for i, other in enumerate(journey.cooldown.also)]
    for path, other in named:
        if other not in known:
            problems.add(journey.journey, path, FaultClass.NAME, f"there is no journey '{other}'")
        elif other == journey.journey and path[0] == "never_with":
            problems.add(journey.journey, path, FaultClass.NAME, "a journey cannot exclude itself")
