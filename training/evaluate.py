"""How good probabilities and rankings are. Every metric is a formula over (label, p, campaign) arrays of length n."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import RumboError
from models.calibration import Vector

P_FLOOR = 1e-15
"""Probabilities are kept this far from 0 and 1 in the log loss, so that one sure and wrong prediction stays finite."""


class NothingToRank(RumboError):
    """A ranking metric needs at least one redeeming and one not redeeming household."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationMetrics:
    """Metrics of a model on a test period; larger is better, except for `log_loss` and `brier`."""

    auc: float
    log_loss: float
    brier: float
    auc_within_campaign: float
    auc_mean_of_campaigns: float
    ndcg_within_campaign: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def evaluate(label: Vector, p: Vector, campaign: NDArray[np.int64]) -> EvaluationMetrics:
    """All metrics of one set of predictions.

    Args:
        label: (n,) 0 or 1.
        p: (n,) predicted probability.
        campaign: (n,) id of the campaign of each pair.
    Raises: NothingToRank when no campaign has both a positive and a negative pair.
    """
    return EvaluationMetrics(
        auc=auc(label, p),
        log_loss=log_loss(label, p),
        brier=brier(label, p),
        auc_within_campaign=auc_within(label, p, campaign),
        auc_mean_of_campaigns=auc_mean_of_groups(label, p, campaign),
        ndcg_within_campaign=ndcg_within(label, p, campaign),
    )


def auc(label: Vector, p: Vector) -> float:
    """P(p of a positive > p of a negative) + P(equal) / 2, over all positive-negative pairs.

    Computed from midranks: (sum of the positives' ranks - m (m + 1) / 2) / (m k), m positives, k negatives.
    Source: Mann & Whitney (1947); Hanley & McNeil (1982).
    """
    positives = int(label.sum())
    negatives = label.size - positives
    if positives == 0 or negatives == 0:
        raise NothingToRank("no positive pair" if positives == 0 else "no negative pair")
    rank_sum = float(_midranks(p)[label == 1.0].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(label: Vector, p: Vector) -> float:
    """-mean(y log p + (1 - y) log(1 - p)), in nats."""
    kept = np.clip(p, P_FLOOR, 1.0 - P_FLOOR)
    return float(-np.mean(label * np.log(kept) + (1.0 - label) * np.log1p(-kept)))


def brier(label: Vector, p: Vector) -> float:
    """mean((p - y)^2). Source: Brier (1950), for two classes."""
    return float(np.mean((p - label) ** 2))


def auc_within(label: Vector, p: Vector, group: NDArray[np.int64]) -> float:
    """P(p of a positive > p of a negative | same group), ties as half: AUCs weighted by positive-negative pairs.

    A score that only knows which campaign it is has 0.5.
    """
    ranked = list(_rankable(label, p, group))
    if not ranked:
        raise NothingToRank("no campaign with both a positive and a negative pair")
    weight = [float(y.sum() * (y.size - y.sum())) for y, _ in ranked]
    return float(np.average([auc(y, q) for y, q in ranked], weights=weight))


def auc_mean_of_groups(label: Vector, p: Vector, group: NDArray[np.int64]) -> float:
    """Plain mean of the groups' AUCs: a campaign with one positive counts as much as the largest."""
    ranked = list(_rankable(label, p, group))
    if not ranked:
        raise NothingToRank("no campaign with both a positive and a negative pair")
    return float(np.mean([auc(y, q) for y, q in ranked]))


def ndcg_within(label: Vector, p: Vector, group: NDArray[np.int64]) -> float:
    """Mean over groups with both labels of DCG / ideal DCG, the whole list, gain y, discount 1 / log2(1 + position).

    Tied predictions share the mean discount of the positions they span, so the order of the input never matters.
    Source: Jarvelin & Kekalainen (2002); ties: McSherry & Najork (2008).
    """
    values = [_dcg(y, q) / _dcg(y, y) for y, q in _rankable(label, p, group)]
    if not values:
        raise NothingToRank("no campaign with both a positive and a negative pair")
    return float(np.mean(values))


def mean_of(metrics: list[EvaluationMetrics]) -> EvaluationMetrics:
    """Each metric's mean, as over seeds."""
    return EvaluationMetrics(
        **{name: float(np.mean([m.as_dict()[name] for m in metrics])) for name in metrics[0].as_dict()}
    )


def spread_of(metrics: list[EvaluationMetrics]) -> Mapping[str, float]:
    """Each metric's standard deviation over seeds (n - 1; 0 for a single seed)."""
    if len(metrics) == 1:
        return dict.fromkeys(metrics[0].as_dict(), 0.0)
    return {name: float(np.std([m.as_dict()[name] for m in metrics], ddof=1)) for name in metrics[0].as_dict()}


def _rankable(label: Vector, p: Vector, group: NDArray[np.int64]) -> Iterator[tuple[Vector, Vector]]:
    """(labels, predictions) of each group that has both labels."""
    for value in np.unique(group):
        y, q = label[group == value], p[group == value]
        if 0.0 < y.sum() < y.size:
            yield y, q


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
