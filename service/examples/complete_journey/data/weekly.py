"""Window sums over a weekly grid, in exact integers and without look-ahead.

A fact at instant t counts in the window of `days` before snapshot s iff s - days <= t < s, that is, in the snapshots
from the first one after t up to the last one not after t + days. So each fact enters a running total at one snapshot
and leaves it at another, and a whole year costs one pass. Sums are integers (cents), so what leaves cancels exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DAY_S = 86_400
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTimes:
    """Instants of facts by customer: `customer` (n,) in 0..n_customers-1, `at_s` (n,) epoch seconds, >= 0."""

    customer: Ints
    at_s: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyGrid:
    """Snapshots of every customer at `first_s`, a week later, and so on; arrays are (n_customers, n_weeks)."""

    first_s: int
    n_customers: int
    n_weeks: int

    @property
    def snapshots_s(self) -> Ints:
        """(n_weeks,) epoch seconds."""
        return self.first_s + WEEK_S * np.arange(self.n_weeks, dtype=np.int64)

    def total(self, facts: FactTimes, weight: Ints | None = None) -> Ints:
        """Sum of `weight` (count, when absent) over everything before each snapshot."""
        return np.cumsum(self._at(facts.customer, self._first_after(facts.at_s), weight), axis=1)

    def window(self, facts: FactTimes, days: int, weight: Ints | None = None) -> Ints:
        """Sum of `weight` (count, when absent) over the `days` before each snapshot."""
        return self._running(facts.customer, self._first_after(facts.at_s), self._expiry(facts, days), weight)

    def distinct(self, facts: FactTimes, days: int, key: Ints) -> Ints:
        """Number of different `key` values in the `days` before each snapshot.

        A fact counts until it expires or the same key is seen again, whichever comes first.
        """
        order = np.lexsort((facts.at_s, key, facts.customer))
        customer, at_s, key = facts.customer[order], facts.at_s[order], key[order]
        enter = self._first_after(at_s)
        leave = self._expiry(FactTimes(customer=customer, at_s=at_s), days)
        is_repeat = (customer[1:] == customer[:-1]) & (key[1:] == key[:-1])
        leave[:-1] = np.where(is_repeat, np.minimum(leave[:-1], enter[1:]), leave[:-1])
        return self._running(customer, enter, leave, None)

    def last(self, facts: FactTimes) -> Ints:
        """Instant of the latest fact before each snapshot; -1 where there is none."""
        latest = np.full((self.n_customers, self.n_weeks + 1), -1, dtype=np.int64)
        np.maximum.at(latest, (facts.customer, self._first_after(facts.at_s)), facts.at_s)
        return np.maximum.accumulate(latest, axis=1)[:, :-1]

    def first_in_window(self, facts: FactTimes, days: int) -> Ints:
        """Instant of the earliest fact in the `days` before each snapshot; meaningless where the window is empty."""
        order = np.lexsort((facts.at_s, facts.customer))
        at_s = facts.at_s[order]
        start = np.searchsorted(facts.customer[order], np.arange(self.n_customers))
        expired = np.cumsum(self._at(facts.customer, self._expiry(facts, days), None), axis=1)
        return np.asarray(at_s[np.minimum(start[:, None] + expired, len(at_s) - 1)], dtype=np.int64)

    def _running(self, customer: Ints, enter: Ints, leave: Ints, weight: Ints | None) -> Ints:
        return np.cumsum(self._at(customer, enter, weight) - self._at(customer, leave, weight), axis=1)

    def _first_after(self, at_s: Ints) -> Ints:
        """Index of the first snapshot strictly after each instant; n_weeks when there is none."""
        return np.clip((at_s - self.first_s) // WEEK_S + 1, 0, self.n_weeks)

    def _expiry(self, facts: FactTimes, days: int) -> Ints:
        return self._first_after(facts.at_s + days * DAY_S)

    def _at(self, customer: Ints, week: Ints, weight: Ints | None) -> Ints:
        """Sums of weights per (customer, week); float sums of integers below 2**53 are exact."""
        width = self.n_weeks + 1
        sums = np.bincount(customer * width + week, weights=weight, minlength=self.n_customers * width)
        return np.rint(sums).astype(np.int64).reshape(self.n_customers, width)[:, :-1]
