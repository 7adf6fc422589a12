"""Whether one model's probabilities miss what came by more than another's, on the same rows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.off_policy.clusters import Clusters
from training.off_policy.intervals import Estimate

Vector = NDArray[np.float64]

BINS: Final = 10
REPLICATES: Final = 400
Z: Final = 1.96


def calibration_difference(one: Vector, other: Vector, met: Vector, customers: Clusters, seed: int = 0) -> Estimate:
    """The calibration error of `one` minus that of `other`, (n,) probabilities each, with its 95 % interval.

    An error is sum_b |sum of (p - met) in b| / n over BINS bins of the model's own p, of equal counts. The standard
    error is that of REPLICATES resamples of whole customers, in which the bins stay.
    """
    misses = [_by_customer(p, met, customers) for p in (one, other)]
    rows = np.bincount(customers.code, minlength=customers.count).astype(np.float64)
    value = _error(misses[0], np.ones(customers.count), rows) - _error(misses[1], np.ones(customers.count), rows)
    draw = np.random.default_rng(seed)
    found = np.empty(REPLICATES)
    for k in range(REPLICATES):
        weight = draw.multinomial(customers.count, np.full(customers.count, 1.0 / customers.count)).astype(np.float64)
        found[k] = _error(misses[0], weight, rows) - _error(misses[1], weight, rows)
    se = float(found.std(ddof=1))
    return Estimate(value=float(value), se=se, low=float(value) - Z * se, high=float(value) + Z * se)


def _by_customer(p: Vector, met: Vector, customers: Clusters) -> NDArray[np.float64]:
    """(BINS, customers) the sums of p - met."""
    edges = np.quantile(p, np.linspace(0.0, 1.0, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, p, side="right")
    cell = bins * customers.count + customers.code
    sums = np.bincount(cell, weights=p - met, minlength=BINS * customers.count)
    return np.asarray(sums.reshape(BINS, customers.count))


def _error(misses: NDArray[np.float64], weight: Vector, rows: Vector) -> float:
    return float(np.abs(misses @ weight).sum() / (rows @ weight))
