"""A calibration is chosen only when folds it has not seen prove it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from models.calibration import CalibrationKind, logit, sigmoid
from training.learn.calibrate import OutOfFold, calibrate, choose_calibration, is_gain
from training.off_policy.estimators import error_of_mean


def folds(intercepts: list[float], slope: float, n: int = 2_000, seed: int = 0) -> OutOfFold:
    """Predictions whose true log-odds are the fold's intercept + slope times what was predicted."""
    draw = np.random.default_rng(seed)
    fold = np.repeat(np.arange(len(intercepts)), n)
    raw = draw.uniform(0.02, 0.5, fold.size)
    truth = sigmoid(np.array(intercepts)[fold] + slope * logit(raw))
    return OutOfFold(raw=raw, label=(draw.random(fold.size) < truth).astype(float), fold=fold)


def test_right_probabilities_are_left_alone() -> None:
    assert choose_calibration(folds([0.0] * 5, slope=1.0)).calibration.kind is CalibrationKind.IDENTITY


def test_the_same_fault_in_every_fold_is_repaired() -> None:
    choice = choose_calibration(folds([1.0] * 5, slope=1.0))
    assert choice.calibration.kind is not CalibrationKind.IDENTITY
    assert_allclose(choice.calibration.apply(np.array([0.2])), sigmoid(1.0 + logit(np.array([0.2]))), atol=0.02)


def test_a_fault_whose_sign_changes_from_fold_to_fold_is_not_chased() -> None:
    choice = choose_calibration(folds([1.0, -1.0, 1.0, -1.0, 1.0], slope=1.0))
    assert choice.calibration.kind is CalibrationKind.IDENTITY


def test_too_few_folds_prove_nothing() -> None:
    choice = choose_calibration(folds([1.0] * 3, slope=1.0))
    assert choice.calibration.kind is CalibrationKind.IDENTITY
    assert choice.forward_log_loss == {}


def test_every_kind_is_tried_on_folds_it_has_not_seen() -> None:
    """The first fold has the opposite fault, so what is learned there must cost on the second."""
    losses = choose_calibration(folds([-2.0, 1.0, 1.0, 1.0], slope=1.0)).forward_log_loss
    assert losses.keys() == set(CalibrationKind)
    assert losses[CalibrationKind.PLATT] > losses[CalibrationKind.IDENTITY]


@pytest.mark.parametrize("kind", list(CalibrationKind))
def test_each_kind_can_be_fitted(kind: CalibrationKind) -> None:
    assert calibrate(folds([0.0, 0.5], slope=1.2), kind).kind is kind


def test_the_standard_error_of_single_values_is_that_of_a_mean() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    assert_allclose(error_of_mean(values, np.arange(4)), values.std(ddof=1) / 2.0)


def test_a_gain_must_exceed_the_tabled_t_quantile() -> None:
    # t(3) has 95 % below 2.353; four clusters of one value each, mean m and standard error 1
    deviation = np.array([-1.0, 1.0, -1.0, 1.0]) * np.sqrt(3.0)
    assert is_gain(2.36 + deviation, np.arange(4), level=0.05)
    assert not is_gain(2.35 + deviation, np.arange(4), level=0.05)


def test_no_gain_at_all_is_none() -> None:
    assert not is_gain(np.zeros(8), np.arange(8) % 4, level=0.05)


def test_values_that_move_together_count_as_one() -> None:
    # two clusters of identical values: deviations -1 and +1, two each, so sums -2 and 2: sqrt(2 * 8) / 4
    assert_allclose(error_of_mean(np.array([0.0, 0.0, 2.0, 2.0]), np.array([7, 7, 9, 9])), 1.0)


@pytest.mark.filterwarnings("error")
def test_what_the_first_days_taught_to_be_certain_costs_a_finite_loss() -> None:
    """There whoever was told more than 0.3 met it, and nobody else; later it is otherwise."""
    later = folds([0.0] * 4, slope=1.0, n=50)
    label = np.where(later.fold == 0, (later.raw > 0.3).astype(float), later.label)
    told = choose_calibration(OutOfFold(raw=later.raw, label=label, fold=later.fold))
    assert np.isfinite(list(told.forward_log_loss.values())).all()
    assert told.forward_log_loss[CalibrationKind.PLATT] > told.forward_log_loss[CalibrationKind.IDENTITY]
