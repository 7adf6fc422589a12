"""Fits the redemption model: LightGBM, then a calibration chosen on predictions of campaigns the model had not seen.

Nothing here reads the test period. Hyper-parameters were set by hand on the walk-forward predictions below (each
campaign from 2017-05-08 to 2017-08-08 predicted by a model of the windows closed before it), never on the test period.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.errors import RumboError
from models.calibration import Vector
from training.calibrate import CalibrationChoice, OutOfFold, choose_calibration

if TYPE_CHECKING:
    from lightgbm import Booster

Instants = NDArray[np.datetime64]

ROUNDS = 150
PARAMETERS: Mapping[str, str | int | float | bool] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_data_in_leaf": 30,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    # Random thresholds instead of the best ones: 389 positives overfit easily. Walk-forward AUC 0.80 instead of 0.77.
    "extra_trees": True,
    "deterministic": True,
    "force_row_wise": True,
    # Some thousand rows: one thread is faster than two, and gives the same model.
    "num_threads": 1,
    "verbose": -1,
}

MIN_EARLIER_POSITIVES = 40
"""A start is predicted walk-forward only when the windows closed before it hold this many positives."""


class TooFewExamples(RumboError):
    """The closed windows hold too few redemptions to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Encoded (household, campaign) pairs, one row each.

    `matrix` (n, k) as the encoder makes it; `label` (n,) 0 or 1; `campaign` (n,) ids; `started` and `ended` (n,)
    the label's window in UTC, `ended` exclusive.
    """

    matrix: NDArray[np.float64]
    label: Vector
    campaign: NDArray[np.int64]
    started: Instants
    ended: Instants

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        return Examples(
            matrix=self.matrix[mask],
            label=self.label[mask],
            campaign=self.campaign[mask],
            started=self.started[mask],
            ended=self.ended[mask],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A booster, and the calibration chosen on walk-forward predictions of models like it."""

    booster: Booster
    choice: CalibrationChoice


def fit(examples: Examples, columns: tuple[str, ...], categorical: tuple[str, ...], seed: int) -> FittedModel:
    """Fits on all of `examples`; their windows must have closed before whatever the model is tested on.

    Raises: TooFewExamples when no start can be predicted from earlier ones.
    """
    return FittedModel(
        booster=boost(examples, columns, categorical, seed),
        choice=choose_calibration(walk_forward(examples, columns, categorical, seed)),
    )


def boost(examples: Examples, columns: tuple[str, ...], categorical: tuple[str, ...], seed: int) -> Booster:
    """LightGBM on the raw matrix; equal input and seed give an equal model."""
    import lightgbm

    table = lightgbm.Dataset(
        examples.matrix,
        examples.label,
        feature_name=list(columns),
        categorical_feature=[columns.index(name) for name in categorical],
        params={"verbose": -1},
    )
    return lightgbm.train({**PARAMETERS, "seed": seed}, table, num_boost_round=ROUNDS)


def walk_forward(examples: Examples, columns: tuple[str, ...], categorical: tuple[str, ...], seed: int) -> OutOfFold:
    """Predicts the pairs of each start with a model of the windows that had closed by then.

    Raises: TooFewExamples when no start has MIN_EARLIER_POSITIVES positives before it.
    """
    raw, label, fold = [], [], []
    for number, start in enumerate(np.unique(examples.started)):
        earlier = examples.where(examples.ended <= start)
        if earlier.label.sum() < MIN_EARLIER_POSITIVES:
            continue
        now = examples.where(examples.started == start)
        raw.append(predict(boost(earlier, columns, categorical, seed), now.matrix))
        label.append(now.label)
        fold.append(np.full(now.label.size, number, dtype=np.int64))
    if not fold:
        raise TooFewExamples(f"no campaign starts after {MIN_EARLIER_POSITIVES} redemptions in closed windows")
    return OutOfFold(raw=np.concatenate(raw), label=np.concatenate(label), fold=np.concatenate(fold))


def predict(booster: Booster, matrix: NDArray[np.float64]) -> Vector:
    """(n,) raw probabilities."""
    return np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)
