"""A company whose journeys all have fixed values learns P(met), and weighs it by what its catalogue says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.encoder import JourneyRow
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureType
from models.bundle import Bundle
from models.learnt import AMOUNT_FILE, LearntPolicy, RewardKind
from models.predictions import DECIDED_AT, JOURNEY, P_OUTCOME, REWARD, VALUE, Predictor
from models.scorer import Scorer
from models.tracking import Registry, client_of
from models.valuation import Valuation
from tests.decision_logs import FIXED_VALUES, START, PricedLog, priced
from tests.model_builders import NOW, spec
from training.card import card_of
from training.company import CompanyModels
from training.from_log import Order, Trained, train_from_log
from training.learn.measures import MODEL
from training.learn.own_values import fixed_values
from training.learn.ranking import auc, brier
from training.learn.slices import Role
from training.log.decisions import read_decisions
from training.log.options import LogColumns
from training.register import register
from training.run_files import GAINS, write_files
from training.score import score_log

ROWS = 6_000
SCHEMA = FeatureSchema(tuple(spec(f"x{i}", FeatureType.DOUBLE) for i in range(3)))
COMPANY = CompanyModels(
    schema=SCHEMA, model=ModelFeatures(), monotone={}, group="journey_id", sensitive=frozenset(), objective="met"
)
VALUES = np.array(list(FIXED_VALUES.values()))


@pytest.fixture(scope="module")
def source() -> PricedLog:
    return priced(3, rows=ROWS)


@pytest.fixture(scope="module")
def log(source: PricedLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fixed") / "log.parquet"
    pq.write_table(source.table, file)
    return file


@pytest.fixture(scope="module")
def order(log: Path) -> Order:
    return Order(log=log, columns=LogColumns(), folds=3, company=COMPANY)


@pytest.fixture(scope="module")
def trained(order: Order) -> Trained:
    return train_from_log(order, lambda stage: None)


@pytest.fixture(scope="module")
def bundle(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """As it was written and read again."""
    folder = tmp_path_factory.mktemp("bundle")
    trained.bundle.save(folder)
    again = Bundle.load(folder)
    assert again.version == trained.bundle.version
    return again


def policy_of(bundle: Bundle) -> LearntPolicy:
    assert bundle.policy is not None
    return bundle.policy


def test_there_is_no_model_of_amounts_and_no_factor_but_each_journeys_own_value(bundle: Bundle) -> None:
    policy = policy_of(bundle)
    assert (policy.reward.kind, policy.reward.factor) == (RewardKind.BINARY, 1.0)
    assert AMOUNT_FILE not in policy.texts
    assert {one.journey_id: (one.factor, one.value) for one in policy.journeys} == {
        name: (None, value) for name, value in FIXED_VALUES.items()
    }
    assert Scorer(bundle).valued == frozenset(), "what is served is the catalogue's"


def test_score_tells_p_met_times_the_value_of_the_catalogue(source: PricedLog, log: Path, bundle: Bundle) -> None:
    """Exactly, by the P(met) that is served; and on average what a row of each really brings, within its noise."""
    scores, scorer = score_log(log, bundle, None, None, None), Scorer(bundle)
    facts = read_decisions(log, LogColumns()).choices.features
    shown = np.array(source.table["journey_id"])
    for j, (name, value) in enumerate(FIXED_VALUES.items()):
        served = scorer.score_columns(facts, JourneyRow(journey_id=name, kind="promotional", attributes={}))
        assert (scores.value[:, j] == served * value).all()
        p = source.p_met[:, j]
        noise = value * np.sqrt((p * (1.0 - p)).mean() / (shown == name).sum())
        assert abs(scores.value[:, j].mean() - value * p.mean()) < 3.0 * noise
    assert scores.journeys == tuple(FIXED_VALUES)


def asked(source: PricedLog, journeys: list[str]) -> pd.DataFrame:
    facts = {name: np.array(source.table[f"feature_{name}"])[: len(journeys)] for name in ("x0", "x1", "x2")}
    return pd.DataFrame({**facts, JOURNEY: journeys, DECIDED_AT: START})


def test_mlflow_is_told_the_value_of_the_catalogue_and_none_of_a_journey_that_is_unknown(
    source: PricedLog, bundle: Bundle
) -> None:
    told = Predictor(bundle).predict(asked(source, ["call", "card", "loan", "other"]))
    assert told[VALUE].tolist() == [1.0, 10.0, 500.0, None]
    known = told.iloc[:3].astype(float)
    assert (known[REWARD] == known[P_OUTCOME] * VALUES).all()
    assert told[REWARD][3] is None
    assert told[P_OUTCOME].notna().all()


def test_a_model_is_judged_by_p_met_alone(trained: Trained) -> None:
    """Not by money, which is one journey's: of that nothing but the loss of the reward is told."""
    judged = trained.judged
    assert judged.p_met is not None
    is_met = (judged.log.reward != 0.0).astype(np.float64)
    found, of_all = judged.by_name[MODEL], trained.figures
    assert (found.auc, found.brier) == (auc(is_met, judged.p_met), brier(is_met, judged.p_met))
    assert (of_all.rate, of_all.observed) == (is_met.mean(), is_met.mean())
    assert of_all.expected == judged.p_met.mean()
    assert of_all.observed_to_expected == pytest.approx(is_met.mean() / judged.p_met.mean())
    assert of_all.ece < 0.05
    np.testing.assert_array_equal(judged.expected, judged.p_met * VALUES[judged.log.shown])
    (by_kind,) = (one for one in trained.slices if one.role is Role.KIND)
    assert [figures for _, figures in by_kind.told] == [of_all]
    card = card_of(trained)
    assert "times as often it was met as was expected" in card
    assert "loss of the reward ↓" in card


def test_the_run_has_its_auc_in_its_name_and_gains_where_propensities_were_drawn(
    order: Order, trained: Trained, tmp_path: Path
) -> None:
    registry = Registry(home=tmp_path / "home", experiment="bank", model="bank")
    register(registry, order, trained, SCHEMA, NOW)
    with client_of(registry) as client:
        (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert f"AUC {trained.judged.by_name[MODEL].auc:.3f}" in str(run.info.run_name)
    write_files(tmp_path / "files", trained)
    assert (tmp_path / "files" / GAINS).exists()


def read(table: pa.Table, place: Path) -> Mapping[str, float]:
    """What `fixed_values` says of each journey."""
    pq.write_table(table, place / "log.parquet")
    log = read_decisions(place / "log.parquet", LogColumns())
    values = fixed_values(log)
    assert values is not None
    return dict(zip(log.choices.journeys, values.tolist(), strict=True))


def changed(table: pa.Table, name: str, cells: list[object]) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(cells))


def test_a_value_is_what_was_served_last_then_what_came_and_else_the_mean_of_the_others(tmp_path: Path) -> None:
    """`card` was worth 7 before; of `loan` the log does not say it, and it brought 500; `never` was never shown."""
    table = priced(5, rows=600).table
    shown = table["journey_id"].to_pylist()
    first = shown.index("card")
    table = changed(table, "value", [7.0 if i == first else v for i, v in enumerate(table["value"].to_pylist())])
    table = changed(table, "value_source", [None if one == "loan" else "FIXED" for one in shown])
    table = changed(table, "eligible", [[*FIXED_VALUES, "never"]] * 600)
    known = {"call": 1.0, "card": 10.0, "loan": 500.0}
    assert read(table, tmp_path) == {**known, "never": pytest.approx(511.0 / 3.0)}


def test_a_log_that_says_no_values_says_none(tmp_path: Path) -> None:
    table = priced(5, rows=60).table
    pq.write_table(changed(table, "value_source", pa.nulls(60, pa.string()).to_pylist()), tmp_path / "log.parquet")
    log = read_decisions(tmp_path / "log.parquet", LogColumns())
    assert fixed_values(log) is None
    assert fixed_values(replace(log, worth=None)) is None


def test_the_policy_weighs_as_it_scores(log: Path, bundle: Bundle) -> None:
    """What the bundle expects of all journeys at once is what it says of one after the other."""
    facts = read_decisions(log, LogColumns()).choices.features
    valuation = Valuation(bundle)
    for j, journey in enumerate(policy_of(bundle).journeys):
        assert (valuation.rewards(facts)[:, j] == valuation.p_met(facts, journey) * VALUES[j]).all()
