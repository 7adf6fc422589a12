"""Parts of a log that are kept apart: what is fitted on some is judged on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAYS_FOR_TIME = 5
"""A log with rows on so many days is cut by time, any other by customer."""
_DAY = "datetime64[D]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """`number` (n,) from 0 to `count` - 1; `how` is "time" or "customer"."""

    number: NDArray[np.int64]
    count: int
    how: str

    def describe(self) -> str:
        return f"{self.count} by {self.how}"


def folds_of(decided_at: NDArray[np.datetime64], customer: NDArray[np.int64], count: int, seed: int) -> Folds:
    """Stretches of whole days with about as many rows each where the log has enough days; else customers, by a hash.

    Args:
        decided_at: (n,) UTC; customer: (n,) codes.
        count: of folds, at least 2; there are fewer where there are fewer days or customers.
    """
    day = decided_at.astype(_DAY).astype(np.int64)
    days, rows = np.unique(day, return_counts=True)
    if days.size < DAYS_FOR_TIME:
        return by_customer(customer, count, seed)
    middle = (np.cumsum(rows) - rows / 2.0) / rows.sum()
    stretch = np.minimum((middle * count).astype(np.int64), count - 1)
    return _numbered(stretch[np.searchsorted(days, day)], "time")


def by_customer(customer: NDArray[np.int64], count: int, seed: int) -> Folds:
    """Customers by a hash of their codes (n,)."""
    return _numbered((_hashed(customer, seed) % np.uint64(count)).astype(np.int64), "customer")


def _numbered(number: NDArray[np.int64], how: str) -> Folds:
    used, number = np.unique(number, return_inverse=True)
    return Folds(number=number.astype(np.int64), count=int(used.size), how=how)


def _hashed(code: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """(n,) SplitMix64 of the codes. Source: Steele, Lea & Flood (2014)."""
    z = code.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
