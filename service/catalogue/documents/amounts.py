"""What an event that met an objective was worth: which of its attributes tells."""

from __future__ import annotations

from service.catalogue.documents.forms import LEARNED
from service.catalogue.documents.journey import ObjectiveDocument
from service.decision.reports.event_types import EventType


def amount_attribute(objective: ObjectiveDocument, known: EventType) -> str | None:
    """The number that is named, else the only one there is; None where there is no such one, or the value is fixed."""
    told = amount_attributes(objective, known)
    return told[0] if len(told) == 1 else None


def amount_attributes(objective: ObjectiveDocument, known: EventType) -> tuple[str, ...]:
    """The number that is named, else all there are: a type may have got others since, and the events of before carry
    one."""
    if objective.value != LEARNED or objective.event is None:
        return ()
    named = objective.value_from
    return tuple(number for number in known.numbers if named is None or number == named)
