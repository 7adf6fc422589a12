"""Rows that are not independent, put together: those of one customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.off_policy.arrays import Integers, Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Which rows belong together.

    Attributes:
        code: (n,) cluster of each row, 0 .. count - 1, each of them in use.
        count: number of clusters.
    """

    code: Integers
    count: int

    @staticmethod
    def of(keys: Integers) -> Clusters:
        """Clusters of equal keys; keys are any integers, (n,), n >= 1."""
        lowest, highest = int(keys.min()), int(keys.max())
        if highest - lowest >= 4 * keys.size:
            code = np.unique(keys, return_inverse=True)[1]
            return Clusters(code=code.astype(np.int64), count=int(code.max()) + 1)
        in_use = np.bincount(keys - lowest) > 0
        dense = np.cumsum(in_use) - 1
        return Clusters(code=dense[keys - lowest], count=int(dense[-1]) + 1)

    def sums(self, values: Vector) -> Vector:
        """(count,) sum of `values` (n,) in each cluster."""
        return np.asarray(np.bincount(self.code, weights=values, minlength=self.count), dtype=np.float64)
