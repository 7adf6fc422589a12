"""Facts derived from timestamps at decision time: ages are computed, never stored.

The same functions run in training and in serving. A derived value has the status and the event time of its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.schema import FeatureSpec, FeatureType, PersonalData
from features.values import FeatureRow, FeatureStatus, FeatureValue

DERIVED_VIEW = "derived"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFeature:
    """A feature in days that follows from one stored timestamp and the decision time."""

    name: str
    source: str
    description: str
    days: Callable[[datetime, datetime], float]

    def spec(self) -> FeatureSpec:
        """How the schema describes it: it ages with its source, so it declares no age of its own."""
        return FeatureSpec(
            name=self.name,
            view=DERIVED_VIEW,
            type=FeatureType.DOUBLE,
            unit="days",
            description=self.description,
            owner="customer-analytics",
            personal_data=PersonalData.PSEUDONYMOUS,
            max_age_s=None,
            is_derived=True,
        )

    def value(self, row: FeatureRow, at: datetime) -> FeatureValue:
        """The value at `at`; a stale source gives a stale value, an absent one passes its status on."""
        source = row.get(self.source)
        if source is None:
            return FeatureValue(name=self.name, status=FeatureStatus.NOT_FOUND)
        days = self.days(source.value, at) if isinstance(source.value, datetime) else None
        return FeatureValue(
            name=self.name,
            status=source.status,
            value=days,
            event_time=source.event_time,
        )


def days_since(instant: datetime, at: datetime) -> float:
    """Days from `instant` to `at`, never negative: what a source reports as just ahead happened now."""
    return max((at - instant) / DAY, 0.0)


def days_to_anniversary(start: datetime, at: datetime) -> float:
    """Days to the next yearly return of `start` (UTC), at the earliest a year after it; 0 at that very instant."""
    start, at = start.astimezone(UTC), at.astimezone(UTC)
    years = max(at.year - start.year, 1)
    upcoming = _anniversary(start, years)
    if upcoming < at:
        upcoming = _anniversary(start, years + 1)
    return (upcoming - at) / DAY


def _anniversary(start: datetime, years: int) -> datetime:
    """`start` some years on; 29 February returns on the 28th in common years."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)


DERIVED: tuple[DerivedFeature, ...] = (
    DerivedFeature(
        name="recency_days",
        source="last_purchase_at",
        description="Time since the last purchase, right to the second.",
        days=days_since,
    ),
    DerivedFeature(
        name="days_since_redemption",
        source="last_redemption_at",
        description="Time since the last coupon redemption; NULL for who never redeemed one.",
        days=days_since,
    ),
    DerivedFeature(
        name="days_since_first_seen",
        source="first_seen_at",
        description="Time since the first purchase on record.",
        days=days_since,
    ),
    DerivedFeature(
        name="days_to_anniversary",
        source="anniversary_from",
        description="Time to the yearly return of the first purchase; NULL when that purchase is not on record.",
        days=days_to_anniversary,
    ),
)


def derive(row: FeatureRow, at: datetime) -> dict[str, FeatureValue]:
    """The row and its derived features, ages computed at `at` (aware)."""
    return {**row, **{feature.name: feature.value(row, at) for feature in DERIVED}}
