"""Calibration: closed forms, naive twins, and the promises of the type."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from models.calibration import (
    Calibration,
    CalibrationKind,
    Vector,
    fit_isotonic,
    fit_platt,
    fit_spread,
    logistic_coefficients,
    logit,
    sigmoid,
)

probabilities = arrays(np.float64, st.integers(1, 60), elements=st.floats(0.0, 1.0))


def labelled(n: int = 4_000, seed: int = 0, intercept: float = 0.5, slope: float = 2.0) -> tuple[Vector, Vector]:
    """Raw probabilities, and labels drawn from sigmoid(intercept + slope * logit(raw))."""
    draw = np.random.default_rng(seed)
    raw = draw.uniform(0.02, 0.6, n)
    return raw, (draw.random(n) < sigmoid(intercept + slope * logit(raw))).astype(float)


@given(probabilities)
def test_identity_returns_what_it_is_given(raw: Vector) -> None:
    assert_allclose(Calibration().apply(raw), raw)


def test_platt_is_the_sigmoid_of_an_affine_function_of_the_log_odds() -> None:
    calibration = Calibration(kind=CalibrationKind.PLATT, intercept=1.0, slope=2.0)
    # raw 0.25: log-odds ln(1/3); 1 + 2 ln(1/3) = 1 - 2 ln 3; odds e / 9
    assert_allclose(calibration.apply(np.array([0.25])), [math.e / (math.e + 9.0)])


def test_a_slope_of_one_and_no_intercept_change_nothing() -> None:
    raw = np.array([0.001, 0.3, 0.999])
    assert_allclose(Calibration(kind=CalibrationKind.PLATT).apply(raw), raw)


@given(probabilities, st.sampled_from(list(CalibrationKind)))
def test_every_kind_stays_within_the_unit_interval_and_keeps_the_order(raw: Vector, kind: CalibrationKind) -> None:
    calibration = Calibration(kind=kind, intercept=-3.0, slope=7.0, raw_knots=(0.1, 0.2, 0.9), p_knots=(0.0, 0.5, 0.5))
    p = calibration.apply(np.sort(raw))
    assert np.all((p >= 0.0) & (p <= 1.0))
    assert np.all(np.diff(p) >= 0.0)


def test_platt_finds_the_coefficients_that_made_the_labels() -> None:
    calibration = fit_platt(*labelled(n=60_000))
    assert_allclose([calibration.intercept, calibration.slope], [0.5, 2.0], atol=0.1)


@given(st.integers(0, 10_000), st.integers(5, 80))
def test_logistic_coefficients_zero_the_gradient(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), draw.normal(size=n)])
    label = (draw.random(n) < 0.3).astype(float)
    beta = logistic_coefficients(design, label, ridge=0.1)
    assert_allclose(design.T @ (label - sigmoid(design @ beta)) - 0.1 * beta, 0.0, atol=1e-6)


def test_a_separable_sample_still_has_finite_coefficients() -> None:
    calibration = fit_platt(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert math.isfinite(calibration.slope)


def test_labels_against_the_model_flatten_it_rather_than_turn_the_order() -> None:
    raw = np.linspace(0.1, 0.9, 50)
    assert fit_platt(raw, (raw < 0.5).astype(float)).slope == 0.0


def test_spread_keeps_the_mean_prediction() -> None:
    raw, label = labelled()
    fold = np.arange(raw.size) % 4
    assert_allclose(fit_spread(raw, label, fold).apply(raw).mean(), raw.mean(), atol=1e-9)


def test_spread_finds_the_slope_whatever_the_rates_of_the_folds() -> None:
    draw = np.random.default_rng(3)
    fold = draw.integers(0, 4, 60_000)
    raw = draw.uniform(0.02, 0.6, fold.size)
    log_odds = np.array([-1.0, 0.0, 0.5, 2.0])[fold] + 1.5 * logit(raw)
    label = (draw.random(fold.size) < sigmoid(log_odds)).astype(float)
    assert_allclose(fit_spread(raw, label, fold).slope, 1.5, atol=0.06)


def test_isotonic_pools_adjacent_violators() -> None:
    raw = np.array([0.1, 0.2, 0.3, 0.4])
    label = np.array([0.0, 1.0, 0.0, 1.0])
    calibration = fit_isotonic(raw, label)
    # steps {0.1}, {0.2, 0.3}, {0.4}; Laplace's rule: 1/3, 2/4, 2/3
    assert_allclose(calibration.raw_knots, [0.1, 0.25, 0.4])
    assert_allclose(calibration.p_knots, [1 / 3, 1 / 2, 2 / 3])
    assert_allclose(calibration.apply(np.array([0.0, 0.175, 1.0])), [1 / 3, 5 / 12, 2 / 3])


@given(arrays(np.int8, st.integers(1, 25), elements=st.integers(0, 1)))
def test_isotonic_steps_are_the_least_squares_monotone_fit(label: np.ndarray[tuple[int], np.dtype[np.int8]]) -> None:
    raw: Vector = np.linspace(0.1, 0.9, label.size)
    calibration = fit_isotonic(raw, label.astype(float))
    twin = min_max_isotonic(label.astype(float))
    edges = np.flatnonzero(np.diff(twin) > 1e-12) + 1
    blocks = np.split(np.arange(label.size), edges)
    smooth = [(label[block].sum() + 1.0) / (block.size + 2.0) for block in blocks]
    assert_allclose(calibration.raw_knots, [raw[block].mean() for block in blocks])
    assert_allclose(calibration.p_knots, np.maximum.accumulate(smooth))


def min_max_isotonic(values: Vector) -> Vector:
    """The isotonic regression by its min-max formula: max over i <= k of min over j >= k of mean(values[i..j])."""
    n = values.size
    return np.array([max(min(values[i : j + 1].mean() for j in range(k, n)) for i in range(k + 1)) for k in range(n)])


@pytest.mark.parametrize("kind", list(CalibrationKind))
def test_json_gives_back_the_same_calibration(kind: CalibrationKind) -> None:
    calibration = Calibration(kind=kind, intercept=0.1, slope=1.25, raw_knots=(0.1, 0.2), p_knots=(0.0, 1.0))
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": -1.0},
        {"slope": math.nan},
        {"intercept": math.inf},
        {"intercept": "1"},
        {"intercept": True},
        {"kind": "magic"},
        {"kind": "isotonic", "raw_knots": []},
        {"kind": "isotonic", "raw_knots": [0.1], "p_knots": [0.1, 0.2]},
        {"kind": "isotonic", "raw_knots": [0.2, 0.1], "p_knots": [0.1, 0.2]},
        {"kind": "isotonic", "raw_knots": [0.1, 0.2], "p_knots": [0.2, 0.1]},
        {"kind": "isotonic", "raw_knots": [0.1, 0.2], "p_knots": [0.1, 1.2]},
        {"kind": "isotonic", "raw_knots": [0.1, 0.2], "p_knots": [0.1, math.nan]},
        {"raw_knots": "0.1"},
    ],
)
def test_numbers_that_are_no_calibration_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Calibration.from_json({**Calibration().to_json(), **wrong})
