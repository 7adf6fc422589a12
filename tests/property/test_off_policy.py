"""What holds of every log and policy: estimators know no order of rows, and equal policies do not differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.off_policy.arrays import Integers, Matrix
from training.off_policy.difference import difference
from training.off_policy.estimators import ESTIMATORS, NoOverlap, Scores, dm, dr, ips, snips
from training.off_policy.evidence import Evidence, evidence, evidence_of_logging
from training.off_policy.intervals import Estimate, empirical_bernstein, estimates, normal
from training.off_policy.logged import Logged
from training.off_policy.policies import checked
from training.off_policy.support import share_without_support, support


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    logged: Logged
    policy: Matrix
    reward_model: Matrix

    @property
    def seen(self) -> Evidence:
        return evidence(self.logged, self.policy, self.reward_model)

    def take(self, rows: Integers) -> Case:
        return Case(logged=self.logged.take(rows), policy=self.policy[rows], reward_model=self.reward_model[rows])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """2 to 12 rows of 2 to 4 journeys, at least two customers; the whole distribution is known."""
    journeys, n = draw(st.integers(2, 4)), draw(st.integers(2, 12))
    leaning = st.lists(st.integers(0, 4), min_size=journeys, max_size=journeys).filter(any)
    numbers = st.lists(st.integers(-30, 30), min_size=journeys, max_size=journeys)
    logging, policy = (np.zeros((n, journeys)) for _ in range(2))
    model, shown = np.zeros((n, journeys)), np.zeros(n, dtype=np.int64)
    for row in range(n):
        lean = np.array(draw(leaning), dtype=np.float64)
        logging[row] = lean / lean.sum()
        shown[row] = draw(st.sampled_from(np.flatnonzero(lean).tolist()))
        lean = np.array(draw(leaning), dtype=np.float64)
        policy[row] = lean / lean.sum()
        model[row] = np.array(draw(numbers)) / 10
    logged = Logged(
        shown=shown,
        propensity=logging[np.arange(n), shown],
        reward=np.array(draw(st.lists(st.integers(-50, 50), min_size=n, max_size=n))) / 8,
        customer=np.array([0, 1, *draw(st.lists(st.integers(0, 5), min_size=n - 2, max_size=n - 2))]),
        eligible=np.ones((n, journeys), dtype=np.bool_),
        propensities=logging,
    )
    return Case(logged=logged.validated(), policy=checked(policy, logged), reward_model=model)


def _near(told: Estimate | None) -> object:
    return None if told is None else pytest.approx((told.value, told.se, told.low, told.high), rel=1e-9, abs=1e-9)


def _numbers(told: Estimate | None) -> tuple[float, float, float, float] | None:
    return None if told is None else (told.value, told.se, told.low, told.high)


@given(cases())
def test_equal_policies_differ_by_exactly_nothing(case: Case) -> None:
    again = replace(case, policy=case.policy.copy())
    assert normal(difference(case.seen, again.seen)) == Estimate(value=0.0, se=0.0, low=0.0, high=0.0)


@given(cases())
def test_the_logging_policy_earned_the_mean_reward(case: Case) -> None:
    for told in estimates(evidence_of_logging(case.logged)).values():
        assert told is not None
        assert told.value == pytest.approx(case.logged.reward.mean(), abs=1e-12)


@given(cases())
def test_a_policy_equal_to_the_logged_distribution_has_weight_one(case: Case) -> None:
    assert case.logged.propensities is not None
    seen = replace(case, policy=case.logged.propensities).seen
    assert seen.weight.tolist() == [1.0] * case.logged.rows
    assert ips(seen).value == pytest.approx(case.logged.reward.mean(), abs=1e-12)
    assert share_without_support(case.logged, case.logged.propensities) == pytest.approx(
        case.logged.propensities[:, np.bincount(case.logged.shown, minlength=case.logged.journeys) == 0].sum()
        / case.logged.rows
    )


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_says_nothing(case: Case, random: object) -> None:
    order = list(range(case.logged.rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = case.take(np.array(order))
    for interval in (normal, empirical_bernstein):
        told, shuffled = estimates(case.seen, interval), estimates(other.seen, interval)
        for name in ESTIMATORS:
            assert _numbers(shuffled[name]) == _near(told[name]), name
    one, two = support(case.logged, case.policy), support(other.logged, other.policy)
    assert (two.ess, two.max_weight, two.share_without_support) == pytest.approx(
        (one.ess, one.max_weight, one.share_without_support)
    )
    assert two.reasons == one.reasons


@given(cases())
def test_rows_told_twice_by_the_same_customers_say_nothing_new(case: Case) -> None:
    twice = case.take(np.tile(np.arange(case.logged.rows), 2))
    for estimator in (dm, ips, snips, dr):
        try:
            once = normal(estimator(case.seen))
        except NoOverlap:
            continue
        assert _numbers(normal(estimator(twice.seen))) == _near(once), estimator.__name__


@given(cases(), st.integers(-5, 5))
def test_a_bonus_on_every_reward_is_a_bonus_on_the_self_normalised_value(case: Case, bonus: int) -> None:
    richer = replace(case, logged=replace(case.logged, reward=case.logged.reward + bonus))
    try:
        before = normal(snips(case.seen))
    except NoOverlap:
        return
    after = normal(snips(richer.seen))
    assert after.value == pytest.approx(before.value + bonus, abs=1e-9)
    assert after.se == pytest.approx(before.se, abs=1e-9)


@given(cases())
def test_dr_with_the_right_rewards_is_the_direct_method(case: Case) -> None:
    """Where the model knows each shown reward there is nothing to correct."""
    known = case.reward_model.copy()
    known[np.arange(case.logged.rows), case.logged.shown] = case.logged.reward
    seen = replace(case, reward_model=known).seen
    assert dr(seen).value == pytest.approx(dm(seen).value, abs=1e-12)


@given(cases())
def test_influence_sums_to_nothing_and_the_value_lies_inside(case: Case) -> None:
    for estimator in ESTIMATORS.values():
        try:
            scores: Scores = estimator(case.seen)
        except NoOverlap:
            continue
        assert scores.influence.sum() == pytest.approx(0.0, abs=1e-9)
        told = normal(scores)
        assert told.low <= told.value <= told.high
