"""What an outcome must be to be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from service.decision.reports.events import FieldFault, text_fault, time_fault
from service.decision.reports.rows import Outcome, OutcomeType

_SCALES: Mapping[OutcomeType, tuple[float, float]] = {OutcomeType.NPS: (0.0, 10.0), OutcomeType.CES: (1.0, 7.0)}
"""The scales of the survey scores: Net Promoter Score 0 to 10, Customer Effort Score 1 to 7."""
_OF_A_RESERVATION = frozenset({OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED})
"""What speaks of a contact that nobody presented yet, so that only its decision names it."""


def fault_of(outcome: Outcome, now: datetime) -> FieldFault | None:
    """The first fault of an outcome by itself; which contact it belongs to, if to any, is the store's to say."""
    return (
        text_fault("outcome_id", outcome.outcome_id)
        or text_fault("decision_id", outcome.decision_id)
        or text_fault("customer_id", outcome.customer_id)
        or text_fault("journey_id", outcome.journey_id)
        or _customer_fault(outcome)
        or time_fault(outcome.occurred_at, now)
        or _value_fault(outcome)
    )


def _customer_fault(outcome: Outcome) -> FieldFault | None:
    if not outcome.customer_id:
        return None
    if outcome.decision_id:
        return FieldFault(field="customer_id", code="BOTH_SET")
    return FieldFault(field="type", code="NEEDS_DECISION") if outcome.type in _OF_A_RESERVATION else None


def _value_fault(outcome: Outcome) -> FieldFault | None:
    if outcome.value is not None and not math.isfinite(outcome.value):
        return FieldFault(field="value", code="NOT_FINITE")
    if outcome.type not in _SCALES:
        return None
    if outcome.value is None:
        return FieldFault(field="value", code="MISSING")
    low, high = _SCALES[outcome.type]
    return None if low <= outcome.value <= high else FieldFault(field="value", code="OUT_OF_SCALE")
