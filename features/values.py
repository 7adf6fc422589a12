"""What is known of a customer: values that carry their own status and age.

A missing fact is a value with a status, never a NaN or a None by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FeatureStatus(StrEnum):
    """How much a value may be trusted."""

    PRESENT = "PRESENT"
    NULL = "NULL"  # the row exists, the value is empty
    NOT_FOUND = "NOT_FOUND"  # no row for this customer
    STALE = "STALE"  # older than the declared max_age
    UNAVAILABLE = "UNAVAILABLE"  # the store could not be asked


Scalar = str | float | int | bool | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureValue:
    """One fact about one customer.

    `value` is kept when the status is STALE, so that a reason can show it; it is None for every other
    status but PRESENT. `event_time` is an aware UTC datetime: when the fact was true, not when it was stored.
    """

    name: str
    status: FeatureStatus
    value: Scalar | None = None
    event_time: datetime | None = None

    @property
    def is_present(self) -> bool:
        return self.status is FeatureStatus.PRESENT

    def known(self) -> Scalar | None:
        """The value when it may be relied on, else None."""
        return self.value if self.status is FeatureStatus.PRESENT else None


FeatureRow = Mapping[str, FeatureValue]
"""The facts of one customer, by feature name."""
