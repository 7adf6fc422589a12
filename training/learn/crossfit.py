"""Models of every part of a log but one, each asked only about the part that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.columns.encode import customer_matrix, matrix_for, matrix_of
from features.encoder import Encoder, JourneyRow
from training.learn.boosting import ROUNDS, Matrix, Rows, Table, Task, Vector, at_once, predict
from training.learn.folds import Folds
from training.log.decisions import DecisionLog

if TYPE_CHECKING:
    from lightgbm import Booster

Loss = Callable[[Vector, Rows], float]
"""How far predictions (k,) of some rows lie from what came of them; less is better."""


class Design:
    """A log as the models see it: its rows beside what was shown, and beside any other journey."""

    def __init__(
        self, log: DecisionLog, encoder: Encoder, journeys: Sequence[JourneyRow], folds: Folds, seed: int
    ) -> None:
        """`journeys` as in `log.choices.journeys`."""
        self.log = log
        self.encoder = encoder
        self.journeys = tuple(journeys)
        self.folds = folds
        self.seed = seed
        self.rows: Rows = np.arange(log.size)
        self._tables: dict[int | None, Table] = {}

    @cached_property
    def customers(self) -> Matrix:
        return customer_matrix(self.encoder, self.log.choices.features)

    @cached_property
    def shown(self) -> Matrix:
        """(n, k) each row beside the journey that was shown."""
        return matrix_of(self.encoder, self.log.choices.features, self.journeys, self.log.shown)

    def table(self, journey: int | None = None) -> Table:
        """All rows, each beside what was shown or all beside one journey, binned."""
        if journey not in self._tables:
            matrix = self.shown if journey is None else self.beside(journey, self.rows)
            self._tables[journey] = Table(matrix, self.encoder, self.seed)
            self._tables[journey].prepare()
        return self._tables[journey]

    def beside(self, journey: int, rows: Rows) -> Matrix:
        """(k, columns) these rows beside one journey."""
        features = self.log.choices.features.take(rows)
        return matrix_for(self.encoder, features, self.journeys[journey], self.customers[rows])

    def outside(self, fold: int, rows: Rows) -> Rows:
        """Those of other folds; all of them where there are none, for something must be learnt from."""
        others = rows[self.folds.number[rows] != fold]
        return others if others.size else rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFit:
    """One model a fold, fitted on `rows` outside of it, cut after `rounds`."""

    design: Design
    boosters: tuple[Booster, ...]
    rounds: int

    def shown(self, rows: Rows) -> Vector:
        """(k,) of rows beside what was shown them, each by the model that had not seen it."""
        return self._each(rows, lambda part: self.design.shown[part])

    def beside(self, journey: int, rows: Rows) -> Vector:
        """(k,) of rows beside one journey."""
        return self._each(rows, lambda part: self.design.beside(journey, part))

    def _each(self, rows: Rows, matrix: Callable[[Rows], Matrix]) -> Vector:
        number = self.design.folds.number[rows]
        out = np.empty(rows.size)
        for fold, booster in enumerate(self.boosters):
            inside = number == fold
            if inside.any():
                out[inside] = predict(booster, matrix(rows[inside]), self.rounds)
        return out


def cross_fit(
    design: Design,
    task: Task,
    target: Vector,
    rows: Rows,
    loss: Loss,
    judged: Rows,
    journey: int | None = None,
    weight: Vector | None = None,
) -> CrossFit:
    """Fits on `rows` and keeps as many rounds as predict `judged` rows best.

    Args:
        target: (n,) what is fitted, of all rows of the design; looked at on `rows` alone.
        journey: all rows stand beside it; beside what was shown them if None.
        weight: (n,) of rows as they are fitted.
    """
    table, most = design.table(journey), ROUNDS[-1]
    boosters = at_once(
        lambda fold: table.fit(task, target, design.outside(fold, rows), most, weight), range(design.folds.count)
    )
    fits = [CrossFit(design=design, boosters=tuple(boosters), rounds=rounds) for rounds in ROUNDS]
    told = (fit.shown(judged) if journey is None else fit.beside(journey, judged) for fit in fits)
    losses = [loss(each, judged) for each in told]
    return fits[int(np.argmin(losses))]


def sampled(size: int, at_most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of `size` rows, in order, each as likely as any other."""
    if size <= at_most:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, at_most, replace=False))
