"""What a log says of two policies: paired, exact where they are equal, and silent where it is thin."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import OTHER, POLICY, log_of, simulated
from training.off_policy.difference import Gain, decisions_needed, difference, gain
from training.off_policy.estimators import clustered_error, dr
from training.off_policy.evidence import evidence, evidence_of_logging
from training.off_policy.intervals import Estimate, normal
from training.off_policy.policies import constant, uniform
from training.off_policy.support import support

LOG = log_of([0, 1, 0, 1], [0.5, 0.25, 0.5, 0.5], [1.0, 3.0, 2.0, 4.0])
MODEL = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0], [0.0, 3.0]])


def test_a_difference_is_that_of_dr_scores_row_by_row() -> None:
    """Always the second: 2, 2 + 4 · 1, 1, 3 + 2 · 1. Uniform: 1.5, 1.5 + 2 · 1, 2 − 1, 1.5 + 1. Weights 0, 4, 0, 2."""
    one, other = (evidence(LOG, p, MODEL) for p in (constant(LOG, 1), uniform(LOG)))
    rows = np.array([2 - 1.5, 6 - 3.5, 1 - 1.0, 5 - 2.5])
    told = normal(difference(one, other))
    assert told.value == pytest.approx(rows.mean())
    assert told.se == pytest.approx(rows.std(ddof=1) / 2)


def test_against_the_logging_policy_rewards_count_as_they_are() -> None:
    rows = np.array([2, 6, 1, 5]) - LOG.reward
    told = normal(difference(evidence(LOG, constant(LOG, 1), MODEL), evidence_of_logging(LOG)))
    assert told.value == pytest.approx(rows.mean())
    assert told.se == pytest.approx(rows.std(ddof=1) / 2)


def test_equal_policies_differ_by_exactly_nothing() -> None:
    log = simulated(1)
    told = [evidence(log.logged, log.policy(POLICY), log.reward_model) for _ in range(2)]
    assert normal(difference(*told)) == Estimate(value=0.0, se=0.0, low=0.0, high=0.0)


def test_a_paired_difference_is_surer_than_two_values() -> None:
    log = simulated(2)
    mixed = 0.5 * (log.policy(POLICY) + log.policy(OTHER))
    one, other = (evidence(log.logged, p, log.reward_model) for p in (log.policy(POLICY), mixed))
    apart = np.hypot(clustered_error(dr(one)), clustered_error(dr(other)))
    assert clustered_error(difference(one, other)) < 0.5 * apart


def _told(value: float, se: float) -> Estimate:
    return Estimate(value=value, se=se, low=value - 1.96 * se, high=value + 1.96 * se)


def test_a_gain_is_proven_by_an_interval_that_leaves_out_nothing_gained() -> None:
    assert gain(_told(1.0, 0.5)) is Gain.PROVEN_BETTER
    assert gain(_told(-1.0, 0.5)) is Gain.PROVEN_WORSE
    assert gain(_told(1.0, 0.6)) is Gain.NOT_ENOUGH_EVIDENCE
    assert gain(_told(0.0, 0.0)) is Gain.NOT_ENOUGH_EVIDENCE


def test_a_thin_log_proves_nothing() -> None:
    ok, thin = (
        support(log, uniform(log)) for log in (log_of([0, 1] * n, [0.5] * 2 * n, [0.0] * 2 * n) for n in (99, 9))
    )
    assert (ok.verdict, thin.verdict) == ("ok", "thin")
    assert gain(_told(1.0, 0.1), ok, ok) is Gain.PROVEN_BETTER
    assert gain(_told(1.0, 0.1), ok, thin) is Gain.NOT_ENOUGH_EVIDENCE
    assert gain(_told(-1.0, 0.1), thin) is Gain.NOT_ENOUGH_EVIDENCE


def test_decisions_needed_grow_with_the_square_of_the_error() -> None:
    """z(0.975) + z(0.8) = 2.801585; its square 7.848880."""
    assert decisions_needed(_told(1.0, 1.0), 1000) == 6849
    assert decisions_needed(_told(-0.5, 1.0), 1000) == 30396
    assert decisions_needed(_told(1.0, 0.1), 1000) == 0
    assert decisions_needed(_told(0.0, 1.0), 1000) is None


def test_with_the_decisions_needed_four_logs_in_five_tell() -> None:
    rng = np.random.default_rng(5)
    value, se, n = 0.3, 0.4, 500
    more = decisions_needed(_told(value, se), n)
    assert more is not None
    later = se * np.sqrt(n / (n + more))
    assert np.mean(rng.normal(value, later, size=100_000) > 1.96 * later) == pytest.approx(0.8, abs=0.01)
