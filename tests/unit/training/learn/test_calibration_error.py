"""Calibration error: by hand, and what a model without fault shows."""

from __future__ import annotations

import numpy as np
import pytest

from training.learn.calibration_error import calibration_error, calibration_error_by_chance


def test_the_calibration_error_is_the_mean_distance_in_groups_of_equal_mass_worked_out_by_hand() -> None:
    # in order of p: (0.1: 0), (0.1: 1) | (0.4: 1), (0.8: 1): distances 1 - 0.2 and 2 - 1.2, over 4 rows
    p, label = np.array([0.4, 0.1, 0.8, 0.1]), np.array([1.0, 0.0, 1.0, 1.0])
    assert calibration_error(label, p, groups=2) == pytest.approx((0.8 + 0.8) / 4.0)


def test_errors_of_groups_do_not_make_up_for_each_other() -> None:
    p, label = np.array([0.2, 0.2, 0.8, 0.8]), np.array([1.0, 1.0, 0.0, 0.0])
    assert label.mean() == p.mean()
    assert calibration_error(label, p, groups=2) == pytest.approx(0.8)


def test_right_probabilities_show_about_the_error_of_chance() -> None:
    """By simulation: the mean over 200 draws, whose own error is below 2 %."""
    draw = np.random.default_rng(5)
    p = draw.uniform(0.05, 0.6, 600)
    seen = [calibration_error((draw.random(600) < p).astype(np.float64), p) for _ in range(200)]
    assert np.mean(seen) == pytest.approx(calibration_error_by_chance(p), rel=0.05)


def test_where_almost_nothing_is_expected_chance_brings_no_more_than_each_row_does_by_itself() -> None:
    """A group a row: |y - p| is 1 - p with probability p, else p, so 2 p (1 - p) on average."""
    assert calibration_error_by_chance(np.full(10, 0.01)) == pytest.approx(2 * 0.01 * 0.99)


def test_no_rows_have_no_error() -> None:
    assert np.isnan(calibration_error(np.empty(0), np.empty(0)))
    assert np.isnan(calibration_error_by_chance(np.empty(0)))
