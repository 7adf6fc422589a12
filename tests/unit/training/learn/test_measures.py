"""What a model is measured beside knows no more than the model did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from features.interactions import ModelFeatures
from tests.decision_logs import simulated
from training.learn.learn import Learnt, Settings, learn
from training.learn.measures import Judged, measure, measured
from training.learn.plain import schema_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DecisionLog:
    """Thirty journeys that bring the same, with some fifty rows each: their means seen before tell the rewards."""
    source = simulated(11, rows=1500, journeys=30, spread=0.0)
    file = tmp_path_factory.mktemp("measures") / "log.parquet"
    pq.write_table(source.table, file)
    return read_decisions(file, LogColumns(features=source.features))


@pytest.fixture(scope="module")
def learnt(log: DecisionLog) -> Learnt:
    return learn(log, schema_of(log), ModelFeatures(), Settings(objective="met"), lambda stage: None)


@pytest.fixture(scope="module")
def judged(learnt: Learnt, log: DecisionLog) -> Judged:
    return measure(learnt, log, None, ["rate:segment", "rate:x0"])


def rates(codes: NDArray[np.int64], log: DecisionLog, part: NDArray[np.int64]) -> NDArray[np.float64]:
    """Row by row, the mean reward of the others' parts with the same code; of all of them where there is none."""
    told = []
    for code, own in zip(codes, part, strict=True):
        others = part != own
        same = others & (codes == code)
        told.append(log.reward[same if same.any() else others].mean())
    return np.array(told)


@pytest.mark.parametrize("name", ["journey", "rate:segment"])
def test_a_baseline_is_told_by_the_rows_of_other_folds(
    name: str, judged: Judged, learnt: Learnt, log: DecisionLog
) -> None:
    codes = log.shown if name == "journey" else log.choices.features.texts["segment"].codes.astype(np.int64)
    by_hand = measured(log.reward, rates(codes, log, learnt.folds.number), log.shown)
    assert judged.by_name[name].as_dict() == pytest.approx(by_hand.as_dict())


def test_so_thirty_equal_journeys_seem_less_unequal(judged: Judged, log: DecisionLog) -> None:
    """By rows that it had seen a rate ranks them as if they differed."""
    seen_before = np.array([log.reward[log.shown == journey].mean() for journey in log.shown])
    assert judged.by_name["journey"].auc < measured(log.reward, seen_before, log.shown).auc - 0.05


def test_a_number_is_cut_in_tenths(judged: Judged, learnt: Learnt, log: DecisionLog) -> None:
    x = log.choices.features.numbers["x0"]
    tenths = np.searchsorted(np.quantile(x, np.arange(1, 10) / 10), x)
    by_hand = measured(log.reward, rates(tenths, log, learnt.folds.number), log.shown)
    assert judged.by_name["rate:x0"].as_dict() == pytest.approx(by_hand.as_dict())


def test_rewards_of_several_values_are_ranked_by_the_probabilities_told_beside_them() -> None:
    """Both that were met stand above the others; Brier by hand: (0.01 + 0.04 + 0.16 + 0.16) / 4."""
    reward, p_met = np.array([0.0, 5.0, 0.0, 2.0]), np.array([0.1, 0.8, 0.4, 0.6])
    found = measured(reward, 3.0 * p_met, np.zeros(4, np.int64), p_met)
    assert [found.auc, found.brier] == pytest.approx([1.0, 0.0925])
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.6, 0.6]).mean())
    without = measured(reward, 3.0 * p_met, np.zeros(4, np.int64))
    assert np.isnan([without.auc, without.log_loss, without.brier]).all()
    assert found.loss == without.loss


def test_where_rewards_have_one_value_the_probability_is_what_was_expected_over_it() -> None:
    reward, expected = np.array([0.0, 5.0, 0.0, 5.0]), np.array([0.5, 4.0, 2.0, 3.0])
    found = measured(reward, expected, np.zeros(4, np.int64))
    assert found.brier == pytest.approx(0.0925)


def test_a_probability_that_was_told_counts_also_where_one_value_alone_came() -> None:
    """The journey worth 500 was never met here, so what it was expected to bring is no multiple of what came."""
    reward, p_met = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.8, 0.4, 0.6])
    found = measured(reward, np.array([500.0, 1.0, 500.0, 1.0]) * p_met, np.zeros(4, np.int64), p_met)
    assert [found.auc, found.brier] == pytest.approx([1.0, 0.0925])


def test_what_was_told_of_a_surrogate_is_judged_as_often_as_there_was_a_reward(log: DecisionLog) -> None:
    """Of every row with a reward one more has the surrogate: on average half of what is told of that comes true."""
    more = np.flatnonzero(log.reward == 0.0)[: np.count_nonzero(log.reward)]
    surrogate = log.reward.copy()
    surrogate[more] = 1.0
    denser = replace(log, surrogate=surrogate)
    asked = Settings(objective="met", by_probability=True)
    judged = measure(learn(denser, schema_of(log), ModelFeatures(), asked, lambda stage: None), denser, None, [])
    assert judged.p_met is not None
    assert judged.p_met.mean() == pytest.approx((log.reward != 0.0).mean(), rel=0.1)


@pytest.mark.parametrize("is_held_out", [False, True])
def test_a_company_s_model_is_judged_by_the_probability_that_it_tells(log: DecisionLog, is_held_out: bool) -> None:
    """Journeys worth 1 or 4: of so few that were met P(met) alone is learnt, and rewards are its multiple."""
    rows = np.concatenate([np.flatnonzero(log.reward == 0.0)[:300], np.flatnonzero(log.reward)[:40]])
    few = log.where(rows)
    worth = replace(few, reward=np.where(few.reward > 0.0, np.where(few.shown % 2, 4.0, 1.0), 0.0))
    test = worth if is_held_out else None
    learnt = learn(
        worth, schema_of(worth), ModelFeatures(), Settings(objective="met", by_probability=True), lambda stage: None
    )
    judged = measure(learnt, worth, test, [])
    assert judged.p_met is not None
    assert learnt.bundle.policy is not None
    assert judged.expected == pytest.approx(learnt.bundle.policy.reward.factor * judged.p_met)
    is_met = (judged.reward > 0.0).astype(np.float64)
    assert judged.by_name["model"].auc == measured(is_met, judged.p_met, judged.log.shown).auc
    share = np.full(worth.size, is_met.mean())
    constant = judged.by_name["constant"].log_loss
    assert constant == pytest.approx(measured(is_met, share, judged.log.shown).log_loss, rel=0.02)
