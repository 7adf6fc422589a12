"""What a read of the online store says, whichever store it is, and when a fact is too old to be relied on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from features.values import FeatureRow, FeatureStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFault:
    """A view of which nothing can be relied on: UNAVAILABLE or STALE, and why (without personal data)."""

    view: str
    status: FeatureStatus
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureReading:
    """Every stored feature of the schema with its status; what was degraded; whether any view knows the customer."""

    values: FeatureRow
    degraded: tuple[ViewFault, ...]
    has_any_row: bool


class CustomerByCustomer(ABC):
    """A reader of one customer after another, where nothing is gained by asking of many at once."""

    @abstractmethod
    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        """Everything that is known of a customer as of `now`."""

    def read_many(self, customer_ids: Sequence[str], now: datetime) -> list[FeatureReading]:
        """`read` of each."""
        return [self.read(customer_id, now) for customer_id in customer_ids]


def is_stale(event_time: datetime, at: datetime, max_age_s: float | None) -> bool:
    """Strictly older than `max_age_s` at `at`; what has no such age never is."""
    return max_age_s is not None and (at - event_time).total_seconds() > max_age_s
