"""How good probabilities and rankings are. Every metric is a formula over (label, p, group) arrays of length n."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import RumboError

Vector = NDArray[np.float64]
Groups = NDArray[np.integer[Any]]


class NothingToRank(RumboError):
    """A ranking metric needs at least one row with the outcome and one without."""


def auc(label: Vector, p: Vector) -> float:
    """P(p of a positive > p of a negative) + P(equal) / 2, over all positive-negative pairs.

    Computed from midranks: (sum of the positives' ranks - m (m + 1) / 2) / (m k), m positives, k negatives.
    Source: Mann & Whitney (1947); Hanley & McNeil (1982).
    Raises: NothingToRank.
    """
    positives = int(label.sum())
    negatives = label.size - positives
    if positives == 0 or negatives == 0:
        raise NothingToRank("no positive row" if positives == 0 else "no negative row")
    rank_sum = float(_midranks(p)[label == 1.0].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def auc_within(label: Vector, p: Vector, group: Groups) -> float:
    """P(p of a positive > p of a negative | same group), ties as half: AUCs weighted by positive-negative pairs.

    A score that only knows which group it is has 0.5.
    Raises: NothingToRank.
    """
    ranked = list(_rankable(label, p, group))
    weight = [float(y.sum() * (y.size - y.sum())) for y, _ in ranked]
    return float(np.average([auc(y, q) for y, q in ranked], weights=weight))


def ndcg_within(label: Vector, p: Vector, group: Groups) -> float:
    """Mean over groups with both labels of DCG / ideal DCG, the whole list, gain y, discount 1 / log2(1 + position).

    Tied predictions share the mean discount of the positions they span, so the order of the input never matters.
    Source: Jarvelin & Kekalainen (2002); ties: McSherry & Najork (2008).
    Raises: NothingToRank.
    """
    return float(np.mean([_dcg(y, q) / _dcg(y, y) for y, q in _rankable(label, p, group)]))


def brier(label: Vector, p: Vector) -> float:
    """mean((p - y)^2). Source: Brier (1950), for two classes."""
    return float(np.mean((p - label) ** 2))


def _rankable(label: Vector, p: Vector, group: Groups) -> Iterator[tuple[Vector, Vector]]:
    """(labels, predictions) of each group that has both labels; a code below 0 is no group.

    Raises: NothingToRank if none has.
    """
    order = np.argsort(group, kind="stable")
    parts = np.flatnonzero(np.diff(group[order])) + 1
    is_any = False
    for rows in np.split(order, parts):
        if group[rows[0]] >= 0 and 0.0 < label[rows].sum() < rows.size:
            is_any = True
            yield label[rows], p[rows]
    if not is_any:
        raise NothingToRank("no group with both a positive and a negative row")


def _dcg(gain: Vector, p: Vector) -> float:
    discount = 1.0 / np.log2(np.arange(2, p.size + 2))
    _, block, sizes = np.unique(-p, return_inverse=True, return_counts=True)
    shared = np.add.reduceat(discount, np.cumsum(sizes) - sizes) / sizes
    return float((gain * shared[block]).sum())


def _midranks(values: Vector) -> Vector:
    """Ranks from 1; equal values share the mean of theirs."""
    _, block, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return np.asarray((last - (sizes - 1) / 2.0)[block], dtype=np.float64)
