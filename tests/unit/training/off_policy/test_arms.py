"""Rows of all arms as one log: the value of a policy with known truth, from decisions that the core has drawn."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from service.decision.arms import Arm, Arms
from service.decision.explore import Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.journey import NO_JOURNEY, JourneyKind
from tests.simulated_arms import ArmsLog, arms_log, plan_of
from training.evaluation import Question, View, evaluate_log, logged_of, of_slot, over, slates_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns
from training.off_policy.estimators import ips
from training.off_policy.intervals import Estimate, normal
from training.off_policy.support import support
from training.policy_table import policy_at

THREE = plan_of(Arms(shares={Arm.RANDOM: 0.1, Arm.CHALLENGER: 0.1}, salt="three"))
"""Champion 80, random 10, model 10."""
ALL = plan_of(
    Arms(shares={Arm.HOLDOUT: 0.1, Arm.RANDOM: 0.3, Arm.NO_LEVERS: 0.05, Arm.CHALLENGER: 0.15}, salt="all"),
    ExplorationPolicy(by_kind={JourneyKind.PROMOTIONAL: Exploration(scheme=Scheme.EPSILON, epsilon=0.2)}),
    Silence(value=0.05, threshold=0.0, is_explored=True),
)
AT_MOST = 0.7
"""Of the random arm's standard error that of the pooled log may be."""


def ips_of(log: DecisionLog, made: ArmsLog, place: Path) -> Estimate:
    """Of the challenger's order, as `rumbo evaluate` tells it."""
    policy = place / "policy.parquet"
    pq.write_table(made.policy(), policy)
    table = policy_at(policy, made.file, None, None)
    log = over(of_slot(log, None), [table])
    view = View(log, np.zeros(log.choices.eligible.shape), slates_of(log, None))
    return normal(ips(view.of_table(table)))


def of_arm(log: DecisionLog, made: ArmsLog, arm: Arm) -> DecisionLog:
    return log.where(np.array([made.rows[row]["arm"] == arm.value for row in log.row]))


def pooled_and_random(place: Path, seed: int, customers: int) -> tuple[Estimate, Estimate, float]:
    made = arms_log(place, THREE, seed, customers=customers)
    pooled = ips_of(read_decisions(made.file, LogColumns(), with_silence=True), made, place)
    own = read_decisions(made.file, LogColumns(propensity="propensity"), with_silence=True)
    return pooled, ips_of(of_arm(own, made, Arm.RANDOM), made, place), made.value(1)


def covers(found: Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


def test_all_arms_tell_a_policy_more_sharply_than_the_random_one_alone(tmp_path: Path) -> None:
    pooled, alone, truth = pooled_and_random(tmp_path, 0, 1200)
    assert covers(pooled, truth)
    assert covers(alone, truth)
    assert pooled.se <= AT_MOST * alone.se


def test_slates_of_all_arms_with_silence_cover_the_truth(tmp_path: Path) -> None:
    """Two slots; who is held out, or drew silence, was shown nothing: the joint over slots and arms counts them."""
    made = arms_log(tmp_path, ALL, 2, customers=1500, slots=2)
    log = read_decisions(made.file, LogColumns(), with_silence=True)
    assert covers(ips_of(log, made, tmp_path), made.value(2))
    shown_alone = read_decisions(made.file, LogColumns())
    assert not covers(ips_of(shown_alone, made, tmp_path), made.value(2)), "without silence it is of other decisions"
    table = policy_at(tmp_path / "policy.parquet", made.file, None, None)
    whole = over(of_slot(log, None), [table])
    found = support(logged_of(whole), table.on(whole.row, whole.choices.journeys), slates_of(whole, None))
    assert found.reasons == (), "the weights average 1, among other things"


def test_the_command_judges_by_all_arms(tmp_path: Path) -> None:
    """Its values are those above; silence is among the policies, and worth nothing here."""
    made = arms_log(tmp_path, ALL, 3, customers=800)
    policy = tmp_path / "policy.parquet"
    pq.write_table(made.policy(), policy)
    question = Question(log=made.file, policy=policy, columns=LogColumns(features=("visits",)))
    found = evaluate_log(question, lambda stage: None)
    log = read_decisions(made.file, LogColumns(), with_silence=True)
    told, expected = found.policies["model"]["ips"], ips_of(log, made, tmp_path)
    assert told is not None
    assert (told.value, told.se) == pytest.approx((expected.value, expected.se), rel=1e-12)
    assert found.policies[f"constant:{NO_JOURNEY}"]["ips"] is not None
    for estimator in ("ips", "snips", "dr"):
        of_model = found.policies["model"][estimator]
        assert of_model is not None
        assert of_model.low <= made.value(1) <= of_model.high, estimator


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_over_many_logs_the_pooled_interval_covers_as_often_as_it_says(tmp_path: Path) -> None:
    """200 logs of 2,000 customers: 95 % but for chance, and sharper in each."""
    found = [pooled_and_random(tmp_path, 100 + seed, 2000) for seed in range(200)]
    share = float(np.mean([covers(pooled, truth) for pooled, _, truth in found]))
    ratio = np.array([pooled.se / alone.se for pooled, alone, _ in found])
    bias = np.array([pooled.value - truth for pooled, _, truth in found])
    logging.getLogger(__name__).info(
        "covered %.3f; se ratio %.3f (%.3f to %.3f); bias %.5f ± %.5f",
        share,
        ratio.mean(),
        ratio.min(),
        ratio.max(),
        bias.mean(),
        bias.std(ddof=1) / np.sqrt(bias.size),
    )
    assert 0.90 <= share <= 0.985
    assert ratio.max() <= AT_MOST
    assert abs(bias.mean()) <= 4.0 * bias.std(ddof=1) / np.sqrt(bias.size)
