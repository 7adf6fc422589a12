"""Confidence sequences for means and differences of means: intervals that hold at all looks together.

An ordinary 95 % interval that is looked at every day leaves the truth out on some day far more often than once in
twenty; these do so at any look with the probability alpha at most, however many looks there are and whenever one stops.
They are asymptotic: they rest on sums of many rows being nearly normal, so conclude nothing from a few dozen.

Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Time-uniform central limit theory and asymptotic
confidence sequences, Annals of Statistics 52(6): theorem 2.2, and theorem 2.8 for rows of unequal variance; both by
Robbins' normal mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw  # type: ignore[import-untyped]

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Sums of rows as they stood at each of L looks, which includes those of the looks before.

    Attributes:
        rows: (L,) number of rows.
        total: (L,) sum of their values.
        variance: (L,) of that sum, estimated with the rows of one customer as one draw; 0 without two customers.
        customers: (L,) number of customers.
        effective: (L,) so many customers with equally many rows each tell as much: Kish's (sum n_c)^2 / sum n_c^2.
    """

    rows: Vector
    total: Vector
    variance: Vector
    customers: Vector
    effective: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """(L,) an estimate and its interval at each look; NaN, and infinite, where nothing is known yet."""

    value: Vector
    low: Vector
    high: Vector

    def leave_out(self, value: float) -> NDArray[np.bool_]:
        """(L,) whether the interval of that look lies on one side of `value`."""
        return (self.low > value) | (self.high < value)


def mixture_at(alpha: float, best_at: float) -> float:
    """r, the parameter with which the boundary is lowest, beside its variance, where that is `best_at`.

    best_at / (-W(-alpha^2 / e) - 1), W the lower branch of Lambert's function; 1 / rho^2 in the source, which
    approximates it by best_at / (-2 ln alpha + ln(1 - 2 ln alpha)).
    """
    return float(best_at / (-lambertw(-(alpha**2) / np.e, k=-1).real - 1.0))


def boundary(variance: Vector, alpha: float, best_at: float) -> Vector:
    """What the distance from 0 of a sum of mean 0 exceeds at some look with the probability alpha at most.

    sqrt((V + r) ln((V + r) / (r alpha^2))), with V the variance of the sum by then: n times the half width of the
    source's interval, V for t sigma^2 and r for 1 / rho^2.
    """
    r = mixture_at(alpha, best_at)
    return np.asarray(np.sqrt((variance + r) * np.log((variance + r) / (r * alpha**2))))


def evidence(total: Vector, variance: Vector, alpha: float, best_at: float) -> Vector:
    """The logarithm of the mixture's martingale, times alpha: above 0 where |total| is above the boundary.

    S^2 / (2 (V + r)) - ln((V + r) / r) / 2 + ln alpha.
    """
    r = mixture_at(alpha, best_at)
    return np.asarray(total**2 / (2.0 * (variance + r)) - np.log((variance + r) / r) / 2.0 + np.log(alpha))


def looks_of(values: Vector, customer: Codes, look: Codes, count: int) -> Looks:
    """Sums of (n,) values at each of `count` looks, by the look (n,), from 0, at which each was first known.

    The variance is G / (G - 1) sum_c (R_c - n_c mean)^2, over the G customers with n_c values so far that add up to
    R_c. So the values of a customer may hang together in any way that makes two looks no less alike than independent
    values would, such as a rate of one's own: a normal process of that kind crosses the boundary on a side no more
    often than a Brownian motion of its variance (Slepian's inequality).
    """
    order = np.argsort(look, kind="stable")
    values, customer = values[order], customer[order]
    ends = np.cumsum(np.bincount(look, minlength=count))
    sums = _Sums(int(customer.max(initial=-1)) + 1)
    found, begin = np.zeros((5, count)), 0
    for k, end in enumerate(ends):
        if end > begin:
            sums.add(values[begin:end], customer[begin:end])
        found[:, k] = sums.rows, sums.total, sums.variance, sums.customers, sums.effective
        begin = end
    return Looks(rows=found[0], total=found[1], variance=found[2], customers=found[3], effective=found[4])


def mean(looks: Looks, alpha: float, best_at: float) -> Intervals:
    """The mean, narrowest at about `best_at` rows."""
    known = looks.customers >= 2
    rows = np.maximum(looks.rows, 1.0)
    half = np.sqrt(looks.variance / rows) * boundary(looks.rows, alpha, best_at) / rows
    return _around(looks.total / rows, half, known)


def difference(one: Looks, other: Looks, alpha: float, best_at: float) -> Intervals:
    """The mean of `one` minus that of `other`, two groups without common customers, seen at the same looks.

    Its variance is that of both means, V_1 / n_1^2 + V_2 / n_2^2; narrowest at about `best_at` rows in both together.
    """
    known = (one.customers >= 2) & (other.customers >= 2)
    here, there = np.maximum(one.rows, 1.0), np.maximum(other.rows, 1.0)
    rows = here + there
    error = np.sqrt(one.variance / here**2 + other.variance / there**2)
    half = error * boundary(rows, alpha, best_at) / np.sqrt(rows)
    return _around(one.total / here - other.total / there, half, known)


def share_of_start(number: int) -> float:
    """What a sequence that begins as the `number`-th, from 1, may spend of an alpha, so that all of them stay within.

    1 / (number (number + 1)), whose sum over all numbers is 1.
    """
    return 1.0 / (number * (number + 1))


class _Sums:
    """What the variance needs of the customers so far: the sums of R_c^2, R_c n_c and n_c^2."""

    def __init__(self, customers: int) -> None:
        self._value, self._count = np.zeros(customers), np.zeros(customers)
        self._squares = np.zeros(3)
        self.rows, self.total, self.customers = 0, 0.0, 0

    def add(self, values: Vector, customer: Codes) -> None:
        touched, place = np.unique(customer, return_inverse=True)
        before = self._value[touched], self._count[touched]
        after = before[0] + np.bincount(place, weights=values), before[1] + np.bincount(place)
        self._value[touched], self._count[touched] = after
        self._squares += _products(*after) - _products(*before)
        self.rows += values.size
        self.total += float(values.sum())
        self.customers += int(np.count_nonzero(before[1] == 0.0))

    @property
    def variance(self) -> float:
        if self.customers < 2:
            return 0.0
        average = self.total / self.rows
        spread = float(self._squares @ np.array([1.0, -2.0 * average, average**2]))
        return max(spread, 0.0) * self.customers / (self.customers - 1)

    @property
    def effective(self) -> float:
        return self.rows**2 / max(float(self._squares[2]), 1.0)


def _products(value: Vector, count: Vector) -> Vector:
    return np.array([value @ value, value @ count, count @ count])


def _around(value: Vector, half: Vector, known: NDArray[np.bool_]) -> Intervals:
    return Intervals(
        value=np.where(known, value, np.nan),
        low=np.where(known, value - half, -np.inf),
        high=np.where(known, value + half, np.inf),
    )
