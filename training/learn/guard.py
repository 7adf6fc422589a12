"""Never worse than one constant: the policy leaves it only where a paired gain is proven on rows not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.learnt import Evidence, GuardTerms, LearntPolicy
from models.valuation import cost_vector
from training.off_policy.estimators import error_of_mean
from training.off_policy.logged import Logged
from training.off_policy.policies import deterministic
from training.off_policy.support import support

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

MODEL = "model"
PROOF = 1.96
"""Standard errors of the paired gain that prove it."""
MARGINS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Tried as margins beside 0: these quantiles of what the policy expects beyond the constant, where it expects more."""


def choose(values: Matrix, eligible: Mask, order: Sequence[int], margin: float | None) -> NDArray[np.int64]:
    """(n,) the journey of each row: the best by `values`, if it is eligible and beyond the row's constant by `margin`.

    Args:
        values: (n, J) expected reward, net of cost; eligible: (n, J), at least one a row.
        order: the journeys as constants, the best first; margin: None means never.
    """
    base = constants(eligible, order)
    if margin is None:
        return base
    best, beyond = advantage(values, eligible, base)
    return np.where(beyond > margin, best, base)


def constants(eligible: Mask, order: Sequence[int]) -> NDArray[np.int64]:
    """(n,) the first of `order` that each row may have."""
    ranked = np.asarray(order, dtype=np.int64)
    return np.asarray(ranked[np.argmax(eligible[:, ranked], axis=1)])


def advantage(values: Matrix, eligible: Mask, base: NDArray[np.int64]) -> tuple[NDArray[np.int64], Vector]:
    """(n,) the best eligible journey by value, and by how much it lies above `base`; ties stay with the base."""
    allowed = np.where(eligible, values, -np.inf)
    best = np.argmax(allowed, axis=1)
    rows = np.arange(values.shape[0])
    beyond = allowed[rows, best] - allowed[rows, base]
    return np.where(beyond > 0.0, best, base), beyond


def guard_of(evidence: Evidence, costs: Vector, journeys: Sequence[str], *, guarded: bool = True) -> GuardTerms:
    """The constants in order, and the least margin whose gain over them is proven.

    A gain is proven where it lies PROOF standard errors above 0 and the log is not thin for the policy. A larger margin
    is taken where what it leaves to the constant is proven to be a loss.

    Args:
        costs: (J,) of a contact of each journey.
        guarded: False takes the margin 0, proven or not.
    """
    scores = evidence.scores.astype(np.float64) - costs
    values = evidence.values.astype(np.float64) - costs
    order = rank_constants(scores, evidence.eligible)
    base = constants(evidence.eligible, order)
    best, beyond = advantage(values, evidence.eligible, base)
    rows = np.arange(base.size)
    gain = scores[rows, best] - scores[rows, base]
    customer = evidence.customer.astype(np.int64)
    tried = [
        _Tried(margin=margin, taken=np.where(beyond > margin, gain, 0.0), customer=customer)
        for margin in _margins(beyond)
    ]
    proven = [
        each
        for each in tried
        if each.se > 0.0
        and each.gain > PROOF * each.se
        and _is_covered(evidence, np.where(beyond > each.margin, best, base))
    ]
    kept = proven[0] if proven else None
    for each in proven[1:]:
        if kept is not None and each.is_beyond(kept):
            kept = each
    if not guarded:
        kept = tried[0]
    return GuardTerms(
        order=tuple(journeys[j] for j in order),
        margin=None if kept is None else kept.margin,
        gain=0.0 if kept is None else kept.gain,
        se=0.0 if kept is None else kept.se,
        unguarded_gain=tried[0].gain,
        unguarded_se=tried[0].se,
        is_guarded=guarded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GainOverConstant:
    """What a policy brings beyond the best constant, a row, by doubly robust scores, with its standard error."""

    name: str
    gain: float
    se: float


def gains_over_constant(policy: LearntPolicy) -> list[GainOverConstant]:
    """Of the policy (`model`), and of each journey in every row that may have it; the least first."""
    names = [journey.journey_id for journey in policy.journeys]
    evidence = policy.evidence
    costs = cost_vector(names, policy.costs)
    scores = evidence.scores.astype(np.float64) - costs
    order = [names.index(name) for name in policy.guard.order]
    base, rows = constants(evidence.eligible, order), np.arange(scores.shape[0])
    customer = evidence.customer.astype(np.int64)
    own = choose(evidence.values.astype(np.float64) - costs, evidence.eligible, order, policy.guard.margin)
    others = {name: np.where(evidence.eligible[:, j], j, base) for j, name in enumerate(names)}
    found = [
        GainOverConstant(name=name, gain=float(gain.mean()), se=_error(gain, customer))
        for name, taken in {**others, MODEL: own}.items()
        for gain in [scores[rows, taken] - scores[rows, base]]
    ]
    return sorted(found, key=lambda each: each.gain)


def _is_covered(evidence: Evidence, chosen: NDArray[np.int64]) -> bool:
    logged = Logged(
        shown=evidence.shown.astype(np.int64),
        propensity=evidence.propensity,
        reward=np.zeros(chosen.size),
        customer=evidence.customer.astype(np.int64),
        eligible=evidence.eligible,
    )
    return support(logged, deterministic(chosen, evidence.eligible.shape[1])).verdict == "ok"


def rank_constants(scores: Matrix, eligible: Mask) -> list[int]:
    """The journeys by what each is worth to everyone who may have it, shrunk to the mean of all as evidence lacks.

    Empirical Bayes, normal and normal, moments: mean + t²/(t² + se²) (journey's mean - mean), t² the variance between
    journeys beyond that of chance. Source: Efron & Morris (1973).
    """
    counts = eligible.sum(axis=0)
    known = np.maximum(counts, 1)
    means = np.where(eligible, scores, 0.0).sum(axis=0) / known
    spread = np.where(eligible, (scores - means) ** 2, 0.0).sum(axis=0)
    variance = np.where(counts > 1, spread / np.maximum(counts - 1, 1) / known, np.inf)
    weight = np.where(np.isfinite(variance) & (variance > 0.0), 1.0 / np.where(variance > 0.0, variance, 1.0), 0.0)
    weight = weight if weight.sum() > 0.0 else (counts > 0).astype(np.float64)
    overall = float((weight * means).sum() / max(weight.sum(), np.finfo(float).tiny))
    used = counts > 1
    excess = float(np.mean((means[used] - overall) ** 2 - variance[used])) if used.any() else 0.0
    between = max(excess, 0.0)
    trust = np.where(np.isfinite(variance), between / np.maximum(between + variance, np.finfo(float).tiny), 0.0)
    # Where nothing tells them apart, the plain means do.
    shrunk = overall + (trust if between > 0.0 else np.isfinite(variance).astype(np.float64)) * (means - overall)
    return [int(j) for j in np.lexsort((np.arange(means.size), -shrunk))]


def _margins(beyond: Vector) -> list[float]:
    above = beyond[beyond > 0.0]
    if above.size == 0:
        return [0.0]
    return sorted({0.0, *(float(np.quantile(above, q)) for q in MARGINS)})


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """A margin, what each row gains by leaving the constant for it, and the mean of that with its standard error."""

    margin: float
    taken: Vector
    customer: NDArray[np.int64]

    @cached_property
    def gain(self) -> float:
        return float(self.taken.mean())

    @cached_property
    def se(self) -> float:
        return _error(self.taken, self.customer)

    def is_beyond(self, other: _Tried) -> bool:
        """Whether it is proven to gain more than another."""
        more = self.taken - other.taken
        return float(more.mean()) > PROOF * _error(more, self.customer)


def _error(values: Vector, customer: NDArray[np.int64]) -> float:
    return error_of_mean(values, customer) if values.any() and np.unique(customer).size > 1 else 0.0
