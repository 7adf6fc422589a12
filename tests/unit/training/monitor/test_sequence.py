"""Confidence sequences: the formulas of the source, a naive twin, and how often the truth is left out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from statistics import fmean, variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.monitor.sequence import (
    Looks,
    boundary,
    difference,
    evidence,
    looks_of,
    mean,
    mixture_at,
    share_of_start,
)

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
LOOKS = 60
ALPHA = 0.05


def one_look(*, rows: int, total: float, variance: float, customers: int) -> Looks:
    return Looks(
        rows=np.array([float(rows)]),
        total=np.array([total]),
        variance=np.array([variance]),
        customers=np.array([float(customers)]),
        effective=np.array([float(customers)]),
    )


def test_the_half_width_is_that_of_the_source() -> None:
    """Theorem 2.2 with rho: sigma sqrt(2 (t rho^2 + 1) / (t^2 rho^2) ln(sqrt(t rho^2 + 1) / alpha))."""
    t, sigma, alpha, best_at = 400, 0.3, 0.05, 100.0
    rho = 1.0 / math.sqrt(mixture_at(alpha, best_at))
    told = sigma * math.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * math.log(math.sqrt(t * rho**2 + 1) / alpha))
    looks = one_look(rows=400, total=40.0, variance=400 * 0.09, customers=400)
    found = mean(looks, alpha, best_at)
    assert found.value[0] == pytest.approx(0.1)
    assert found.high[0] - found.value[0] == pytest.approx(told, rel=1e-12)
    assert found.value[0] - found.low[0] == pytest.approx(told, rel=1e-12)


def test_numbers_that_were_worked_out_by_hand() -> None:
    """r = 1: V = 3, alpha = e^-1 gives sqrt(4 ln(4 e^2)) = 2 sqrt(ln 4 + 2) = 3.6804."""
    alpha = math.exp(-1.0)
    best_at = 1.0 / mixture_at(alpha, 1.0)
    assert mixture_at(alpha, best_at) == pytest.approx(1.0)
    assert boundary(np.array([3.0]), alpha, best_at)[0] == pytest.approx(3.68037, abs=1e-4)


def test_the_boundary_is_lowest_beside_its_variance_where_it_is_asked_to_be() -> None:
    """Among all parameters, by trying them."""
    alpha, best_at = 0.01, 200.0
    tried = np.linspace(1.0, 300.0, 30_000)
    heights = (best_at + tried) * np.log((best_at + tried) / (tried * alpha**2))
    assert mixture_at(alpha, best_at) == pytest.approx(float(tried[np.argmin(heights)]), abs=0.02)
    approximation = best_at / (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha)))  # the source's
    assert mixture_at(alpha, best_at) == pytest.approx(approximation, rel=0.05)


@given(st.floats(0.0, 1e6), st.floats(1e-7, 0.5), st.floats(1.0, 1e4))
def test_evidence_is_above_0_exactly_beyond_the_boundary(spread: float, alpha: float, best_at: float) -> None:
    edge = boundary(np.array([spread]), alpha, best_at)
    assert evidence(edge * 1.001, np.array([spread]), alpha, best_at)[0] > 0.0
    assert evidence(-edge * 0.999, np.array([spread]), alpha, best_at)[0] < 0.0


@given(st.floats(0.0, 1e6), st.floats(1e-7, 0.5))
def test_a_smaller_alpha_or_more_variance_asks_for_more(spread: float, alpha: float) -> None:
    here = boundary(np.array([spread, spread + 1.0]), alpha, 200.0)
    stricter = boundary(np.array([spread]), alpha / 2.0, 200.0)
    assert here[1] > here[0]
    assert stricter[0] > here[0]


rows_of_looks = st.lists(st.tuples(st.floats(-5.0, 5.0), st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=40)


@given(rows_of_looks)
def test_sums_at_each_look_are_those_of_its_rows_alone(rows: list[tuple[float, int, int]]) -> None:
    """A naive twin that counts every look anew."""
    values, customer, look = (np.array(column) for column in zip(*rows, strict=True))
    found = looks_of(values, customer, look, 6)
    for k in range(6):
        seen = [row for row in rows if row[2] <= k]
        average = fmean(row[0] for row in seen) if seen else 0.0
        of_each = [[row[0] - average for row in seen if row[1] == one] for one in sorted({row[1] for row in seen})]
        groups = len(of_each)
        spread = sum(sum(rest) ** 2 for rest in of_each) * groups / (groups - 1) if groups > 1 else 0.0
        assert found.rows[k] == len(seen)
        assert found.customers[k] == groups
        counts = [len(rest) for rest in of_each]
        assert found.effective[k] == pytest.approx(sum(counts) ** 2 / max(sum(count**2 for count in counts), 1))
        assert found.total[k] == pytest.approx(sum(row[0] for row in seen), abs=1e-9)
        assert found.variance[k] == pytest.approx(spread, abs=1e-6)


def test_rows_of_different_customers_have_the_ordinary_variance() -> None:
    values = np.array([1.0, 4.0, 2.0, 8.0])
    found = looks_of(values, np.arange(4), np.zeros(4, dtype=np.int64), 1)
    assert found.variance[0] == pytest.approx(4 * variance([1.0, 4.0, 2.0, 8.0]))


def test_nothing_is_known_of_one_customer() -> None:
    found = mean(looks_of(np.ones(3), np.zeros(3, dtype=np.int64), np.arange(3), 3), 0.05, 100.0)
    assert np.isnan(found.value).all()
    assert np.isinf(found.low).all()
    assert not found.leave_out(5.0).any()


def test_a_difference_has_the_error_of_both_means() -> None:
    one = one_look(rows=100, total=30.0, variance=21.0, customers=90)
    other = one_look(rows=50, total=5.0, variance=4.5, customers=45)
    found = difference(one, other, 0.05, 150.0)
    error = math.sqrt(21.0 / 100**2 + 4.5 / 50**2)
    z = boundary(np.array([150.0]), 0.05, 150.0)[0] / math.sqrt(150.0)
    assert found.value[0] == pytest.approx(0.2)
    assert found.high[0] == pytest.approx(0.2 + z * error)
    assert z == pytest.approx(3.04, abs=0.05), "1.55 times what one look needs"


def test_all_starts_together_spend_no_more_than_the_whole() -> None:
    spent = [share_of_start(number) for number in range(1, 1001)]
    assert sum(spent) == pytest.approx(1.0 - 1.0 / 1001)


Draw = Callable[[np.random.Generator], tuple[Vector, Codes, Codes, float]]


def _rare(draw: np.random.Generator) -> tuple[Vector, Codes, Codes, float]:
    n = 50 * LOOKS
    return (draw.random(n) < 0.1).astype(np.float64), np.arange(n), np.repeat(np.arange(LOOKS), 50), 0.1


def _money(draw: np.random.Generator) -> tuple[Vector, Codes, Codes, float]:
    n = 50 * LOOKS
    return draw.lognormal(0.0, 1.0, n), np.arange(n), np.repeat(np.arange(LOOKS), 50), math.exp(0.5)


def _own_rates(draw: np.random.Generator) -> tuple[Vector, Codes, Codes, float]:
    """Customers who come again, each with a rate of their own."""
    n, customers = 100 * LOOKS, 300
    customer, own = draw.integers(0, customers, n), draw.beta(1.0, 9.0, customers)
    met = draw.random(n) < own[customer]
    return met.astype(np.float64), customer, np.repeat(np.arange(LOOKS), 100), 0.1


def misses(draw_one: Draw, runs: int, seed: int) -> float:
    """The share of runs in which some look's interval leaves the truth out."""
    draw, missed = np.random.default_rng(seed), 0
    for _ in range(runs):
        values, customer, look, truth = draw_one(draw)
        missed += bool(mean(looks_of(values, customer, look, LOOKS), ALPHA, 2000.0).leave_out(truth).any())
    return missed / runs


@pytest.mark.parametrize("draw_one", [_rare, _money, _own_rates])
def test_the_truth_is_rarely_left_out_at_any_of_60_looks(draw_one: Draw) -> None:
    """A sample with a fixed seed: 60 runs at a true rate of 5 % or less have 9 misses or more once in 350."""
    assert misses(draw_one, 60, seed=1) <= 8 / 60


@pytest.mark.proof
@pytest.mark.parametrize("draw_one", [_rare, _money, _own_rates])
def test_of_1000_runs_5_in_100_leave_the_truth_out_at_most(draw_one: Draw) -> None:
    found = misses(draw_one, 1000, seed=2)
    logging.getLogger(__name__).info("%s: %.1f %% left the truth out", draw_one.__name__, 100 * found)
    assert found <= 0.05


def test_an_interval_for_one_look_is_no_sequence() -> None:
    """What this is for: 1.96 standard errors, looked at 60 times, leave the truth out in a third of the runs."""
    draw, missed = np.random.default_rng(3), 0
    for _ in range(60):
        values, customer, look, truth = _rare(draw)
        looks = looks_of(values, customer, look, LOOKS)
        missed += bool((np.abs(looks.total - looks.rows * truth) > 1.96 * np.sqrt(looks.variance)).any())
    assert missed / 60 > 0.15


def test_a_difference_of_two_equal_arms_is_rarely_told() -> None:
    draw, missed = np.random.default_rng(4), 0
    for _ in range(60):
        values, customer, look, _ = _own_rates(draw)
        arms = [customer % 2 == arm for arm in (0, 1)]
        one, other = (looks_of(values[arm], customer[arm], look[arm], LOOKS) for arm in arms)
        missed += bool(difference(one, other, ALPHA, 2000.0).leave_out(0.0).any())
    assert missed / 60 <= 8 / 60
