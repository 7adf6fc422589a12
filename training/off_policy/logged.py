"""A log of randomised decisions: what was shown, with which probability, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from features.errors import RumboError
from training.off_policy.arrays import Booleans, Integers, Matrix, Vector
from training.off_policy.clusters import Clusters

TOLERANCE = 1e-6
"""Probabilities of a row may add up to 1 but for this."""


class LogUnfit(RumboError):
    """A log that cannot be judged with, at a row (from 0; None: the log as a whole) and a column of the plain table."""

    def __init__(self, fact: str, *, column: str, row: int | None = None) -> None:
        super().__init__(f"column {column}: {fact}" if row is None else f"row {row}, column {column}: {fact}")
        self.fact, self.column, self.row = fact, column, row


class EmptyLog(LogUnfit):
    """A log without a row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Logged:
    """Decisions of a randomised policy, a row each, n >= 1 rows, J >= 2 journeys.

    Attributes:
        shown: (n,) column of the journey that was shown, 0 .. J - 1.
        propensity: (n,) probability with which it was shown, in (0, 1]; in a later slot given the slots before it.
        reward: (n,) what came of it, finite, in the objective's unit; rows whose reward is not known are left out.
        customer: (n,) code of the customer; rows of one customer are not independent.
        eligible: (n, J) which journeys could have been shown.
        propensities: (n, J) the whole distribution that `shown` was drawn from; a row of NaN where it is not known,
            None if it is known nowhere.
    """

    shown: Integers
    propensity: Vector
    reward: Vector
    customer: Integers
    eligible: Booleans
    propensities: Matrix | None = None

    @property
    def rows(self) -> int:
        return self.shown.size

    @property
    def journeys(self) -> int:
        return int(self.eligible.shape[1])

    @cached_property
    def clusters(self) -> Clusters:
        """The customers."""
        return Clusters.of(self.customer)

    def take(self, rows: Integers | Booleans) -> Logged:
        """The log of some rows: their numbers, or a mask (n,)."""
        return Logged(
            shown=self.shown[rows],
            propensity=self.propensity[rows],
            reward=self.reward[rows],
            customer=self.customer[rows],
            eligible=self.eligible[rows],
            propensities=None if self.propensities is None else self.propensities[rows],
        )

    def of_shown(self, matrix: Matrix) -> Vector:
        """(n,) what `matrix` (n, J) says of the journey shown."""
        return np.take_along_axis(matrix, self.shown[:, None], axis=1)[:, 0]

    def validated(self) -> Self:
        """This log, which can be judged with.

        Raises: EmptyLog if n == 0; LogUnfit naming the first row at fault and its column (journey_id, propensity,
            reward, customer_id, eligible, propensities).
        """
        self._check_shapes()
        _refuse((self.shown < 0) | (self.shown >= self.journeys), "journey_id", "no such journey")
        _refuse(~np.isfinite(self.propensity), "propensity", "is missing or not finite")
        _refuse((self.propensity <= 0.0) | (self.propensity > 1.0), "propensity", "must lie in (0, 1]", self.propensity)
        _refuse(~np.isfinite(self.reward), "reward", "is missing or not finite")
        shown_eligible = np.take_along_axis(self.eligible, self.shown[:, None], axis=1)[:, 0]
        _refuse(~shown_eligible, "eligible", "lacks the journey that was shown")
        if self.propensities is not None:
            self._check_distribution(self.propensities)
        return self

    def _check_shapes(self) -> None:
        if self.rows == 0:
            raise EmptyLog("the log has no row", column="journey_id")
        columns = {"propensity": self.propensity, "reward": self.reward, "customer_id": self.customer}
        for column, values in columns.items():
            if values.shape != (self.rows,):
                raise LogUnfit(f"has shape {values.shape} in a log of {self.rows} rows", column=column)
        if self.eligible.ndim != 2 or self.eligible.shape[0] != self.rows:
            raise LogUnfit(f"has shape {self.eligible.shape} in a log of {self.rows} rows", column="eligible")
        if self.journeys < 2:
            raise LogUnfit("there is one journey only, so nothing to choose", column="journey_id")
        if self.propensities is not None and self.propensities.shape != self.eligible.shape:
            raise LogUnfit(f"has shape {self.propensities.shape}, not {self.eligible.shape}", column="propensities")

    def _check_distribution(self, propensities: Matrix) -> None:
        total = propensities.sum(axis=1)
        known = ~np.isnan(propensities).all(axis=1)
        _refuse(known & ~np.isfinite(total), "propensities", "some are missing or not finite, others not")
        _refuse(known & (propensities.min(axis=1) < 0.0), "propensities", "one is negative")
        _refuse(known & (np.abs(total - 1.0) > TOLERANCE), "propensities", "must add up to 1", total)
        outside = np.einsum("ij,ij->i", propensities, ~self.eligible)
        _refuse(known & (outside > TOLERANCE), "propensities", "a journey had a chance without being eligible")
        gap = np.abs(self.of_shown(propensities) - self.propensity)
        _refuse(known & (gap > TOLERANCE), "propensities", "another chance of the journey shown than its propensity")


def _refuse(bad: Booleans, column: str, fact: str, value: Vector | None = None) -> None:
    """Raises: LogUnfit at the first row that is bad."""
    if bad.any():
        row = int(bad.argmax())
        told = fact if value is None else f"{fact}, not {value[row]:g}"
        raise LogUnfit(told, column=column, row=row)
