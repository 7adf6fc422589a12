"""Every estimator against values worked out by hand, and against the truth where a log holds it exactly."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import log_of
from training.off_policy.estimators import (
    ESTIMATORS,
    NoOverlap,
    clipped_ips,
    clustered_error,
    dm,
    dr,
    dr_shrinkage,
    ips,
    snips,
)
from training.off_policy.evidence import Evidence, evidence, evidence_of_logging
from training.off_policy.intervals import estimates
from training.off_policy.policies import constant, uniform

LOG = log_of([0, 1, 0, 1], [0.5, 0.125, 0.8, 0.5], [1.0, 3.0, 2.0, 4.0])
POLICY = np.array([[0.5, 0.5], [0.5, 0.5], [0.4, 0.6], [0.0, 1.0]])
MODEL = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0], [0.0, 3.0]])
SEEN = evidence(LOG, POLICY, MODEL)
"""w = 1, 4, 0.5, 2; modelled = 1, 2, 3, 3; expected = 1.5, 1.5, 1.8, 3."""
PAIRED = evidence(replace(LOG, customer=np.array([7, 7, 3, 3])), POLICY, MODEL)
"""The same, the first two rows of one customer, the last two of another."""


def test_dm_is_the_mean_of_what_the_model_expects() -> None:
    assert dm(SEEN).value == pytest.approx((1.5 + 1.5 + 1.8 + 3.0) / 4)


def test_ips_is_the_mean_of_weighted_rewards() -> None:
    assert ips(SEEN).value == pytest.approx((1 + 12 + 1 + 8) / 4)


def test_clipped_ips_clips_at_the_root_of_n() -> None:
    assert clipped_ips(SEEN).value == pytest.approx((1 + 2 * 3 + 1 + 8) / 4)


def test_snips_is_the_weighted_mean_of_rewards() -> None:
    assert snips(SEEN).value == pytest.approx(22 / 7.5)


def test_dr_corrects_the_model_by_weighted_residuals() -> None:
    assert dr(SEEN).value == pytest.approx((1.5 + (1.5 + 4) + (1.8 - 0.5) + (3 + 2)) / 4)


def test_the_error_of_a_mean_is_the_standard_deviation_over_root_n() -> None:
    assert clustered_error(ips(SEEN)) == pytest.approx(math.sqrt((4.5**2 + 6.5**2 + 4.5**2 + 2.5**2) / 3 / 4))


def test_the_error_of_clustered_rows_is_that_of_their_sums() -> None:
    assert clustered_error(ips(PAIRED)) == pytest.approx(math.sqrt(2 * (2**2 + 2**2)) / 4)


def test_the_error_of_snips_is_by_the_delta_method() -> None:
    squares = (29**2 + 4**2 + 7**2 + 32**2) / 15**2
    assert clustered_error(snips(SEEN)) == pytest.approx(math.sqrt(4 / 3 * squares) / 7.5)
    assert clustered_error(snips(PAIRED)) == pytest.approx(math.sqrt(2 * 2 * (25 / 15) ** 2) / 7.5)


def _naive_shrinkage(seen: Evidence) -> float:
    """The same words, number by number; every row another customer."""
    w, n = seen.weight.tolist(), seen.weight.size
    residual = (seen.reward - seen.modelled).tolist()
    roots = [max(w) ** (k / 7) for k in range(7, -1, -1)] if max(w) > 1 else [1.0]
    candidates = [w, *([root**2 * x / (x**2 + root**2) for x in w] for root in roots), [0.0] * n]
    losses, values = [], []
    for shrunk in candidates:
        scores = [e + x * r for e, x, r in zip(seen.expected.tolist(), shrunk, residual, strict=True)]
        values.append(sum(scores) / n)
        bias = sum((x - full) * r for x, full, r in zip(shrunk, w, residual, strict=True)) / n
        losses.append(bias**2 + sum((score - values[-1]) ** 2 for score in scores) / (n - 1) / n)
    return float(values[losses.index(min(losses))])


def test_shrinkage_is_chosen_by_its_estimated_error() -> None:
    assert dr_shrinkage(SEEN).value == pytest.approx(_naive_shrinkage(SEEN))
    rng = np.random.default_rng(3)
    chosen = set()
    for _ in range(30):
        weight = rng.exponential(size=40) ** rng.choice([0.1, 1.0, 4.0])
        noise = rng.choice([0.1, 3.0])
        seen = replace(
            evidence_of_logging(log_of([0, 1] * 20, [0.5] * 40, rng.normal(size=40).tolist())),
            weight=weight,
            modelled=rng.normal(size=40) * noise,
        )
        assert dr_shrinkage(seen).value == pytest.approx(_naive_shrinkage(seen))
        chosen.add(dr_shrinkage(seen).value == dr(seen).value)
    assert chosen == {True, False}


def test_one_huge_weight_is_shrunk() -> None:
    """One row in 200 has 100 times the weight; the correction that it alone makes is not believed in full."""
    n = 200
    log = log_of([0, 1] * (n // 2), [0.5] * (n - 1) + [0.005], [0.0, 1.0] * (n // 2))
    seen = evidence(log, uniform(log), np.full((n, 2), 0.5))
    assert clustered_error(dr_shrinkage(seen)) < 0.7 * clustered_error(dr(seen))
    assert dm(seen).value < dr_shrinkage(seen).value < dr(seen).value


def test_a_log_that_holds_the_truth_gives_it() -> None:
    """Each journey is shown as often as its propensity says, at rewards that are known: 2 for the first, 7 else."""
    log = log_of([0] + [1] * 4, [0.2] + [0.8] * 4, [2.0] + [7.0] * 4)
    policy = np.tile([0.6, 0.4], (5, 1))
    seen = evidence(log, policy, np.tile([-3.0, 11.0], (5, 1)))
    truth = 0.6 * 2 + 0.4 * 7
    assert [e(seen).value for e in (ips, snips, dr)] == pytest.approx([truth] * 3)
    assert dm(seen).value == pytest.approx(0.6 * -3 + 0.4 * 11)
    right = evidence(log, policy, np.tile([2.0, 7.0], (5, 1)))
    assert [e(right).value for e in (dm, dr, dr_shrinkage)] == pytest.approx([truth] * 3)
    assert clustered_error(dr(right)) == pytest.approx(0.0, abs=1e-15)


def test_the_policy_that_wrote_the_log_earned_its_mean_reward() -> None:
    told = estimates(evidence_of_logging(LOG))
    assert list(told) == list(ESTIMATORS)
    for estimate in told.values():
        assert estimate is not None
        assert estimate.value == pytest.approx(2.5)
        assert estimate.se == pytest.approx(LOG.reward.std(ddof=1) / 2)


def test_without_overlap_there_is_nothing_to_normalise_by() -> None:
    log = log_of([0, 0, 0], [0.5, 0.5, 0.5], [1.0, 2.0, 3.0])
    seen = evidence(log, constant(log, 1), np.ones((3, 2)))
    with pytest.raises(NoOverlap):
        snips(seen)
    told = estimates(seen)
    assert told["snips"] is None
    assert told["ips"] is not None
    assert told["ips"].value == 0.0
