"""What was decided, day by day, and what it was worth by the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.simulate.truth import JOURNEYS, PLACE

Real = NDArray[np.float64]
NO_ARM = "CHAMPION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision. `value`: the sum over what it showed of p × value - cost, by the truth.

    `allowed` and `shown`: sets of journeys, as bits by their places in JOURNEYS.
    """

    day: int
    who: int
    arm: str
    value: float
    allowed: int
    shown: int
    is_exploration: bool
    model_version: str


@dataclass(slots=True)
class Ledger:
    """Of one world."""

    name: str
    entries: list[Entry] = field(default_factory=list)

    def values(self, days: range, customers: frozenset[int] | None = None) -> dict[int, tuple[float, int]]:
        """By customer the sum of values and the number of decisions."""
        found: dict[int, tuple[float, int]] = {}
        for entry in self.entries:
            if entry.day in days and (customers is None or entry.who in customers):
                value, count = found.get(entry.who, (0.0, 0))
                found[entry.who] = value + entry.value, count + 1
        return found

    def by_day(self, days: int, customers: frozenset[int] | None = None) -> Real:
        """(days,) the value per decision; NaN of a day without any."""
        total, count = np.zeros(days), np.zeros(days)
        for entry in self.entries:
            if customers is None or entry.who in customers:
                total[entry.day] += entry.value
                count[entry.day] += 1.0
        return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)

    def shown_of(self, journey: str, arm: str | None = None) -> Iterator[tuple[Entry, bool]]:
        """The decisions in which it was allowed, in their order, and whether it was shown."""
        bit = 1 << PLACE[journey]
        for entry in self.entries:
            if entry.allowed & bit and (arm is None or entry.arm == arm):
                yield entry, bool(entry.shown & bit)

    def presentations(self) -> dict[str, int]:
        """How often each journey was shown."""
        return {j: sum(bool(e.shown & (1 << place)) for e in self.entries) for place, j in enumerate(JOURNEYS)}
