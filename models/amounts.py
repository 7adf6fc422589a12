"""What a reward is once it is met, of what the models told: in training, in judging and in serving the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learnt import LearntJourney, RewardTerms

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """(n,) each: rewards are, once met, `factor` × the amount that is told, if any, or `value` where it is not NaN."""

    factor: Vector
    value: Vector

    def take(self, rows: NDArray[np.int64]) -> Worth:
        return Worth(factor=self.factor[rows], value=self.value[rows])


def reward_of(terms: RewardTerms, main: Vector, amount: Vector | None, own: Worth | None = None) -> Vector:
    """(n,) the expected reward, of what the models told: P(met) or the mean in `main`, and the amount's, if any.

    `own`: by what amounts are multiplied, or what stands in place of them, of each row.
    """
    if amount is None:
        return main * (terms.factor if own is None else np.where(np.isnan(own.value), own.factor, own.value))
    amounts = np.exp(amount) if terms.is_log else amount
    if own is None:
        return terms.factor * main * amounts
    return main * np.where(np.isnan(own.value), own.factor * amounts, own.value)


def own_value(terms: RewardTerms, factor: Vector, amount: Vector) -> Vector:
    """(n,) what meeting an objective is worth to customers, of what the amount's model told; what is less than 0 is 0.

    Less than 0 is told only where rewards of less than 0 were learnt from. Beyond any float it is infinite.
    """
    with np.errstate(over="ignore"):
        told = factor * (np.exp(amount) if terms.is_log else amount)
    return np.asarray(np.maximum(told, 0.0))


def worth_of(terms: RewardTerms, journey: LearntJourney) -> Worth | None:
    """(1,) of a journey that has a factor or a value of its own."""
    if journey.factor is None and journey.value is None:
        return None
    return Worth(
        factor=np.array([terms.factor if journey.factor is None else journey.factor]),
        value=np.array([np.nan if journey.value is None else journey.value]),
    )
