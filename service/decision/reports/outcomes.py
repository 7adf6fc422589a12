"""What an outcome must be to be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from service.decision.reports.events import FieldFault, text_fault, time_fault
from service.decision.reports.rows import Outcome, OutcomeType

_SCALES: Mapping[OutcomeType, tuple[float, float]] = {OutcomeType.NPS: (0.0, 10.0), OutcomeType.CES: (1.0, 7.0)}
"""The scales of the survey scores: Net Promoter Score 0 to 10, Customer Effort Score 1 to 7."""


def fault_of(outcome: Outcome, now: datetime) -> FieldFault | None:
    """The first fault of an outcome by itself; whether its decision ranked the journey is the store's to say."""
    return (
        text_fault("outcome_id", outcome.outcome_id)
        or text_fault("decision_id", outcome.decision_id)
        or text_fault("journey_id", outcome.journey_id)
        or time_fault(outcome.occurred_at, now)
        or _value_fault(outcome)
    )


def _value_fault(outcome: Outcome) -> FieldFault | None:
    if outcome.value is not None and not math.isfinite(outcome.value):
        return FieldFault(field="value", code="NOT_FINITE")
    if outcome.type not in _SCALES:
        return None
    if outcome.value is None:
        return FieldFault(field="value", code="MISSING")
    low, high = _SCALES[outcome.type]
    return None if low <= outcome.value <= high else FieldFault(field="value", code="OUT_OF_SCALE")
