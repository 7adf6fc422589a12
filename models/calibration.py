"""From a model's raw probability to a calibrated one: fitted on out-of-fold predictions, stored as plain numbers.

Every kind is non-decreasing, so calibration never changes the order of two customers (isotonic may tie them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

RAW_FLOOR = 1e-6
"""Raw probabilities are kept this far from 0 and 1, so that their log-odds are finite."""

RULE_PSEUDO_PAIRS = 1.0
"""Laplace's rule of succession: one imagined success and one failure in each isotonic step, so no step is 0 or 1."""


class CalibrationKind(StrEnum):
    IDENTITY = "identity"
    PLATT = "platt"
    SPREAD = "spread"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A non-decreasing map of [0, 1] into itself.

    IDENTITY, PLATT and SPREAD are sigmoid(intercept + slope * logit(raw)); ISOTONIC interpolates linearly between
    the knots (`raw_knots` ascending, `p_knots` non-decreasing) and is flat outside them.
    """

    kind: CalibrationKind = CalibrationKind.IDENTITY
    intercept: float = 0.0
    slope: float = 1.0
    raw_knots: tuple[float, ...] = ()
    p_knots: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Raises: ValueError when the numbers do not describe such a map."""
        if not (math.isfinite(self.intercept) and math.isfinite(self.slope) and self.slope >= 0.0):
            raise ValueError(f"slope {self.slope} and intercept {self.intercept}: finite, slope >= 0")
        if self.kind is CalibrationKind.ISOTONIC:
            _check_knots(self.raw_knots, self.p_knots)

    def apply(self, raw: Vector) -> Vector:
        """(n,) raw probabilities to (n,) calibrated ones, always within [0, 1]."""
        if self.kind is CalibrationKind.IDENTITY:
            return np.clip(raw, 0.0, 1.0)
        if self.kind is CalibrationKind.ISOTONIC:
            return np.interp(raw, self.raw_knots, self.p_knots)
        return sigmoid(self.intercept + self.slope * logit(raw))

    def to_json(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "intercept": self.intercept,
            "slope": self.slope,
            "raw_knots": list(self.raw_knots),
            "p_knots": list(self.p_knots),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Calibration:
        """Raises: ValueError, KeyError or TypeError when `value` was not made by `to_json`."""
        return cls(
            kind=CalibrationKind(str(value["kind"])),
            intercept=_number(value["intercept"]),
            slope=_number(value["slope"]),
            raw_knots=_numbers(value["raw_knots"]),
            p_knots=_numbers(value["p_knots"]),
        )


def sigmoid(log_odds: Vector) -> Vector:
    """1 / (1 + exp(-x)), without overflow for any finite x."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))


def logit(p: Vector) -> Vector:
    """log(p / (1 - p)), with p kept within [RAW_FLOOR, 1 - RAW_FLOOR]."""
    kept = np.clip(p, RAW_FLOOR, 1.0 - RAW_FLOOR)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def logistic_coefficients(design: Vector, label: Vector, ridge: float = 1e-6) -> Vector:
    """Coefficients of a logistic regression, by Newton's method (iteratively reweighted least squares).

    Args:
        design: (n, k) columns, with a constant one among them.
        label: (n,) 0 or 1.
        ridge: weight of the squared coefficients; keeps a separable sample finite.
    Source: Hastie, Tibshirani & Friedman (2009), section 4.4.1.
    """
    beta = np.zeros(design.shape[1])
    for _ in range(100):
        p = sigmoid(design @ beta)
        gradient = design.T @ (label - p) - ridge * beta
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + ridge * np.eye(beta.size)
        step = np.clip(np.linalg.solve(curvature, gradient), -5.0, 5.0)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return beta


def fit_platt(raw: Vector, label: Vector) -> Calibration:
    """Logistic regression of the label on the raw log-odds. Source: Platt (1999), without its label smoothing."""
    intercept, slope = logistic_coefficients(np.column_stack([np.ones_like(raw), logit(raw)]), label)
    return Calibration(kind=CalibrationKind.PLATT, intercept=float(intercept), slope=max(float(slope), 0.0))


def fit_spread(raw: Vector, label: Vector, fold: NDArray[np.int64]) -> Calibration:
    """Platt's slope within folds, with the mean prediction left where the model put it.

    Rates differ from fold to fold, and the folds of the past do not tell the rate of the next: each fold has
    its own intercept while the slope is learned, and the common intercept only restores the mean of `raw`.

    Args:
        fold: (n,) number of the fold of each prediction.
    """
    own_intercept = (fold[:, None] == np.unique(fold)[None, :]).astype(np.float64)
    slope = max(float(logistic_coefficients(np.column_stack([logit(raw), own_intercept]), label)[0]), 0.0)
    intercept = _intercept_for_mean(slope * logit(raw), float(raw.mean()))
    return Calibration(kind=CalibrationKind.SPREAD, intercept=intercept, slope=slope)


def fit_isotonic(raw: Vector, label: Vector) -> Calibration:
    """Least-squares non-decreasing steps, each smoothed by Laplace's rule, joined at the steps' mean raw value.

    Source: Zadrozny & Elkan (2002); pool adjacent violators as in Barlow et al. (1972).
    """
    steps: list[tuple[float, float, float]] = []  # pairs, sum of raw, positives
    for value, positive in sorted(zip(raw.tolist(), label.tolist(), strict=True)):
        steps.append((1.0, value, positive))
        while len(steps) > 1 and _rate(steps[-2]) >= _rate(steps[-1]):
            later, earlier = steps.pop(), steps.pop()
            steps.append((earlier[0] + later[0], earlier[1] + later[1], earlier[2] + later[2]))
    raw_knots = np.maximum.accumulate([total / pairs for pairs, total, _ in steps])
    smooth = [(positives + RULE_PSEUDO_PAIRS) / (pairs + 2 * RULE_PSEUDO_PAIRS) for pairs, _, positives in steps]
    p_knots = np.maximum.accumulate(smooth)
    return Calibration(
        kind=CalibrationKind.ISOTONIC, raw_knots=tuple(raw_knots.tolist()), p_knots=tuple(p_knots.tolist())
    )


def _rate(step: tuple[float, float, float]) -> float:
    return step[2] / step[0]


def _intercept_for_mean(log_odds: Vector, mean: float) -> float:
    """The shift that gives sigmoid(shift + log_odds) this mean, by bisection."""
    low, high = -50.0, 50.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if float(sigmoid(middle + log_odds).mean()) < mean:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _check_knots(raw_knots: tuple[float, ...], p_knots: tuple[float, ...]) -> None:
    if not raw_knots or len(raw_knots) != len(p_knots):
        raise ValueError(f"{len(raw_knots)} raw and {len(p_knots)} calibrated knots")
    if not all(0.0 <= p <= 1.0 for p in (*raw_knots, *p_knots)):
        raise ValueError("a knot lies outside [0, 1]")
    if list(raw_knots) != sorted(raw_knots) or list(p_knots) != sorted(p_knots):
        raise ValueError("knots decrease")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _numbers(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list of numbers")
    return tuple(_number(item) for item in value)
