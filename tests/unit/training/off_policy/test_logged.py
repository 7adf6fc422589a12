"""A log is believed only if it can be judged with; what is wrong names its row and column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.training.off_policy.logs import log_of
from training.off_policy.logged import EmptyLog, Logged, LogUnfit

SOUND = log_of([0, 1, 1], [0.5, 0.25, 1.0], [0.0, 1.0, -2.5], customer=[4, 4, 9])
NAN = float("nan")


def test_a_sound_log_is_itself() -> None:
    assert SOUND.validated() is SOUND


def test_a_customers_rows_are_one_cluster_whatever_the_codes() -> None:
    for codes in ([4, 4, 9], [-(10**15), -(10**15), 10**15]):
        clusters = replace(SOUND, customer=np.array(codes)).clusters
        assert clusters.count == 2
        assert clusters.sums(np.array([1.0, 2.0, 5.0])).tolist() == [3.0, 5.0]


def _with(column: str, row: int, value: float) -> Logged:
    values = getattr(SOUND, column).copy()
    values[row] = value
    return replace(SOUND, **{column: values})


@pytest.mark.parametrize(
    ("logged", "row", "column"),
    [
        (_with("propensity", 1, 0.0), 1, "propensity"),
        (_with("propensity", 2, 1.01), 2, "propensity"),
        (_with("propensity", 0, NAN), 0, "propensity"),
        (_with("reward", 2, NAN), 2, "reward"),
        (_with("reward", 1, float("inf")), 1, "reward"),
        (_with("shown", 1, 2), 1, "journey_id"),
        (_with("shown", 0, -1), 0, "journey_id"),
        (replace(SOUND, eligible=np.array([[True, True], [True, False], [True, True]])), 1, "eligible"),
        (replace(SOUND, eligible=np.ones((3, 1), dtype=np.bool_)), None, "journey_id"),
        (replace(SOUND, reward=np.zeros(2)), None, "reward"),
        (replace(SOUND, eligible=np.ones((2, 2), dtype=np.bool_)), None, "eligible"),
        (replace(SOUND, propensities=np.ones((3, 3))), None, "propensities"),
        (replace(SOUND, propensities=np.array([[0.5, 0.5], [0.75, 0.25], [0.5, 0.6]])), 2, "propensities"),
        (replace(SOUND, propensities=np.array([[0.5, 0.5], [0.7, 0.3], [0.0, 1.0]])), 1, "propensities"),
        (replace(SOUND, propensities=np.array([[0.5, 0.5], [0.75, NAN], [0.0, 1.0]])), 1, "propensities"),
        (replace(SOUND, propensities=np.array([[0.5, 0.5], [1.25, -0.25], [0.0, 1.0]])), 1, "propensities"),
    ],
)
def test_what_is_wrong_names_row_and_column(logged: Logged, row: int | None, column: str) -> None:
    with pytest.raises(LogUnfit, match=column) as raised:
        logged.validated()
    assert (raised.value.row, raised.value.column) == (row, column)
    assert row is None or f"row {row}" in str(raised.value)


def test_a_distribution_gives_nothing_to_what_is_not_eligible() -> None:
    eligible = np.array([[True, True], [False, True], [True, True]])
    known = np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]])
    with pytest.raises(LogUnfit, match="row 1, column propensities"):
        replace(SOUND, eligible=eligible, propensities=known).validated()


def test_a_distribution_may_be_known_in_some_rows() -> None:
    known = np.array([[0.5, 0.5], [NAN, NAN], [0.0, 1.0]])
    replace(SOUND, propensities=known).validated()


def test_a_log_without_rows_is_empty() -> None:
    with pytest.raises(EmptyLog):
        SOUND.take(np.array([], dtype=np.int64)).validated()


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([False, True, True])])
def test_some_rows_of_a_log_are_a_log(rows: NDArray[np.int64] | NDArray[np.bool_]) -> None:
    known = np.array([[0.5, 0.5], [NAN, NAN], [0.0, 1.0]])
    some = replace(SOUND, propensities=known).take(rows).validated()
    assert some.rows == 2
    assert some.reward.tolist() == SOUND.reward[rows].tolist()
    assert some.customer.tolist() == SOUND.customer[rows].tolist()
    assert some.propensities is not None
    assert np.array_equal(some.propensities, known[rows], equal_nan=True)
