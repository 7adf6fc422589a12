"""Windows in which things are counted: rolling, or calendar periods in a time zone.

A window is told by when a thing that happened at `at` stops counting; it counts while that end is ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum

SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOOKBACK = timedelta(days=400)
"""So far back rules look at contacts and responses, at most."""
ELIGIBLE_AFTER_LIMIT = timedelta(days=90)
"""So far ahead it is told when a journey may be shown again."""
LONGEST_JUMP = timedelta(hours=30)
"""No zone ever skipped more than a day at once, and no local midnight lies further from the same UTC midnight."""


class Period(StrEnum):
    """A calendar period; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingWindow:
    """Counts what is younger than `per`."""

    per: timedelta

    def end(self, at: datetime) -> datetime:
        return at + self.per

    def start(self, at: datetime) -> datetime:
        """Nothing earlier counts at this instant."""
        return at - self.per


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWindow:
    """Counts what lies in the same calendar period of `zone`."""

    period: Period
    zone: tzinfo

    def end(self, at: datetime) -> datetime:
        """The first instant of the period after the one that holds `at`."""
        return first_instant(_next_period(self.period, self._day(at)), self.zone)

    def start(self, at: datetime) -> datetime:
        """The first instant of the period that holds `at`."""
        return first_instant(_this_period(self.period, self._day(at)), self.zone)

    def _day(self, at: datetime) -> date:
        """The local day of `at`: the later one, when clocks went back across a midnight that had passed."""
        day = at.astimezone(self.zone).date()
        tomorrow = day + timedelta(days=1)
        return tomorrow if first_instant(tomorrow, self.zone) <= at else day


_DAYS = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}
_ZONES_DIFFER = timedelta(days=2)

Window = RollingWindow | CalendarWindow
Per = timedelta | Period
"""How long a limit looks back: a rolling time, or the calendar period of the moment."""


def window_of(per: Per, zone: tzinfo | None) -> Window | None:
    """The window; None for a calendar period of an unknown zone."""
    if isinstance(per, timedelta):
        return RollingWindow(per=per)
    return None if zone is None else CalendarWindow(period=per, zone=zone)


def longest(per: Per) -> timedelta:
    """How far back it looks at most: a calendar period may be longer than its days, by clocks that are moved and days
    that are skipped."""
    return per if isinstance(per, timedelta) else timedelta(days=_DAYS[per]) + _ZONES_DIFFER


def earliest_start(period: Period, at: datetime) -> datetime:
    """Where the period that holds `at` begins in the first zone: they lie from 12 hours behind to 14 ahead."""
    zones = (timezone(timedelta(hours=hours)) for hours in range(-12, 15))
    return min(CalendarWindow(period=period, zone=zone).start(at) for zone in zones)


def describe(per: Per) -> str | int:
    """A parameter for people: seconds of a rolling window, or the name of a period."""
    return int(per.total_seconds()) if isinstance(per, timedelta) else per.value


def first_instant(day: date, zone: tzinfo) -> datetime:
    """The first instant whose local date is `day` or later, in UTC: not always midnight, for clocks jump."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    local = midnight.astimezone(zone)
    if local.date() == day and local.time() == datetime.min.time():
        return midnight
    return earliest(midnight - LONGEST_JUMP, midnight + LONGEST_JUMP, lambda at: at.astimezone(zone).date() >= day)


def rounded_up(at: datetime, step: timedelta) -> datetime:
    """The first whole number of steps since 1970 that is not before `at`."""
    return EPOCH - (EPOCH - at) // step * step


def earliest(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The first whole second after `low` and up to `high` at which `holds`, which must not turn back in between."""
    steps = (high - low) // SECOND
    first, last = 0, steps
    while last - first > 1:
        middle = (first + last) // 2
        if holds(low + middle * SECOND):
            last = middle
        else:
            first = middle
    return low + last * SECOND


def _this_period(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _next_period(period: Period, day: date) -> date:
    start = _this_period(period, day)
    match period:
        case Period.DAY:
            return start + timedelta(days=1)
        case Period.WEEK:
            return start + timedelta(days=7)
        case Period.MONTH:
            return (start + timedelta(days=32)).replace(day=1)
