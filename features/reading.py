"""What a read of the online store says, whichever store it is."""

from __future__ import annotations

from dataclasses import dataclass

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
