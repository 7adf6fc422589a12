"""The shared library, asked directly, tells what the package around it tells, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models import booster as booster_module
from models.booster import Booster, library
from models.errors import BoosterFailed, BoosterUnreadable, LibraryMissing
from tests.model_builders import NOW, SOAP, bundle, customers

Matrix = NDArray[np.float64]
COLUMNS = 6
STRANGE = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1.8e308, -1.0, 0.5, 3.0, 59.0, 60.0, 1e9, 2.0**40)
"""Cells of any column, also of one of categories: none, none that was seen, none that is a whole number."""


def trained(objective: str, *, rounds: int = 30, rows: int = 3000, **settings: object) -> str:
    """Splits by numbers, by what is missing and by sets of up to sixty categories."""
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(rows, COLUMNS))
    matrix[:, 0] = draw.integers(0, 60, rows)
    matrix[draw.random((rows, COLUMNS)) < 0.1] = np.nan
    signal = (np.nan_to_num(matrix[:, 0]) % 3 == 0) + np.nan_to_num(matrix[:, 1])
    label = signal > 0.3 if objective == "binary" else np.exp(signal)
    table = lightgbm.Dataset(matrix, label.astype(float), categorical_feature=[0], params={"verbose": -1})
    told = {"objective": objective, "verbose": -1, "seed": 0, "num_threads": 1, **settings}
    return lightgbm.train(told, table, rounds).model_to_string()


TEXTS: dict[str, Callable[[], str]] = {
    "binary": lambda: trained("binary"),
    "huber": lambda: trained("huber"),
    "tweedie": lambda: trained("tweedie"),
    "random forest": lambda: trained("binary", boosting="rf", bagging_freq=1, bagging_fraction=0.5),
    "one tree": lambda: trained("binary", rounds=1),
    "no split": lambda: trained("binary", min_data_in_leaf=3000),
}


@pytest.fixture(scope="module", params=list(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]()


@cache
def both(text: str) -> tuple[Booster, lightgbm.Booster]:
    return Booster(text), lightgbm.Booster(model_str=text)


def demand_equal(text: str, matrix: Matrix) -> None:
    mine, theirs = both(text)

    def told(**asked: Any) -> Matrix:
        return np.asarray(theirs.predict(matrix, num_threads=1, **asked), dtype=np.float64)

    for found, expected in (
        (mine.predict(matrix), told()),
        (mine.raw(matrix), told(raw_score=True)),
        (mine.contributions(matrix), told(pred_contrib=True)),
    ):
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@given(matrix=arrays(np.float64, st.tuples(st.integers(1, 5), st.just(COLUMNS)), elements=st.floats()))
def test_it_is_equal_whatever_the_cells(text: str, matrix: Matrix) -> None:
    demand_equal(text, matrix)


@given(cells=st.lists(st.sampled_from(STRANGE), min_size=COLUMNS, max_size=COLUMNS))
def test_it_is_equal_at_the_edges_of_numbers_and_of_categories(text: str, cells: list[float]) -> None:
    demand_equal(text, np.array([cells]))


def test_it_is_equal_for_many_rows(text: str) -> None:
    draw = np.random.default_rng(2)
    matrix = draw.normal(size=(20_000, COLUMNS)) * 3.0
    matrix[:, 0] = draw.integers(-2, 70, len(matrix))
    matrix[draw.random(matrix.shape) < 0.2] = np.nan
    demand_equal(text, matrix)


def test_it_is_equal_for_the_rows_of_an_encoder() -> None:
    made = bundle()
    demand_equal(made.model_text, np.concatenate([made.encoder.matrix(one, NOW, [SOAP]) for one in customers(200)]))


def test_it_is_equal_however_a_matrix_lies(text: str) -> None:
    wide = np.random.default_rng(3).normal(size=(50, 2 * COLUMNS))
    for matrix in (wide[::3, ::2], np.asfortranarray(wide[:, :COLUMNS]), wide[::-1, :COLUMNS]):
        demand_equal(text, matrix)
        assert Booster(text).predict(matrix).tobytes() == Booster(text).predict(matrix.copy()).tobytes()


def test_rows_tell_the_same_alone_and_beside_others(text: str) -> None:
    matrix, one = np.random.default_rng(4).normal(size=(100, COLUMNS)), Booster(text)
    alone = np.concatenate([one.predict(matrix[i : i + 1]) for i in range(len(matrix))])
    assert alone.tobytes() == one.predict(matrix).tobytes()
    assert one.predict(matrix, threads=2).tobytes() == one.predict(matrix).tobytes()


def test_no_rows_tell_nothing(text: str) -> None:
    nothing, one = np.empty((0, COLUMNS)), Booster(text)
    assert one.predict(nothing).shape == one.raw(nothing).shape == (0,)
    assert one.contributions(nothing).shape == (0, COLUMNS + 1)


def test_threads_share_one(text: str) -> None:
    matrix, one = np.random.default_rng(5).normal(size=(300, COLUMNS)), Booster(text)
    expected = one.contributions(matrix).tobytes()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: one.contributions(matrix).tobytes(), range(20)))
    assert found == [expected] * 20


def test_columns_are_named_as_the_text_names_them() -> None:
    names = ["short", "x" * 700, *"abcd"]  # the second is longer than the room that is made at first
    matrix = np.random.default_rng(6).normal(size=(200, COLUMNS))
    table = lightgbm.Dataset(matrix, matrix[:, 0], feature_name=names, params={"verbose": -1})
    made = lightgbm.train({"verbose": -1}, table, 3).model_to_string()
    assert Booster(made).columns == tuple(lightgbm.Booster(model_str=made).feature_name()) == tuple(names)


@pytest.mark.parametrize("strange", ["", "not a model", "tree\nversion=v4\n"])
def test_what_is_no_model_is_refused(strange: str) -> None:
    with pytest.raises(BoosterUnreadable):
        Booster(strange)


def test_a_model_of_several_values_a_row_is_refused() -> None:
    draw = np.random.default_rng(7)
    table = lightgbm.Dataset(draw.normal(size=(300, 2)), draw.integers(0, 3, 300), params={"verbose": -1})
    made = lightgbm.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, table, 2).model_to_string()
    with pytest.raises(BoosterUnreadable, match="3 values"):
        Booster(made)


@pytest.mark.parametrize("columns", [0, COLUMNS - 1, COLUMNS + 1])
def test_a_matrix_of_other_columns_is_refused(text: str, columns: int) -> None:
    with pytest.raises(BoosterFailed, match=f"{columns} columns"):
        Booster(text).predict(np.zeros((2, columns)))


def test_a_package_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booster_module, "find_spec", lambda name: None)
    with pytest.raises(LibraryMissing):
        library.__wrapped__()


def test_a_process_that_scores_loads_neither_the_package_nor_what_comes_with_it() -> None:
    names = ("lightgbm", "pandas", "pyarrow", "scipy", "sklearn", "mlflow")
    program = f"""
import sys
import numpy as np
from models.booster import Booster
print(Booster(sys.stdin.read()).predict(np.zeros((1, {COLUMNS})))[0].hex())
print(sorted({set(names)!r} & {{name.partition(".")[0] for name in sys.modules}}))
"""
    made = trained("binary")
    ran = subprocess.run([sys.executable, "-c", program], input=made, capture_output=True, text=True, check=True)
    expected = np.asarray(lightgbm.Booster(model_str=made).predict(np.zeros((1, COLUMNS))))[0].hex()
    assert ran.stdout.splitlines() == [expected, "[]"]
