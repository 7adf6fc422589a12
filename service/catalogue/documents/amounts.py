"""What an event that met an objective was worth: which of its attributes tells."""

from __future__ import annotations

from service.catalogue.documents.forms import LEARNED
from service.catalogue.documents.journey import ObjectiveDocument
from service.decision.reports.event_types import EventType


def amount_attribute(objective: ObjectiveDocument, known: EventType) -> str | None:
    """The number that is named, else the only one there is; None where there is no such one, or the value is fixed."""
    if objective.value != LEARNED or objective.event is None:
        return None
    if objective.value_from is not None:
        return objective.value_from if objective.value_from in known.numbers else None
    return known.numbers[0] if len(known.numbers) == 1 else None
