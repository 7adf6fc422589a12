"""Intervals against their formulas, and against the errors of many logs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import log_of
from training.off_policy.estimators import Scores, ips, snips
from training.off_policy.evidence import evidence, evidence_of_logging
from training.off_policy.intervals import OneCustomer, bootstrap, empirical_bernstein, normal
from training.off_policy.policies import uniform

LOG = log_of([0, 1, 0, 1], [0.5] * 4, [1.0, 12.0, 1.0, 8.0])
SCORES = ips(evidence_of_logging(LOG))
"""Mean 5.5, variance 89 / 3."""


def _drawn(seed: int, n: int = 400) -> Scores:
    """SNIPS of weights and rewards that are not normal; five rows a customer, who alone decides the reward."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n // 5), 5)
    propensity = rng.choice([0.2, 0.5, 0.9], size=n)
    reward = rng.exponential(size=n // 5)[customer]
    log = log_of([0, 1] * (n // 2), propensity.tolist(), reward.tolist(), customer=customer.tolist())
    return snips(evidence(log, uniform(log), np.zeros((n, 2))))


def test_normal_is_the_value_and_1_96_errors() -> None:
    told = normal(SCORES)
    se = math.sqrt(89 / 3 / 4)
    assert (told.value, told.se) == pytest.approx((5.5, se))
    assert (told.low, told.high) == pytest.approx((5.5 - 1.959964 * se, 5.5 + 1.959964 * se))
    assert normal(SCORES, level=0.5).high == pytest.approx(5.5 + 0.6744898 * se)


def test_empirical_bernstein_is_the_bound_of_its_source() -> None:
    log_term = math.log(4 / 0.05)
    half = math.sqrt(2 * (89 / 3) * log_term / 4) + 7 * 11 * log_term / (3 * 3)
    told = empirical_bernstein(SCORES)
    assert (told.low, told.high) == pytest.approx((5.5 - half, 5.5 + half))
    wider = empirical_bernstein(SCORES, span=20.0)
    assert wider.high - told.high == pytest.approx(7 * 9 * log_term / 9)


def test_the_bootstrap_agrees_with_the_delta_method_on_many_customers() -> None:
    for seed in range(3):
        scores = _drawn(seed)
        told, by_normal = bootstrap(scores, seed=1, replicates=4000), normal(scores)
        assert told.value == by_normal.value
        assert told.se == pytest.approx(by_normal.se, rel=0.1)
        assert told.low == pytest.approx(by_normal.low, abs=0.5 * told.se)
        assert told.high == pytest.approx(by_normal.high, abs=0.5 * told.se)


def test_the_bootstrap_resamples_customers_and_not_rows() -> None:
    """Five equal rows of each customer say no more than one."""
    scores = _drawn(0)
    by_row = replace(scores, clusters=replace(scores.clusters, code=np.arange(400), count=400))
    assert bootstrap(scores, seed=1).se > 1.5 * bootstrap(by_row, seed=1).se


def test_a_seed_gives_the_same_bootstrap_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = _drawn(2)
    at_once = bootstrap(scores, seed=5, replicates=100)
    assert bootstrap(scores, seed=6, replicates=100) != at_once
    monkeypatch.setattr("training.off_policy.intervals.DRAWN_AT_ONCE", 7 * scores.clusters.count)
    assert bootstrap(scores, seed=5, replicates=100) == at_once


def test_of_one_customer_no_error_can_be_told() -> None:
    one = ips(evidence_of_logging(replace(LOG, customer=np.zeros(4, dtype=np.int64))))
    for interval in (normal, empirical_bernstein):
        with pytest.raises(OneCustomer):
            interval(one)
    with pytest.raises(OneCustomer):
        bootstrap(one, seed=1)
