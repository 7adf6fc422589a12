"""What a journey gains over another, for whom: by the learner whose gains fit those of rows not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.learnt import GainLearner
from models.valuation import blend
from training.learn.boosting import Matrix, Rows, Task, Vector
from training.learn.crossfit import CrossFit, Design, cross_fit
from training.learn.losses import squared_error

TASK = Task(objective="regression")
LARGEST = 0.0005
TELLING = 10
MIN_ROWS = 200
"""Of a journey and of what it is compared with, for a model of the gain."""


@dataclass(frozen=True, kw_only=True)
class JourneyGain:
    """The cross-fitted gain of one journey: its models, and the share of the first of two."""

    fits: tuple[CrossFit, ...]
    targets: tuple[Vector, ...]
    rows: tuple[Rows, ...]
    treated_share: float = 0.0

    def beside(self, journey: int, rows: Rows) -> Vector:
        told = [fit.beside(journey, rows) for fit in self.fits]
        return told[0] if len(told) == 1 else blend(told[0], told[1], self.treated_share)


@dataclass(frozen=True, kw_only=True)
class Gains:
    """The gains by one learner; of journeys without a model of their own, the difference of expected rewards."""

    learner: GainLearner
    against: int
    by_journey: Mapping[int, JourneyGain] = field(default_factory=dict)

    def values(self, rewards: Matrix, rows: Rows) -> Matrix:
        """(k, J) the reward of `against` with the gain of each journey over it."""
        values = rewards.copy()
        for journey, gain in self.by_journey.items():
            values[:, journey] = rewards[:, self.against] + gain.beside(journey, rows)
        return values


def doubly_robust(
    rewards: Matrix, shown: Rows, reward: Vector, propensity: Vector, *, is_robust: bool = False
) -> Matrix:
    """(k, J) scores whose mean is what each journey would have brought: q + 1{shown} (r - q) / propensity.

    Args:
        rewards: (k, J) of models that had not seen the rows; shown, reward, propensity: (k,).
        is_robust: the largest corrections count no more than the next, so that a few rewards do not tell alone.
    Source: Robins, Rotnitzky & Zhao (1994); Dudík et al. (2014); of the bound: Winsor, in Tukey (1962).
    """
    scores, rows = rewards.copy(), np.arange(shown.size)
    correction = (reward - rewards[rows, shown]) / propensity
    scores[rows, shown] += _winsorised(correction) if is_robust else correction
    return scores


def _winsorised(values: Vector) -> Vector:
    """(k,) values, of which the LARGEST share by size, TELLING rows at least, are cut to the size of the next."""
    cut = max(round(LARGEST * values.size), TELLING)
    if cut >= values.size:
        return values
    bound = float(np.partition(np.abs(values), values.size - cut - 1)[values.size - cut - 1])
    return np.clip(values, -bound, bound)


def risk(values: Matrix, scores: Matrix, eligible: NDArray[np.bool_]) -> float:
    """How far values lie from the scores, once the mean of each row is taken from both: what ranks, alone.

    Least in expectation at the true differences between journeys, whatever the models behind the scores.
    """
    count = np.maximum(eligible.sum(axis=1, keepdims=True), 1)
    off = np.where(eligible, values - scores, 0.0)
    centred = np.where(eligible, off - off.sum(axis=1, keepdims=True) / count, 0.0)
    return float((centred**2).sum(axis=1).mean())


def doubly_robust_gains(design: Design, against: int, scores: Matrix) -> Gains:
    """DR-learner: a model of the scores' differences, over all rows that may have both."""
    made = {}
    eligible = design.log.choices.eligible
    for journey in _compared(design, against):
        rows = np.flatnonzero(eligible[:, journey] & eligible[:, against])
        target = scores[:, journey] - scores[:, against]
        fit = _fit(design, journey, target, rows)
        made[journey] = JourneyGain(fits=(fit,), targets=(target,), rows=(rows,))
    return Gains(learner=GainLearner.DR, against=against, by_journey=made)


def crossed_gains(design: Design, against: int, rewards: Matrix) -> Gains:
    """X-learner: what those with the journey got beyond what they were expected to without it, and the other way."""
    log, made = design.log, {}
    for journey in _compared(design, against):
        treated, control = np.flatnonzero(log.shown == journey), np.flatnonzero(log.shown == against)
        beyond = log.reward - rewards[:, against]
        short = rewards[:, journey] - log.reward
        made[journey] = JourneyGain(
            fits=(_fit(design, journey, beyond, treated), _fit(design, journey, short, control)),
            targets=(beyond, short),
            rows=(treated, control),
            treated_share=treated.size / (treated.size + control.size),
        )
    return Gains(learner=GainLearner.X, against=against, by_journey=made)


def _compared(design: Design, against: int) -> list[int]:
    """The journeys with enough rows, if there are enough without."""
    rows = np.bincount(design.log.shown, minlength=len(design.journeys))
    if rows[against] < MIN_ROWS:
        return []
    return [journey for journey in range(len(design.journeys)) if journey != against and rows[journey] >= MIN_ROWS]


def _fit(design: Design, journey: int, target: Vector, rows: Rows) -> CrossFit:
    """A model of the customer alone: every row stands beside the same journey."""

    def loss(told: Vector, judged: Rows) -> float:
        return squared_error(target[judged], told)

    return cross_fit(design, TASK, target, rows, loss, rows, journey)
