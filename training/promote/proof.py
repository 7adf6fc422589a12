"""What paired differences prove, however often they are looked at, and for however many challengers.

The interval is a confidence sequence: it holds at all looks together (training.monitor.sequence). Its mixture is that
of ALPHA at every level, so intervals of two levels lie inside one another, and 1 / the martingale is a p-value that
holds at any look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.monitor.sequence import Looks, mixture_at

Vector = NDArray[np.float64]

ALPHA: Final = 0.05
BEST_AT: Final = 5_000.0
"""Decisions at which the interval is narrowest, beside an ordinary one of as many."""
FEWEST_CUSTOMERS: Final = 100
"""The sums of fewer are not nearly normal."""
MOST_MORE: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """(L,) by look: the mean difference, its interval, and the p-value of being at or below the limit.

    Infinite, and 1, while there are too few customers.
    """

    value: Vector
    low: Vector
    high: Vector
    p: Vector


def proofs(looks: Looks, limit: float, level: float = ALPHA) -> Proofs:
    """What is proven at each of L looks of a difference, with the rows of one customer as one draw."""
    known = looks.effective >= FEWEST_CUSTOMERS
    rows = np.maximum(looks.rows, 1.0)
    value, spread = looks.total / rows, np.sqrt(looks.variance / rows)
    half = spread * width(rows, level)
    beyond = rows * (value - limit)
    score = np.divide(beyond, spread, out=np.zeros_like(beyond), where=spread > 0.0)
    r = mixture_at(ALPHA, BEST_AT)
    log_p = np.log((rows + r) / r) / 2.0 - score**2 / (2.0 * (rows + r))
    is_above = known & (value > limit)
    return Proofs(
        value=value,
        low=np.where(known, value - half, -np.inf),
        high=np.where(known, value + half, np.inf),
        p=np.where(is_above, np.exp(np.minimum(log_p, 0.0)), 1.0),
    )


def width(rows: Vector, level: float) -> Vector:
    """Half the interval of a mean of so many rows of standard deviation 1."""
    r = mixture_at(ALPHA, BEST_AT)
    return np.asarray(np.sqrt((rows + r) * np.log((rows + r) / (r * level**2))) / rows)


def level_of(own: float, others: Sequence[float], alpha: float = ALPHA) -> float:
    """The level at which Holm tests a p-value beside those of other challengers on the same rows.

    alpha / m for the least of m, alpha / (m - 1) for the next if that one was rejected, and so on.
    Source: Holm (1979).
    """
    count, before = 1 + len(others), 0
    for p in sorted(others):
        if p >= own or p > alpha / (count - before):
            break
        before += 1
    return alpha / (count - before)


def decisions_needed(
    value: float, variance: float, rows: float, limit: float, level: float = ALPHA, *, effective: float = np.inf
) -> int | None:
    """About how many more decisions of this mean and variance would put the interval above the limit, or below it.

    `variance` is of the sum of `rows`, which are of so many `effective` customers. None if the difference is the limit,
    which no number would change.
    """
    if value == limit or rows < 1 or effective <= 0.0:
        return None
    beyond = abs(value - limit)
    spread, fewest, most = float(np.sqrt(variance / rows)), rows, rows + MOST_MORE
    if not _is_enough(beyond, spread, most, level):
        return None
    least = rows * max(FEWEST_CUSTOMERS / effective, 1.0)
    while most - fewest > 1.0:
        middle = (fewest + most) / 2.0
        if _is_enough(beyond, spread, middle, level):
            most = middle
        else:
            fewest = middle
    return int(np.ceil(max(most, least) - rows))


def _is_enough(beyond: float, spread: float, rows: float, level: float) -> bool:
    return beyond > spread * float(width(np.array([rows]), level)[0])
