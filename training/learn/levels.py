"""A level of its own for a journey whose rows leave what the model says of them by more than chance.

Boosting learns what a category is worth slowly, and cuts its rounds by earlier days, on which a journey that has just
begun has no rows: after 160 showings that nobody answered it may still be told at half the rate of its kin. So what is
left is looked at once more on the rows that the model was fitted to, journey by journey, and added to its log-odds:

    level b = argmax log P(rows | log-odds + b) - b² / (2 SPREAD²)

Rows that the model has seen lie nearer to it than new ones do, so levels are too small rather than too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features.encoder import Encoder
from models.bundle import column_names
from models.calibration import Calibration, logit, sigmoid
from training.learn.boosting import Matrix, Rows, Vector, predict
from training.learn.crossfit import sampled
from training.off_policy.arrays import Booleans

if TYPE_CHECKING:
    from lightgbm import Booster

JOURNEY: Final = "journey_id"
SPREAD: Final = 1.0
"""Standard deviation, in log-odds, of journeys around their kin."""
BEYOND_CHANCE: Final = 1.5
"""Standard errors by which the met must miss the expected: every other journey stays as boosting has it."""
MOST: Final = 8.0
"""A level is no further from 0."""
STEPS: Final = 50
TINY: Final = 1e-12
ROWS, LEAST = 50_000, 20
"""Of a longer log so many tell LightGBM how to split, and so many of the journey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRows:
    """The rows that a model of P(met) was fitted to: `matrix` (n, k), each beside the journey that was `shown` (n,).

    `met` (n,) 1.0 or 0.0.
    """

    matrix: Matrix
    shown: Rows
    met: Vector


def with_levels(text: str, rows: FittedRows, encoder: Encoder, calibration: Calibration) -> str:
    """The model with a tree more for each journey that has a level; the text itself where none has."""
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    raw = predict(booster, rows.matrix)
    levels = levels_of(raw, rows, calibration)
    if not levels:
        return text
    for journey, level in levels.items():
        mine = rows.shown == journey
        gain = _gained(logit(raw[mine]), level, rows.met[mine], calibration)
        booster = _with_level(booster, rows, encoder, journey, level, gain)
    return booster.model_to_string()


def levels_of(raw: Vector, rows: FittedRows, calibration: Calibration) -> Mapping[int, float]:
    """The levels, by journey, of those that have one. `raw` (n,): what the model says, before `calibration`."""
    found = {}
    for journey in np.unique(rows.shown).tolist():
        mine = rows.shown == journey
        p, met = calibration.apply(raw[mine]), float(rows.met[mine].sum())
        if abs(met - p.sum()) > BEYOND_CHANCE * np.sqrt((p * (1.0 - p)).sum()):
            found[journey] = _level(logit(raw[mine]), met, calibration)
    return found


def _level(log_odds: Vector, met: float, calibration: Calibration) -> float:
    """By halving: what is expected only grows with the level, so the derivative only falls."""
    low, high = -MOST, MOST
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        expected = float(calibration.apply(sigmoid(log_odds + middle)).sum())
        low, high = (middle, high) if met - expected > middle / SPREAD**2 else (low, middle)
    return (low + high) / 2.0


def _gained(log_odds: Vector, level: float, met: Vector, calibration: Calibration) -> float:
    """By how much the level fits better, as LightGBM counts gain: twice the log-likelihood."""
    told = [np.clip(calibration.apply(sigmoid(log_odds + b)), TINY, 1.0 - TINY) for b in (0.0, level)]
    before, after = (float((met * np.log(p) + (1.0 - met) * np.log1p(-p)).sum()) for p in told)
    return max(2.0 * (after - before), TINY)


def _with_level(
    booster: Booster, rows: FittedRows, encoder: Encoder, journey: int, level: float, gain: float
) -> Booster:
    """LightGBM adds the tree, one leaf for the journey and one for all others, so that whatever reads its texts finds
    it whole; then its leaves get their values. A journey that no single split can set apart keeps what it has.

    `gain`: what the split counts as where importance is told. LightGBM's own is in proportion to the weights.
    """
    some, last = _some(rows.shown == journey), booster.num_trees()
    matrix, mine = _with_stranger(rows.matrix[some], encoder), np.append(rows.shown[some] == journey, False)
    most = int(rows.shown.max()) + 1
    once = _split(booster, matrix, mine, encoder, most, 1.0)
    if once.num_trees() == last:
        return booster
    longer = _split(booster, matrix, mine, encoder, most, gain / _gain_of(once, last))
    leaf = np.asarray(longer.predict(matrix, pred_leaf=True, start_iteration=last, num_threads=1)).ravel()
    own = int(leaf[mine][0])
    if longer.num_trees() == last or ((leaf == own) != mine).any():
        return booster
    longer.set_leaf_output(last, own, level)
    longer.set_leaf_output(last, 1 - own, 0.0)
    return longer


def _split(booster: Booster, matrix: Matrix, mine: Booleans, encoder: Encoder, journeys: int, weight: float) -> Booster:
    """With one tree more, if one is found. `weight`: of a row that is not of the journey."""
    import lightgbm

    table = lightgbm.Dataset(
        matrix,
        mine.astype(np.float64),
        weight=weight * np.where(mine, mine.size / mine.sum(), 1.0),
        feature_name=column_names(encoder.columns),
        categorical_feature=[encoder.columns.index(name) for name in encoder.categorical],
    )
    return lightgbm.train(_apart(encoder, journeys), table, 1, init_model=booster)


def _gain_of(booster: Booster, tree: int) -> float:
    (told,) = booster.dump_model(start_iteration=tree)["tree_info"]
    return float(told["tree_structure"]["split_gain"])


def _some(mine: Booleans) -> Rows:
    """Rows enough for a split, some of the journey among them."""
    return np.union1d(sampled(mine.size, ROWS, seed=0), np.flatnonzero(mine)[:LEAST])


def _with_stranger(matrix: Matrix, encoder: Encoder) -> Matrix:
    """(n + 1, k) beside the rows one of a journey that is none of theirs, so that of two journeys, too, the one is set
    apart, and not the other from all that is unknown.
    """
    stranger, column = matrix[:1].copy(), encoder.columns.index(JOURNEY)
    stranger[0, column] = np.nanmax(matrix[:, column]) + 1.0
    return np.concatenate([matrix, stranger])


def _apart(encoder: Encoder, journeys: int) -> dict[str, object]:
    """One split, of the journey's id alone, one level against all others."""
    return {
        "objective": "binary",
        "boost_from_average": False,
        "num_leaves": 2,
        "learning_rate": 1.0,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "interaction_constraints": [[encoder.columns.index(JOURNEY)]],
        "max_cat_to_onehot": journeys + 2,
        "max_bin": max(journeys + 3, 63),
        "min_data_in_bin": 1,
        "feature_pre_filter": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
