"""What a log itself says rewards are, each row told by a model that had not seen its customer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.columns.facts import levels_of
from features.encoder import Encoder, JourneyRow
from features.interactions import ModelFeatures
from training.learn.boosting import Task, predict
from training.learn.crossfit import Design
from training.learn.folds import Folds, by_customer
from training.learn.plain import schema_of
from training.log.decisions import DecisionLog

Matrix = NDArray[np.float64]

FOLDS = 3
ROUNDS = 60


def reward_model(log: DecisionLog, seed: int) -> Matrix:
    """(n, J) the expected reward of each journey in each row, cross-fitted by customer.

    By the features that the log was read with; without any, the mean of each journey. Any model makes the doubly robust
    estimators unbiased; the better it is, the smaller their error.
    """
    folds = by_customer(log.customer, FOLDS, seed)
    facts = log.choices.features
    if not (facts.numbers or facts.texts or facts.instants):
        return _means(log, folds)
    journeys = [JourneyRow(journey_id=name, kind="", attributes={}) for name in log.choices.journeys]
    encoder = Encoder.fit_columns(levels_of(facts), journeys, schema_of(log), ModelFeatures())
    design = Design(log, encoder, journeys, folds, seed)
    levels = np.unique(log.reward)
    is_binary = levels.size == 2 and levels[0] == 0.0
    task = Task(objective="binary" if is_binary else "regression")
    factor = float(levels[-1]) if is_binary else 1.0
    target = log.reward / factor
    out = np.empty((log.size, len(journeys)))
    for fold in range(folds.count):
        booster = design.table().fit(task, target, design.outside(fold, design.rows), ROUNDS)
        inside = np.flatnonzero(folds.number == fold)
        for journey in range(len(journeys)):
            out[inside, journey] = factor * predict(booster, design.beside(journey, inside))
    return out


def _means(log: DecisionLog, folds: Folds) -> Matrix:
    """The mean of each journey over the other folds; of all rows there where it was not shown."""
    out = np.empty((log.size, len(log.choices.journeys)))
    for fold in range(folds.count):
        others, inside = folds.number != fold, folds.number == fold
        others = others if others.any() else inside
        counts = np.bincount(log.shown[others], minlength=out.shape[1])
        sums = np.bincount(log.shown[others], weights=log.reward[others], minlength=out.shape[1])
        overall = float(log.reward[others].mean())
        out[inside] = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    return out
