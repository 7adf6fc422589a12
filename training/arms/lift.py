"""How much more the customers of one arm did than those of another, at each look, and what it takes to see that.

    lift_L = mean of one arm - mean of the other, over the customers of whom all is known by look L
    mean   = sum w y / sum w,  w = 1 / the share of the arm when the customer came in

The weights make both arms stand for the same customers where shares changed on the way: if an arm grew in December,
its plain mean would be a mean of December (Simpson's paradox).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm  # type: ignore[import-untyped]

from training.arms.cohort import Cohort
from training.arms.decided import Codes, Decided, Mask, Vector
from training.monitor.sequence import Intervals, Looks, boundary, difference

ALPHA: Final = 0.05
"""Of all comparisons together, at all looks; each has its part of it (Bonferroni)."""
COMPARISONS: Final = 5
"""Each of four arms with the holdout, and challenger with champion: as many as there can be, so that an arm that is
added later changes no interval of the others."""
BEST_AT: Final = 1_000.0
"""Customers in both arms together at which the intervals are narrowest beside one that is looked at once: 3.6 standard
errors; 4.3 at 100, 3.8 at 10,000, 4.3 at a million. It must not follow from the log."""
POWER: Final = 0.8
LEAST_CUSTOMERS: Final = 30
"""Of each arm, and as many as tell as much with equal weights (Kish)."""
LEAST_ACTIVE: Final = 5.0
"""Customers who did anything that are due in the smaller arm: with fewer, a mean is not normal enough."""
MOST_CUSTOMERS: Final = 10**10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lift:
    """Of L looks, one at the end of each day on which more became known.

    Attributes:
        days: (L,).
        one, other: sums of both arms.
        intervals: of the lift; infinite while too few are known.
        error: (L,) its standard error.
        active: (L,) share of the customers of both who did anything.
        alpha: of the intervals.
    """

    days: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    one: Looks
    other: Looks
    intervals: Intervals
    error: Vector
    active: Vector
    alpha: float

    @property
    def means(self) -> tuple[float, float]:
        """At the last look."""
        return float(self.one.total[-1] / self.one.rows[-1]), float(self.other.total[-1] / self.other.rows[-1])

    @property
    def customers(self) -> tuple[int, int]:
        """At the last look."""
        return int(self.one.customers[-1]), int(self.other.customers[-1])

    @property
    def smallest(self) -> float:
        """The least true lift, up or down, whose interval at this look leaves out 0 with the probability POWER.

        (c + z) SE, c the half width of the interval in standard errors, z the POWER quantile of the normal
        distribution: the sample-size formula for a difference of means with c in the place of z_(1 - alpha / 2).
        Source: Lachin (1981), Introduction to sample size determination and power analysis for clinical trials,
        Controlled Clinical Trials 2(2), the general form. Looks before this one only add to the power.
        """
        return self._smallest_at(float(sum(self.customers)))

    def more_customers(self, lift: float) -> int | None:
        """How many more customers in both arms together show a true lift with the probability POWER; None: too many.

        They are in the arms, and scatter, as those so far.
        """
        if not lift or not np.isfinite(self.smallest):
            return None
        have = float(sum(self.customers))
        few, many = max(have, self._fewest()), float(MOST_CUSTOMERS)
        if self._smallest_at(few) <= abs(lift):
            return int(np.ceil(few - have))
        if self._smallest_at(many) > abs(lift):
            return None
        while many - few > 1.0:
            half = (few + many) / 2.0
            few, many = (few, half) if self._smallest_at(half) <= abs(lift) else (half, many)
        return int(np.ceil(many - have))

    def _smallest_at(self, customers: float) -> float:
        """Were there so many: the standard error is that of now times sqrt(n now / n)."""
        have = sum(self.customers)
        if not self.error[-1] > 0.0:
            return np.inf
        error = float(self.error[-1]) * np.sqrt(have / customers)
        width = float(boundary(np.array([customers]), self.alpha, BEST_AT)[0]) / np.sqrt(customers)
        return float((width + norm.ppf(POWER)) * error)

    def _fewest(self) -> float:
        """Customers in both arms from which on anything is concluded."""
        smaller = min(self.customers) / sum(self.customers)
        return float(max(LEAST_CUSTOMERS, LEAST_ACTIVE / max(float(self.active[-1]), 1e-12)) / max(smaller, 1e-12))


def lift_of(cohort: Cohort, alpha: float = ALPHA / COMPARISONS) -> Lift | None:
    """None while nothing is known of one of the arms."""
    entries = cohort.entries.take(~np.isnan(cohort.entries.value))
    of_one = entries.of(cohort.one)
    if not of_one.any() or of_one.all():
        return None
    days, look = np.unique(entries.known_at.astype("datetime64[D]"), return_inverse=True)
    spread, active = _together(entries, look, days.size)
    one, other = (_sums(entries, rows, look, days.size, spread) for rows in (of_one, ~of_one))
    smaller = np.minimum(one.effective, other.effective)
    enough = (smaller >= LEAST_CUSTOMERS) & (smaller * active >= LEAST_ACTIVE)
    found = difference(one, other, alpha, BEST_AT)
    error = np.sqrt(one.variance / np.maximum(one.rows, 1.0) ** 2 + other.variance / np.maximum(other.rows, 1.0) ** 2)
    return Lift(
        days=days,
        one=one,
        other=other,
        intervals=Intervals(
            value=found.value,
            low=np.where(enough, found.low, -np.inf),
            high=np.where(enough, found.high, np.inf),
        ),
        error=error,
        active=active,
        alpha=alpha,
    )


def _sums(entries: Decided, rows: Mask, look: Codes, count: int, spread: Vector) -> Looks:
    """Of one arm; the variance is that which is seen, or that of both arms together if it is more.

    What is seen is too little while few in a small arm did anything, such as none of fifty.
    """
    value, weight = entries.value[rows], weights_of(entries.share[rows])
    sums = [_running(each, look[rows], count) for each in _terms(value, weight)]
    customers, weights, total, squares, squares_value, squares_square = sums
    mean = total / np.maximum(weights, 1e-12)
    seen = np.maximum(squares_square - 2.0 * mean * squares_value + mean**2 * squares, 0.0)
    seen *= customers / np.maximum(customers - 1.0, 1.0)
    return Looks(
        rows=weights,
        total=total,
        variance=np.maximum(seen, spread * squares),
        customers=customers,
        effective=weights**2 / np.maximum(squares, 1e-12),
    )


def _terms(value: Vector, weight: Vector) -> tuple[Vector, ...]:
    square = weight**2
    return np.ones(value.size), weight, weight * value, square, square * value, square * value**2


def weights_of(share: Vector) -> Vector:
    """1 / share, of mean 1, for the number of customers is what an interval's width goes by."""
    if np.isnan(share).any():
        return np.ones(share.size)
    weight = 1.0 / share
    return np.asarray(weight / weight.mean())


def _together(entries: Decided, look: Codes, count: int) -> tuple[Vector, Vector]:
    """(L,) the variance of a value over both arms, and the share of values that are not 0."""
    value = entries.value
    terms = (np.ones(value.size), value, value**2, (value != 0.0).astype(np.float64))
    customers, total, squares, active = (_running(each, look, count) for each in terms)
    return np.maximum(squares / customers - (total / customers) ** 2, 0.0), active / customers


def _running(values: Vector, look: Codes, count: int) -> Vector:
    return np.asarray(np.cumsum(np.bincount(look, weights=values, minlength=count)), dtype=np.float64)
