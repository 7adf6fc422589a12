"""LightGBM as it is used here: deterministic, one thread a model, several models at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from features.encoder import Encoder
from models.bundle import column_names

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

Given = TypeVar("Given")
Made = TypeVar("Made")
Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

ROUNDS = (15, 30, 60, 120)
"""How many rounds are tried; the last is what is fitted."""
_COMMON: Mapping[str, str | int | float | bool] = {
    "learning_rate": 0.08,
    "num_leaves": 8,
    "lambda_l2": 5.0,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
_RANDOM: Mapping[str, float | bool] = {"extra_trees": True, "bagging_fraction": 0.7, "bagging_freq": 1}
_BINNING: Mapping[str, int | bool] = {"max_bin": 63, "min_data_in_bin": 5, "feature_pre_filter": False, "verbose": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is fitted: LightGBM's `objective`; `is_random`: by random thresholds, which small samples need.

    `monotone`: by column, 1 where more may only raise the prediction, -1 where it may only lower it.
    """

    objective: str
    is_random: bool = False
    monotone: tuple[tuple[str, int], ...] = ()

    def settings(self, columns: Sequence[str], rows: int, seed: int) -> dict[str, object]:
        signs = dict(self.monotone)
        return {
            **_COMMON,
            "objective": self.objective,
            **(_RANDOM if self.is_random else {}),
            "min_data_in_leaf": int(np.clip(rows // 300, 20, 200)),
            "seed": seed,
            **({"monotone_constraints": [signs.get(name, 0) for name in columns]} if signs else {}),
        }


class Table:
    """Encoded rows, binned once for all that is fitted on some of them."""

    def __init__(self, matrix: Matrix, encoder: Encoder, seed: int) -> None:
        """`matrix` (n, k) as the encoder makes it."""
        self._matrix = matrix
        self._encoder = encoder
        self._seed = seed

    @cached_property
    def _binned(self) -> Dataset:
        import lightgbm

        columns = self._encoder.columns
        categorical = [columns.index(name) for name in self._encoder.categorical]
        table = lightgbm.Dataset(
            self._matrix,
            np.zeros(self._matrix.shape[0]),
            feature_name=column_names(columns),
            categorical_feature=categorical,
            params={**_BINNING},
            free_raw_data=False,
        )
        return table.construct()

    def prepare(self) -> None:
        """Bins now, before several fits ask for it at once."""
        _ = self._binned

    def fit(self, task: Task, target: Vector, rows: Rows, rounds: int, weight: Vector | None = None) -> Booster:
        """A model of `target` (n,) on `rows` of the table; equal input gives an equal model."""
        import lightgbm

        part = self._binned.subset(cast("list[int]", rows))
        part.construct()
        part.set_label(target[rows])
        if weight is not None:
            part.set_weight(weight[rows])
        settings = task.settings(self._encoder.columns, rows.size, self._seed)
        return lightgbm.train(settings, part, num_boost_round=rounds)


def predict(booster: Booster, matrix: Matrix, rounds: int | None = None) -> Vector:
    """(n,) what the first `rounds` rounds say, all of them if None."""
    return np.asarray(booster.predict(matrix, num_iteration=rounds, num_threads=1), dtype=np.float64)


def at_once(work: Callable[[Given], Made], given: Iterable[Given]) -> list[Made]:
    """`work` of each, in order, on as many threads as there are cores: LightGBM holds no lock while it works."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        return list(threads.map(work, given))
