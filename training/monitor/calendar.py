"""Weeks and days in UTC, and the stretches of days that are compared with a reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.monitor.sequence import share_of_start

Days = NDArray[np.datetime64]
Day = np.datetime64
ONE = np.timedelta64(1, "D")
WEEK = np.timedelta64(7, "D")
_MONDAY = np.datetime64("1970-01-05", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Seven days from `begins`, and which part of an alpha a test on them may spend."""

    begins: Day
    share: float

    @property
    def ends(self) -> Day:
        """The day after."""
        return self.begins + WEEK

    def holds(self, days: Days) -> NDArray[np.bool_]:
        """(n,) which of these days lie in it."""
        return (days >= self.begins) & (days < self.ends)


def days_of(instants: NDArray[np.datetime64]) -> Days:
    """(n,) the days."""
    return instants.astype("datetime64[D]")


def weeks_of(days: Days) -> Days:
    """(n,) the Monday of each."""
    return _MONDAY + (days - _MONDAY) // WEEK * WEEK


def weeks_between(first: Day, last: Day) -> Days:
    """The Mondays from that of `first` to that of `last`, also of weeks in which nothing happened."""
    ends = weeks_of(np.array([first, last], dtype="datetime64[D]"))
    return np.arange(ends[0], ends[1] + ONE, WEEK)


def periods_from(begins: Day, last: Day) -> tuple[Period, ...]:
    """Every calendar week from `begins` on that is over at the end of the day `last`, and the last seven days.

    Half of an alpha is for the weeks, as they come, and half for the last seven days, a test of which is made a day.
    """
    return tuple(_periods(begins, last))


def _periods(begins: Day, last: Day) -> Iterator[Period]:
    mondays = weeks_between(begins, last)
    over = mondays[(mondays >= begins) & (mondays + WEEK <= last + ONE)]
    for number, monday in enumerate(over, start=1):
        yield Period(begins=monday, share=share_of_start(number) / 2.0)
    latest: Any = last + ONE - WEEK
    if latest >= begins and latest not in over:
        number = int((latest - begins) / ONE) + 1
        yield Period(begins=latest, share=share_of_start(number) / 2.0)
