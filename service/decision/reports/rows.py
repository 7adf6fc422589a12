"""The rows of a report, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from features.values import Scalar


class RowStatus(StrEnum):
    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one row. A rejection names the field and a code.

    Of an outcome that is kept, `decision_id` is the decision that it was given to. `late` is for a PRESENTED after its
    time.
    """

    row_id: str
    status: RowStatus
    field: str = ""
    code: str = ""
    late: bool = False
    decision_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent:
    """Something that happened to a customer (`customer_id` is "" for a heartbeat)."""

    event_id: str
    customer_id: str
    source: str
    type: str
    occurred_at: datetime
    attributes: Mapping[str, Scalar]


class OutcomeType(StrEnum):
    PRESENTED = "PRESENTED"
    NOT_PRESENTED = "NOT_PRESENTED"
    ENGAGED = "ENGAGED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CONVERTED = "CONVERTED"
    NPS = "NPS"
    CES = "CES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What followed for one ranked journey. `value` is the amount of a CONVERTED, the score of an NPS or CES.

    One of `decision_id` and `customer_id` is given: that of the customer stands for the decision by which the journey
    was last presented to her.
    """

    outcome_id: str
    decision_id: str = ""
    customer_id: str = ""
    journey_id: str
    type: OutcomeType
    value: float | None
    occurred_at: datetime
