"""Estimators of a policy's value from a log. Notation: `Evidence`, n decisions, sums over all rows.

Each assumes that the logged propensities are right, that rewards depend on a customer's own row only, and, but for
DM, that the policy chooses nothing that the log could not have shown (`support`). With slates the value is that of all
slots of a decision, the weight is the product over the slots so far (per-decision importance sampling: Precup, Sutton
& Singh 2000), and n counts decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.errors import RumboError
from training.off_policy.arrays import Integers, Vector
from training.off_policy.clusters import Clusters
from training.off_policy.evidence import Evidence

SHRINKAGES: Final = 8
"""Candidates for the shrinkage of DR, beside none and all."""


class NoOverlap(RumboError):
    """The policy gives no probability to anything that the log shows, so there is nothing to normalise by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """A value as a ratio of sums over rows, from which follows its error.

    Attributes:
        numerator, denominator: (n,); value = sum(numerator) / sum(denominator).
        clusters: the customers.
    """

    numerator: Vector
    denominator: Vector
    clusters: Clusters

    @property
    def value(self) -> float:
        return float(self.numerator.sum() / self.denominator.sum())

    @property
    def influence(self) -> Vector:
        """(n,) share of each row in the value's error, sum 0: the delta method for a ratio of sums."""
        return np.asarray((self.numerator - self.value * self.denominator) / self.denominator.sum())


def dm(seen: Evidence) -> Scores:
    """Direct method: sum(expected) / n.

    As good as the reward model is; its error leaves out the model's. With slates the slots before are the logged ones.
    Source: Beygelzimer & Langford (2009).
    """
    return _mean(seen, seen.expected)


def ips(seen: Evidence) -> Scores:
    """Inverse propensity score: sum(w r) / n.

    Unbiased; its variance grows with the weights.
    Source: Horvitz & Thompson (1952); Strehl, Langford, Li & Kakade (2010).
    """
    return _mean(seen, seen.weight * seen.reward)


def clipped_ips(seen: Evidence) -> Scores:
    """Clipped IPS: sum(min(w, sqrt(n)) r) / n.

    Biased towards 0 where weights exceed sqrt(n); bias and variance vanish as n grows.
    Source: Ionides (2008), Truncated importance sampling.
    """
    clip = np.sqrt(seen.opens.sum())
    return _mean(seen, np.minimum(seen.weight, clip) * seen.reward)


def snips(seen: Evidence) -> Scores:
    """Self-normalised IPS: sum(w r) / sum(w); with slates the sum of those of each slot, by how often it is reached.

    Consistent, biased by the order of 1 / n; adding a constant to each reward adds it to the value.
    Raises: NoOverlap if every weight is 0.
    Source: Swaminathan & Joachims (2015), eq. 8; error by the delta method: Owen (2013), chapter 9.
    """
    if seen.slot is not None:
        return _mean(seen, _normalised_in_slot(seen, seen.slot))
    if not seen.weight.any():
        raise NoOverlap("the policy gives no probability to any journey that the log shows")
    return Scores(numerator=seen.weight * seen.reward, denominator=seen.weight, clusters=seen.clusters)


def dr(seen: Evidence) -> Scores:
    """Doubly robust: sum(expected + w (r - modelled)) / n; with slates `expected` counts by the slots before.

    Unbiased whatever the reward model, given that it has not seen the row; the better the model, the smaller the error.
    Source: Dudik, Langford & Li (2011); over slots Jiang & Li (2016), with a model of the slot's own reward.
    """
    return _mean(seen, seen.reached * seen.expected + seen.weight * (seen.reward - seen.modelled))


def dr_shrinkage(seen: Evidence) -> Scores:
    """Doubly robust with optimistic shrinkage: DR with w replaced by s w / (w^2 + s), 0 <= s <= infinity.

    s is the largest of those that minimise bias^2 + se^2, where bias = sum((w_s - w)(r - modelled)) / n and se is
    clustered; candidates are 0 (no correction of the model), infinity (DR) and 8 whose largest possible weight,
    sqrt(s) / 2, runs from 1/2 to half the largest weight. The error leaves out that s was chosen on the same rows.
    Source: Su, Dimakopoulou, Krishnamurthy & Dudik (2020), and their direct estimate of bias.
    """
    base = seen.reached * seen.expected
    residual = seen.reward - seen.modelled
    full = _mean(seen, base + seen.weight * residual)
    best, least = full, clustered_error(full) ** 2
    for candidate in _shrunk(seen.weight):
        scores = _mean(seen, base + candidate * residual)
        loss = (scores.value - full.value) ** 2 + clustered_error(scores) ** 2
        if loss < least * (1.0 - 1e-9):
            best, least = scores, loss
    return best


ESTIMATORS: Final[Mapping[str, Callable[[Evidence], Scores]]] = {
    "dm": dm,
    "ips": ips,
    "clipped_ips": clipped_ips,
    "snips": snips,
    "dr": dr,
    "dr_shrinkage": dr_shrinkage,
}


def clustered_error(scores: Scores) -> float:
    """Standard error: sqrt(G / (G - 1) sum over G customers of (their rows' summed influence)^2), G >= 2.

    With a row a customer and a mean it is the sample standard deviation / sqrt(n).
    Source: Liang & Zeger (1986); Cameron & Miller (2015), section II.
    """
    of_customer = scores.clusters.sums(scores.influence)
    count = of_customer.size
    return float(np.sqrt(count / (count - 1) * (of_customer @ of_customer)))


def error_of_mean(values: Vector, cluster: Integers) -> float:
    """`clustered_error` of the mean of (n,) values, n >= 2, that are dependent within (n,) clusters, two at least."""
    return clustered_error(Scores(numerator=values, denominator=np.ones_like(values), clusters=Clusters.of(cluster)))


def _mean(seen: Evidence, score: Vector) -> Scores:
    return Scores(numerator=score, denominator=seen.opens, clusters=seen.clusters)


def _shrunk(weight: Vector) -> Iterator[Vector]:
    """Weights by each candidate but infinity, the largest first."""
    highest = float(weight.max())
    roots = np.geomspace(max(highest, 1.0), 1.0, SHRINKAGES) if highest > 1.0 else np.ones(1)
    square = weight * weight
    for s in roots**2:
        yield weight * (s / (square + s))
    yield np.zeros_like(weight)


def _normalised_in_slot(seen: Evidence, slot: Integers) -> Vector:
    """(n,) v + w (r - v) / mean(w), v and the mean those of the row's slot: sums to v per slot, linear in its error."""
    count, mass = np.bincount(slot), np.bincount(slot, weights=seen.weight)
    if not mass.all():
        raise NoOverlap(
            f"the policy gives no probability to any slate that the log shows up to slot {mass.argmin() + 1}"
        )
    value = np.bincount(slot, weights=seen.weight * seen.reward) / mass
    return np.asarray(value[slot] + seen.weight * (count / mass)[slot] * (seen.reward - value[slot]), dtype=np.float64)
