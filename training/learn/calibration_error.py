"""How far probabilities lie from rates in groups of rows, and how far those of a model without fault would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Item = TypeVar("Item", bound=np.generic)

GROUPS = 10


def calibration_error(target: Vector, expected: Vector, groups: int = GROUPS) -> float:
    """Expected calibration error, sum over g of (n_g / n) |mean(y in g) - mean(p in g)|; NaN of no rows.

    The g are `groups` parts of about equally many rows, in order of p, ties in the order given. Biased upwards: a
    model without any error shows `calibration_error_by_chance`.
    Source: Naeini, Cooper & Hauskrecht (2015); parts of equal mass: Nixon et al. (2019).
    """
    if not target.size:
        return float("nan")
    order = np.argsort(expected, kind="stable")
    return float(sum(abs(target[part].sum() - expected[part].sum()) for part in _parts(order, groups)) / target.size)


def calibration_error_by_chance(p: Vector, groups: int = GROUPS) -> float:
    """About the expected error of probabilities that are right, rows independent; NaN of no rows.

    Sum over g of min(sqrt(2 v / pi), 2 v) / n, with v = sum of p (1 - p) in g: E|x| of a normal x of mean 0, and what
    E|x| is at most, which is less where almost nothing is expected: a single y is on average 2 p (1 - p) from its p.
    """
    if not p.size:
        return float("nan")
    spread = np.array([(part * (1.0 - part)).sum() for part in _parts(np.sort(p), groups)])
    return float(np.minimum(np.sqrt(2.0 * spread / np.pi), 2.0 * spread).sum() / p.size)


def _parts(items: NDArray[Item], groups: int) -> Iterator[NDArray[Item]]:
    return (part for part in np.array_split(items, groups) if part.size)
