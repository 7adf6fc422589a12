"""From scores to a value with its error. Every interval treats a customer's rows as one draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from features.errors import RumboError
from training.off_policy.arrays import Vector
from training.off_policy.estimators import ESTIMATORS, NoOverlap, Scores, clustered_error
from training.off_policy.evidence import Evidence

LEVEL: Final = 0.95
REPLICATES: Final = 1000
DRAWN_AT_ONCE: Final = 4_000_000
"""Customers drawn at once by the bootstrap: 32 MB."""


class OneCustomer(RumboError):
    """All rows are of one customer: no error can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value per decision, its standard error and its interval, in the reward's unit."""

    value: float
    se: float
    low: float
    high: float


def normal(scores: Scores, level: float = LEVEL) -> Estimate:
    """value +- z se, se clustered. Holds for many customers (some tens) none of whom weighs much.

    Raises: OneCustomer if there are no two.
    """
    _need_two(scores)
    se = clustered_error(scores)
    return _around(scores.value, se, NormalDist().inv_cdf((1.0 + level) / 2.0) * se)


def bootstrap(scores: Scores, seed: int, level: float = LEVEL, replicates: int = REPLICATES) -> Estimate:
    """Percentile interval of the value over resampled customers; se is the replicates' standard deviation.

    Replicates without any weight (a self-normalised value of no overlap) have no value and are left out.
    Raises: OneCustomer; NoOverlap if no replicate has a value.
    Source: Efron (1979); resampling of clusters: Davison & Hinkley (1997), section 3.8.
    """
    _need_two(scores)
    values = _resampled(scores, np.random.default_rng(seed), replicates)
    if values.size < 2:
        raise NoOverlap("the policy overlaps with so few rows that resampling loses them all")
    low, high = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Estimate(value=scores.value, se=float(values.std(ddof=1)), low=float(low), high=float(high))


def empirical_bernstein(scores: Scores, level: float = LEVEL, span: float | None = None) -> Estimate:
    """value +- (sqrt(2 V log(4 / d) / G) + 7 span log(4 / d) / (3 (G - 1))), d = 1 - level, G customers.

    V is the sample variance of G independent draws whose mean is the value: a customer's summed influence times G.
    It holds for every G if `span` bounds their range (b - a of a score, with one row a customer); left out, it is the
    range that was seen, and the interval is only as good as that.
    Raises: OneCustomer.
    Source: Maurer & Pontil (2009), theorem 4, both sides.
    """
    _need_two(scores)
    draws = scores.clusters.sums(scores.influence) * scores.clusters.count
    count, log_term = draws.size, float(np.log(4.0 / (1.0 - level)))
    width = float(np.ptp(draws)) if span is None else span
    half = np.sqrt(2.0 * draws.var(ddof=1) * log_term / count) + 7.0 * width * log_term / (3.0 * (count - 1))
    return _around(scores.value, clustered_error(scores), float(half))


def estimates(seen: Evidence, interval: Callable[[Scores], Estimate] = normal) -> dict[str, Estimate | None]:
    """The value by every estimator, by its name; None where it has none for want of overlap."""
    return {name: _estimate(estimator, seen, interval) for name, estimator in ESTIMATORS.items()}


def _estimate(
    estimator: Callable[[Evidence], Scores], seen: Evidence, interval: Callable[[Scores], Estimate]
) -> Estimate | None:
    try:
        return interval(estimator(seen))
    except NoOverlap:
        return None


def _resampled(scores: Scores, rng: np.random.Generator, replicates: int) -> Vector:
    """(<= replicates,) the value of as many customers, drawn with replacement."""
    count = scores.clusters.count
    numerator, denominator = scores.clusters.sums(scores.numerator), scores.clusters.sums(scores.denominator)
    at_once = max(1, DRAWN_AT_ONCE // count)
    above, below = np.empty(replicates), np.empty(replicates)
    for begin in range(0, replicates, at_once):
        end = min(begin + at_once, replicates)
        drawn = rng.integers(count, size=(end - begin, count))
        above[begin:end], below[begin:end] = numerator[drawn].sum(axis=1), denominator[drawn].sum(axis=1)
    has_value = below != 0.0
    return np.asarray(above[has_value] / below[has_value])


def _around(value: float, se: float, half: float) -> Estimate:
    return Estimate(value=value, se=se, low=value - half, high=value + half)


def _need_two(scores: Scores) -> None:
    if scores.clusters.count < 2:
        raise OneCustomer("all rows are of one customer: no standard error can be told")
