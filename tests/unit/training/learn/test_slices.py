"""The figures of slices follow their formulae, and say nothing of what is too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.decision_logs import simulated
from training.learn.measures import Judged
from training.learn.slices import (
    MIN_CUSTOMERS,
    MIN_ROWS,
    Cut,
    Role,
    Slices,
    keys_of,
    metrics_of,
    p_alike,
    ratio_of,
    sliced,
)
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns

Vector = NDArray[np.float64]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DecisionLog:
    """Any log: slices look at the customers of its rows alone."""
    source = simulated(3, rows=400, journeys=2)
    file = tmp_path_factory.mktemp("slices") / "log.parquet"
    pq.write_table(source.table, file)
    return read_decisions(file, LogColumns(features=source.features))


def judged(log: DecisionLog, reward: Vector, expected: Vector) -> Judged:
    return Judged(log=log, reward=reward, expected=expected, by_name={})


def cut(codes: NDArray[np.int64], *levels: str) -> Cut:
    return Cut(by="tier", role=Role.SEGMENT, levels=levels, codes=codes, keys=keys_of(levels))


def test_the_ratio_s_interval_takes_the_rows_of_a_customer_as_one_draw() -> None:
    # differences by customer: 1 + 1 - 1 = 1, and 0 + 0 - 1 = -1: mean 0, so the error of their sum is sqrt(2)
    reward, expected = np.array([1.0, 1.0, 0.0, 0.0]), np.full(4, 0.5)
    ratio, _, high = ratio_of(reward, expected, np.array([7, 7, 9, 9]))
    assert (ratio, high - ratio) == pytest.approx((1.0, 1.96 * np.sqrt(2.0) / 2.0))
    ratio, low, high = ratio_of(reward, expected, np.arange(4))
    assert (high - ratio, ratio - low) == pytest.approx((1.96 * np.sqrt(4 * 0.25) / 2.0,) * 2)


def test_a_ratio_cannot_be_told_of_one_customer_or_of_nothing_expected() -> None:
    assert np.isnan(ratio_of(np.ones(3), np.ones(3), np.zeros(3, np.int64))).all()
    assert np.isnan(ratio_of(np.ones(3), np.zeros(3), np.arange(3))).all()


def test_two_ratios_a_standard_error_apart_each_are_alike_as_chi_square_says() -> None:
    # Q = (0.1 / 0.1)^2 * 2 = 2, one degree of freedom: P = erfc(sqrt(2 / 2)) = 0.1573
    assert p_alike(np.array([0.9, 1.1]), np.array([0.1, 0.1])) == pytest.approx(0.15729920705)
    assert np.isnan(p_alike(np.array([1.0]), np.array([0.1])))


@pytest.mark.parametrize(("one_of", "is_money"), [(200, False), (50, True)])
def test_a_level_in_which_hardly_anybody_met_it_is_off_no_more_often_than_chance_makes_it(
    log: DecisionLog, one_of: int, is_money: bool
) -> None:
    """What is expected is right, and met by 1 or 4 of 200; an interval in twenty may be wrong."""
    draw, half = np.random.default_rng(6), cut(np.repeat([0, 1], 200).astype(np.int64), "one", "other")
    told = []
    for _ in range(150):
        p = draw.beta(2.0, 2.0 * one_of - 2.0, 400)
        amount = 20.0 * draw.lognormal(-0.5, 1.0, 400) if is_money else np.full(400, 20.0)
        (found,) = sliced(judged(log, (draw.random(400) < p) * amount, 20.0 * p), [half])
        told.append((found.are_alike, *(figures.is_off for _, figures in found.told)))
    alike, *off = (np.mean(each) for each in zip(*told, strict=True))
    assert alike >= 0.97
    assert max(off) <= 0.12


def test_no_ratio_s_interval_goes_below_0_where_no_reward_does() -> None:
    ratio, low, high = ratio_of(np.zeros(4), np.full(4, 0.5), np.arange(4), modelled=1.0)
    assert (ratio, low, high) == pytest.approx((0.0, 0.0, 1.96 / 2.0))
    assert ratio_of(np.full(4, -1.0), np.full(4, 0.5), np.arange(4))[1] == -2.0


def test_of_few_customers_nothing_is_told_however_many_rows_they_have(log: DecisionLog) -> None:
    customer = np.where(np.arange(400) < 200, np.arange(400) % (MIN_CUSTOMERS - 1), np.arange(400))
    of_few = judged(replace(log, customer=customer), np.tile([0.0, 1.0], 200), np.full(400, 0.5))
    (found,) = sliced(of_few, [cut(np.repeat([0, 1], 200).astype(np.int64), "few", "many")])
    few, many = found.levels
    assert (few.rows, few.customers, few.figures) == (200, MIN_CUSTOMERS - 1, None)
    assert many.figures is not None


def test_levels_are_told_apart_and_a_small_one_is_not_judged(log: DecisionLog) -> None:
    """One level is right on average, one is expected half of what came, one has a row too few."""
    codes = np.repeat([0, 1, 2], [200, 200 - MIN_ROWS + 1, MIN_ROWS - 1]).astype(np.int64)
    p = np.where(codes == 1, 0.25, 0.5)
    reward = (np.arange(400) % 2).astype(np.float64)
    (found,) = sliced(judged(log, reward, p), [cut(codes, "right", "low", "few")])
    right, low, few = found.levels
    assert few.rows == MIN_ROWS - 1
    assert few.figures is None
    assert right.figures is not None
    assert low.figures is not None
    assert (right.figures.rate, right.figures.observed_to_expected, right.figures.ece) == pytest.approx((0.5, 1.0, 0.0))
    assert low.figures.observed_to_expected == pytest.approx(reward[codes == 1].mean() / 0.25)
    assert (right.figures.is_off, low.figures.is_off) == (False, True)
    assert not found.are_alike
    assert right.figures.auc == pytest.approx(0.5)
    assert right.figures.log_loss == pytest.approx(np.log(2.0))


def test_where_nobody_met_it_there_is_no_auc_and_a_log_loss_all_the_same(log: DecisionLog) -> None:
    codes = np.repeat([0, 1], 200).astype(np.int64)
    reward = np.where(codes == 0, 0.0, (np.arange(400) % 2) * 5.0)
    (found,) = sliced(judged(log, reward, np.full(400, 1.0)), [cut(codes, "none", "some")])
    nobody = found.levels[0].figures
    assert nobody is not None
    assert np.isnan(nobody.auc)
    assert nobody.log_loss == pytest.approx(-np.log(0.8)), "p is 1 / 5, the reward of those who met it"
    assert found.document()["levels"][0]["figures"]["auc"] is None  # type: ignore[index]


def test_amounts_have_a_calibration_error_in_their_own_unit_and_no_auc(log: DecisionLog) -> None:
    reward = np.tile([0.0, 1.0, 2.0, 9.0], 100)
    (found,) = sliced(judged(log, reward, np.full(400, 2.0)), [cut(np.zeros(400, np.int64), "all")])
    figures = found.levels[0].figures
    assert figures is not None
    assert (figures.observed, figures.observed_to_expected) == pytest.approx((3.0, 1.5))
    assert figures.ece == pytest.approx(1.0)
    assert np.isnan([figures.auc, figures.log_loss, figures.ece_by_chance]).all()


def test_metrics_are_named_as_mlflow_takes_them(log: DecisionLog) -> None:
    from mlflow.utils.validation import _validate_metric_name

    levels = ("65+", "65-", "$50–74K/a", "a.b", "…", "größe", "x" * 300)
    codes = (np.arange(400) % len(levels)).astype(np.int64)
    (found,) = sliced(judged(log, (np.arange(400) % 2).astype(np.float64), np.full(400, 0.5)), [cut(codes, *levels)])
    names = metrics_of([found])
    for name in names:
        _validate_metric_name(name)  # type: ignore[no-untyped-call]
    assert {name.rpartition(".")[0].rpartition(".")[0] for name in names} == {"slice.tier"}
    assert {name.split(".")[2] for name in names} == {
        "65",
        "65-",
        "50_74K_a",
        "a_b",
        "_",
        "größe",
        "x" * 60,
    }
    assert {name.split(".")[-1] for name in names} == {"rows", "rate", "auc", "log_loss", "ece", "observed_to_expected"}


def test_keys_that_come_out_alike_are_numbered() -> None:
    assert keys_of(["a/b", "a.b", "a_b", "c"]) == ("a_b", "a_b_2", "a_b_3", "c")


def test_one_level_has_nothing_to_be_alike_with(log: DecisionLog) -> None:
    (found,) = sliced(judged(log, np.ones(400), np.full(400, 0.5)), [cut(np.zeros(400, np.int64), "all")])
    assert isinstance(found, Slices)
    assert np.isnan(found.p_alike)
    assert found.are_alike


def test_slices_of_rewards_of_several_values_go_by_the_probabilities_told_beside_them(log: DecisionLog) -> None:
    """Half of each level was met, and 0.5 was told: no error of calibration, and a log loss of ln 2."""
    reward = np.tile([0.0, 3.0, 0.0, 8.0], 100)
    told = Judged(log=log, reward=reward, expected=4.0 * np.ones(400), by_name={}, p_met=np.full(400, 0.5))
    (found,) = sliced(told, [cut(np.repeat([0, 1], 200), "low", "high")])
    for _, figures in found.told:
        assert [figures.log_loss, figures.ece] == pytest.approx([np.log(2.0), 0.0])
        assert figures.auc == 0.5
