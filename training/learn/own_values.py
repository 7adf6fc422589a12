"""What meeting the objectives of a log's journeys is worth: to customers, each to its own, or to everybody alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.learn.boosting import Rows, Vector
from training.log.decisions import DecisionLog

MIN_MET = 50
"""Fewer rewards other than 0 say nothing of how large they are for whom."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnJourneys:
    """`is_own` (J,): what is learnt of their values is their customers' own, from `rows`, those that were met.

    `served` (J,): what each of the others is worth to everybody, NaN where that is not known.
    """

    is_own: NDArray[np.bool_]
    rows: Rows
    served: Vector


def own_journeys(log: DecisionLog) -> OwnJourneys | None:
    """Those with MIN_MET rewards of a learnt value that are not all alike; None where there is none.

    All alike are those of events that did not tell what they were worth: the value that was served stood in.
    """
    if log.worth is None:
        return None
    told = log.worth.is_own & (log.reward != 0.0)
    is_own = np.array([_tells(log.reward[told & (log.shown == j)]) for j in range(len(log.choices.journeys))])
    if not is_own.any():
        return None
    return OwnJourneys(is_own=is_own, rows=np.flatnonzero(told & is_own[log.shown]), served=log.worth.served)


def fixed_values(log: DecisionLog) -> Vector | None:
    """(J,) what each journey is worth to everybody once met, as it was served last; none is NaN.

    Where that is not known, what its rewards came to on average; of one without any, the mean of the others. None of a
    log that does not say what journeys are worth.
    """
    worth = log.worth
    if worth is None or not (worth.is_own.any() or np.isfinite(worth.served).any()):
        return None
    met = log.reward != 0.0
    count = np.bincount(log.shown[met], minlength=worth.served.size)
    total = np.bincount(log.shown[met], weights=log.reward[met], minlength=worth.served.size)
    came = np.divide(total, count, out=np.full(count.size, np.nan), where=count > 0)
    values = np.where(np.isnan(worth.served), came, worth.served)
    return np.where(np.isnan(values), np.nanmean(values), values)


def _tells(rewards: Vector) -> bool:
    return rewards.size >= MIN_MET and bool(np.ptp(rewards) > 0.0)
