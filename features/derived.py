"""Facts derived from instants when a decision is made: ages are computed, never stored.

The same functions run in training and in serving. A derived value has the status and the event time of its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from enum import StrEnum

from features.values import FeatureRow, FeatureStatus, FeatureValue

DERIVED_VIEW = "derived"
DAY = timedelta(days=1)
GREGORIAN_CYCLE = 400
"""Years after which the calendar repeats to the day."""
FORMULA = r"(?P<function>[a-z_]+)\((?P<source>[a-z][a-z0-9_]*)\)"


class Age(StrEnum):
    """What is computed of an instant when a decision is made, in days."""

    DAYS_SINCE = "days_since"
    DAYS_UNTIL = "days_until"
    DAYS_TO_ANNIVERSARY = "days_to_anniversary"


@dataclass(frozen=True, slots=True)
class Formula:
    """`function(source)`; `source` is a feature that holds an instant, such as the `latest` of an event type."""

    function: Age
    source: str

    @classmethod
    def parsed(cls, text: str) -> Formula:
        """Raises: ValueError that says what is expected."""
        match = re.fullmatch(FORMULA, text)
        if match is None or match["function"] not in list(Age):
            raise ValueError(f"expected one of {', '.join(f'{age}(FEATURE)' for age in Age)}, not `{text}`")
        return cls(Age(match["function"]), match["source"])

    def __str__(self) -> str:
        return f"{self.function}({self.source})"

    def days(self, instant: datetime, at: datetime) -> float:
        """The age at `at` of an instant, both aware."""
        return _DAYS[self.function](instant, at)

    def instant(self, days: float, at: datetime) -> datetime:
        """An instant whose age is so many days at `at`. Raises: ValueError, OverflowError where no time lies so far."""
        if self.function is Age.DAYS_SINCE:
            return at - timedelta(days=days)
        ahead = at + timedelta(days=days)
        return ahead if self.function is Age.DAYS_UNTIL else ahead.replace(year=ahead.year - 1)

    def value(self, name: str, row: FeatureRow, at: datetime) -> FeatureValue:
        """The age at `at`, by this name; a stale source gives a stale value, an absent one passes its status on."""
        source = row.get(self.source)
        if source is None:
            return FeatureValue(name=name, status=FeatureStatus.NOT_FOUND)
        days = self.days(source.value, at) if isinstance(source.value, datetime) else None
        return FeatureValue(name=name, status=source.status, value=days, event_time=source.event_time)


def days_since(instant: datetime, at: datetime) -> float:
    """Days from `instant` to `at`, never negative: what a source reports as just ahead happened now."""
    return max((at - instant) / DAY, 0.0)


def days_until(instant: datetime, at: datetime) -> float:
    """Days from `at` to `instant`; negative once it is over."""
    return (instant - at) / DAY


def days_to_anniversary(start: datetime, at: datetime) -> float:
    """Days to the next yearly return of `start` (UTC), at the earliest a year after it; 0 at that very instant."""
    start, at = start.astimezone(UTC), at.astimezone(UTC)
    if max(start.year, at.year) + 1 >= MAXYEAR:  # it may return in a year that no datetime has: so say 9999-12-31
        start, at = (time.replace(year=time.year - GREGORIAN_CYCLE) for time in (start, at))
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


_DAYS: Mapping[Age, Callable[[datetime, datetime], float]] = {
    Age.DAYS_SINCE: days_since,
    Age.DAYS_UNTIL: days_until,
    Age.DAYS_TO_ANNIVERSARY: days_to_anniversary,
}


def derive(row: FeatureRow, at: datetime, derived: Mapping[str, Formula]) -> dict[str, FeatureValue]:
    """The row and what is derived of it, by name, with ages computed at `at` (aware)."""
    return {**row, **{name: formula.value(name, row, at) for name, formula in derived.items()}}
