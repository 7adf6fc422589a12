"""What differences prove at any look: false promotions, Holm by hand, how many decisions more."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.monitor.sequence import Looks, looks_of
from training.promote.proof import ALPHA, FEWEST_CUSTOMERS, decisions_needed, level_of, proofs

DAYS = 60


def looks_at(values: NDArray[np.float64], each: int) -> Looks:
    """Of (R, n) values, a customer a row, at each `each` rows: R times n / each looks, run after run."""
    n = np.arange(each, values.shape[1] + 1, each, dtype=np.float64)
    at = n.astype(np.int64) - 1
    total, squares = np.cumsum(values, axis=1)[:, at], np.cumsum(values**2, axis=1)[:, at]
    variance = n / (n - 1.0) * (squares - total**2 / n)
    rows = np.broadcast_to(n, total.shape)
    flat = [part.ravel() for part in (rows, total, variance, rows)]
    return Looks(rows=flat[0], total=flat[1], variance=flat[2], customers=flat[3], effective=flat[3])


def paired(draw: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Differences of two policies that are worth the same: 0 where they agree, weighted and rare where they do not."""
    agree = draw.random(shape) < 0.7
    shown = draw.random(shape) < 0.25
    residual = 4.0 * shown * ((draw.random(shape) < 0.1) - 0.1)
    return np.where(agree, 0.0, residual * np.where(draw.random(shape) < 0.5, 1.0, -1.0))


def test_looks_by_hand_are_those_of_the_sequence() -> None:
    values = paired(np.random.default_rng(0), (1, 600))
    ours = looks_at(values, 100)
    theirs = looks_of(values[0], np.arange(600), np.repeat(np.arange(6), 100), 6)
    for part in ("rows", "total", "variance", "customers", "effective"):
        np.testing.assert_allclose(getattr(ours, part), getattr(theirs, part), rtol=1e-9)


@pytest.mark.parametrize(
    ("runs", "a_day"), [(200, 50), pytest.param(1000, 200, marks=[pytest.mark.proof, pytest.mark.timeout(600)])]
)
def test_two_equal_policies_looked_at_every_day_are_promoted_in_one_run_of_twenty_at_most(
    runs: int, a_day: int
) -> None:
    looks = looks_at(paired(np.random.default_rng(1), (runs, DAYS * a_day)), a_day)
    found = proofs(looks, 0.0)
    ever = (found.low > 0.0).reshape(runs, DAYS).any(axis=1)
    assert ever.mean() <= ALPHA
    fixed = found.value - 1.96 * np.sqrt(looks.variance) / looks.rows > 0.0
    assert fixed.reshape(runs, DAYS).any(axis=1).mean() > 2 * ALPHA  # what an ordinary interval would have promoted


def test_the_p_value_is_below_a_level_where_the_interval_of_that_level_is_above_the_limit() -> None:
    looks = looks_at(paired(np.random.default_rng(2), (40, 6000)) + 0.02, 100)
    for limit in (0.0, 0.01):
        p = proofs(looks, limit).p
        for level in (0.05, 0.025, 0.01):
            np.testing.assert_array_equal(proofs(looks, limit, level).low > limit, p < level)


def test_few_customers_prove_nothing() -> None:
    looks = looks_at(np.full((1, FEWEST_CUSTOMERS - 1), 1.0) + np.arange(FEWEST_CUSTOMERS - 1) * 1e-6, 99)
    found = proofs(looks, 0.0)
    assert (found.low[0], found.p[0]) == (-np.inf, 1.0)


def test_equal_policies_differ_by_nothing_and_prove_nothing() -> None:
    found = proofs(looks_at(np.zeros((1, 500)), 500), 0.0)
    assert (found.value[0], found.low[0], found.high[0], found.p[0]) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("own", "others", "level"),
    [
        (0.04, (), 0.05),
        (0.04, (0.9,), 0.025),
        (0.04, (0.01,), 0.05),  # the other is rejected at 0.025, so this one is alone
        (0.04, (0.03,), 0.025),  # the other is not
        (0.02, (0.01, 0.5), 0.025),  # 0.01 at 0.05 / 3, then this one at 0.05 / 2
        (0.001, (0.01, 0.5), 0.05 / 3),
        (0.04, (0.001, 0.02), 0.05),  # 0.001 at 0.05 / 3, 0.02 at 0.05 / 2, then alone
    ],
)
def test_further_challengers_on_the_same_rows_tighten_the_level_by_holm(
    own: float, others: tuple[float, ...], level: float
) -> None:
    assert level_of(own, others) == pytest.approx(level)


def test_as_many_decisions_more_as_are_told_would_prove_it_and_one_less_would_not() -> None:
    value, spread, rows = 0.02, 0.5, 1000.0
    more = decisions_needed(value, spread**2 * rows, rows, 0.0)
    assert more is not None

    def low(count: float) -> float:
        looks = Looks(
            rows=np.array([count]),
            total=np.array([value * count]),
            variance=np.array([spread**2 * count]),
            customers=np.array([count]),
            effective=np.array([count]),
        )
        return float(proofs(looks, 0.0).low[0])

    assert low(rows + more) > 0.0 >= low(rows + more - 2)


def test_as_many_decisions_settle_that_it_is_worse_as_that_it_is_better() -> None:
    better = decisions_needed(0.07, 250.0, 1000.0, 0.05)
    assert better is not None
    assert decisions_needed(0.03, 250.0, 1000.0, 0.05) == pytest.approx(better, abs=1)


@pytest.mark.parametrize("limit", [0.0, 0.05])
def test_no_number_of_decisions_settles_what_is_the_limit(limit: float) -> None:
    assert decisions_needed(limit, 1000.0, 1000.0, limit) is None


@pytest.mark.parametrize(("effective", "more"), [(5.0, 190), (50.0, 10), (200.0, 1)])
def test_what_few_customers_seem_to_prove_waits_for_more_of_them(effective: float, more: int) -> None:
    """Ten decisions that are all alike: sums of fewer than 100 customers prove nothing."""
    assert decisions_needed(1.0, 0.0, 10.0, 0.0, effective=effective) == more
