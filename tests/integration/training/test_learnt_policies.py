"""What learnt policies are worth, on simulated logs whose truth is known: `make prove` plays all, CI a few."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.encoder import JourneyRow
from features.interactions import ModelFeatures
from models.bundle import Bundle
from models.learnt import LearntPolicy, RewardKind
from tests.decision_logs import SimulatedLog, simulated
from training.learn.boosting import Task, predict
from training.learn.crossfit import Design
from training.learn.folds import by_customer
from training.learn.learn import Settings, learn
from training.learn.plain import schema_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns
from training.score import scores_of

log = logging.getLogger("learnt")
MOST_LOST = 0.005
LEAST_KEPT = 0.9
MOST_REGRET = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A simulated log, and what was learnt of it: the values of the policy, and of the same without the guard."""

    simulated: SimulatedLog
    log: DecisionLog
    bundle: Bundle
    value: float
    unguarded: float

    @property
    def policy(self) -> LearntPolicy:
        assert self.bundle.policy is not None
        return self.bundle.policy


def played(source: SimulatedLog, folder: Path) -> Played:
    file = folder / "log.parquet"
    pq.write_table(source.table, file)
    read = read_decisions(file, LogColumns(features=source.features))
    bundle = learn(read, schema_of(read), ModelFeatures(), Settings(objective="met"), lambda stage: None).bundle
    policy = bundle.policy
    assert policy is not None
    free = replace(bundle, policy=replace(policy, guard=replace(policy.guard, margin=0.0)))
    return Played(
        simulated=source,
        log=read,
        bundle=bundle,
        value=source.value(scores_of(bundle, read.choices, None, None).probability),
        unguarded=source.value(scores_of(free, read.choices, None, None).probability),
    )


def by_squared_loss(one: Played) -> float:
    """The value of taking what a model of the mean, by squared loss, expects most of."""
    journeys = [JourneyRow(journey_id=name, kind="", attributes={}) for name in one.log.choices.journeys]
    design = Design(one.log, one.bundle.encoder, journeys, by_customer(one.log.customer, 2, 0), 0)
    booster = design.table().fit(Task(objective="regression"), one.log.reward, design.rows, 60)
    told = np.column_stack([predict(booster, design.beside(j, design.rows)) for j in range(len(journeys))])
    return one.simulated.value((told == told.max(axis=1, keepdims=True)).astype(np.float64))


def few_or_all(few: int, every: int) -> pytest.MarkDecorator:
    marks = (pytest.mark.proof, pytest.mark.timeout(0))
    return pytest.mark.parametrize(
        "logs", [pytest.param(few, marks=pytest.mark.timeout(120)), pytest.param(every, marks=marks)]
    )


@few_or_all(3, 200)
def test_without_heterogeneity_little_is_lost_against_the_best_constant(logs: int, tmp_path: Path) -> None:
    lost, left = [], 0
    for seed in range(logs):
        one = played(simulated(seed, rows=4000, spread=0.3, rows_a_customer=1 + seed % 3), tmp_path)
        lost.append(1.0 - one.value / one.simulated.best_constant)
        left += one.policy.guard.margin is not None
    log.info("%d logs: mean loss %.4f %%, the constant left in %d", logs, 100.0 * np.mean(lost), left)
    assert np.mean(lost) <= MOST_LOST


@few_or_all(3, 100)
def test_with_strong_heterogeneity_the_gain_is_kept(logs: int, tmp_path: Path) -> None:
    kept, could = [], []
    for seed in range(logs):
        one = played(simulated(seed, rows=3000, heterogeneity=1.0), tmp_path)
        kept.append(one.value - one.simulated.best_constant)
        could.append(one.unguarded - one.simulated.best_constant)
    share = float(np.sum(kept) / np.sum(could))
    log.info("%d logs: %.4f of the unguarded gain %.4f is kept", logs, share, np.mean(could))
    assert share >= LEAST_KEPT


@few_or_all(1, 50)
def test_rare_and_heavy_rewards_are_learnt_by_what_they_are(logs: int, tmp_path: Path) -> None:
    """1 % of the rows have a reward, lognormal."""
    chosen, squared, kinds = [], [], set()
    for seed in range(logs):
        one = played(simulated(seed, rows=20_000, heterogeneity=1.5, money=True, met_share=0.01), tmp_path)
        best = float(one.simulated.truth.max(axis=1).mean())
        chosen.append(best - one.value)
        squared.append(best - by_squared_loss(one))
        kinds.add(one.policy.reward.kind)
    log.info("%d logs: regret %.4f, of squared loss %.4f, by %s", logs, np.mean(chosen), np.mean(squared), kinds)
    assert np.mean(chosen) <= MOST_REGRET * np.mean(squared)
    assert kinds == {RewardKind.TWO_PART}
