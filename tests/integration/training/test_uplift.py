"""What ranking by uplift is worth, on simulated logs whose truth is known: CI one, `make prove` all."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from features.columns.arrow import columns_of
from features.columns.facts import FeatureColumns
from features.encoder import JourneyRow
from features.interactions import ModelFeatures
from features.values import FeatureRow, FeatureStatus, FeatureValue
from models.bundle import Bundle
from models.errors import BundleCorrupt
from models.scorer import Scorer
from models.silence import SILENCE_FILE, SilentRows
from models.trial import try_out
from tests.decision_logs import START
from tests.model_builders import NOW
from tests.silent_logs import COST, JOURNEYS, VALUE, SilentLog, logged
from training.learn.learn import Learnt, Settings, learn
from training.learn.plain import schema_of
from training.log.decisions import read_decisions
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.log.silent import silent_pairs
from training.parity import Parity, demand_parity

log = logging.getLogger("uplift")
LEAST_OF_THE_ORACLE = 0.9
ROWS = [JourneyRow(journey_id=name, kind="promotional", attributes={}) for name in JOURNEYS]


def learnt(table: pa.Table, folder: Path) -> Learnt:
    """As a company learns from its export."""
    file = folder / "log.parquet"
    pq.write_table(table, file)
    read = read_decisions(file, LogColumns())
    pairs = silent_pairs(LogFiles(file), LogColumns(), read.choices.journeys)
    settings = Settings(objective="met", by_probability=True, folds=3)
    return learn(read, schema_of(read), ModelFeatures(), settings, lambda stage: None, pairs)


def judged_by(source: SilentLog) -> FeatureColumns:
    """The features of those that the policies choose for."""
    table = source.judged.rename_columns([name.removeprefix("feature_") for name in source.judged.column_names])
    at = pa.array([START] * table.num_rows).cast(pa.timestamp("us", "UTC"))
    return columns_of(table.append_column("decided_at", at), list(table.column_names), "decided_at")


def best(priority: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each row (k, 3) the best that is worth more than nothing; -1 where none is."""
    return np.where(priority.max(axis=1) > 0.0, priority.argmax(axis=1), -1)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(1, marks=pytest.mark.timeout(120)),
        pytest.param(20, marks=(pytest.mark.proof, pytest.mark.timeout(0))),
    ],
)
def test_by_uplift_more_is_gained_than_by_outcome_and_most_of_what_could_be(seeds: int, tmp_path: Path) -> None:
    """By outcome those are shown something who come anyway, and it is the journey that comes most often anyway."""
    shares = []
    for seed in range(seeds):
        source = logged(seed, shown=24_000, silent=8_000)
        scorer, facts = Scorer(learnt(source.whole, tmp_path).bundle), judged_by(source)
        p_shown = np.column_stack([scorer.score_columns(facts, journey) for journey in ROWS])
        p_silent = np.column_stack([scorer.p_if_silent_columns(facts, journey) for journey in ROWS])
        by_outcome = source.gain(best(p_shown * VALUE - COST))
        by_uplift = source.gain(best((p_shown - p_silent) * VALUE - COST))
        oracle = source.gain(best((source.p_shown - source.p_silent) * VALUE - COST))
        shares.append(by_uplift / oracle)
        log.info(
            "seed %d: outcome %.3f, uplift %.3f, oracle %.3f: %.3f", seed, by_outcome, by_uplift, oracle, shares[-1]
        )
        assert by_outcome < by_uplift
    log.info("%d seeds: least %.3f, mean %.3f of the oracle's", seeds, min(shares), np.mean(shares))
    assert min(shares) >= LEAST_OF_THE_ORACLE


@pytest.fixture(scope="module")
def source() -> SilentLog:
    return logged(1, shown=4_000, silent=2_000, judged=200)


@pytest.fixture(scope="module")
def bundle(source: SilentLog, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return learnt(source.whole, tmp_path_factory.mktemp("uplift")).bundle


def row_of(facts: FeatureColumns, i: int) -> FeatureRow:
    """As a service has it."""
    return {
        name: FeatureValue(name=name, status=FeatureStatus.PRESENT, value=float(values[i]), event_time=NOW)
        for name, values in facts.numbers.items()
    }


def test_what_is_served_is_what_was_trained(source: SilentLog, bundle: Bundle, tmp_path: Path) -> None:
    """One by one as a service asks, many at once as training does; kept and read again it is the same."""
    facts = judged_by(source)
    bundle.save(tmp_path)
    again = Bundle.load(tmp_path)
    assert again.sha256 == bundle.sha256
    scorer = Scorer(again)
    assert scorer.silent == set(JOURNEYS)
    many = np.column_stack([Scorer(bundle).p_if_silent_columns(facts, journey) for journey in ROWS])
    one_by_one = np.array([scorer.p_if_silent(row_of(facts, i), NOW, ROWS) for i in range(50)])
    np.testing.assert_allclose(one_by_one, many[:50], rtol=0.0, atol=1e-9)
    assert scorer.p_if_silent({}, NOW, []).size == 0
    try_out(again)


def test_what_comes_of_silence_is_near_the_truth(source: SilentLog, bundle: Bundle) -> None:
    """From 2,000 silent decisions; the mean of each journey alone is off by 0.20."""
    facts = judged_by(source)
    told = np.column_stack([Scorer(bundle).p_if_silent_columns(facts, journey) for journey in ROWS])
    assert np.abs(told - source.p_silent).mean() < 0.06
    assert np.abs(told.mean(axis=0) - source.p_silent.mean(axis=0)).max() < 0.04


def test_a_bundle_says_what_it_was_learnt_from_and_one_without_is_as_before(
    source: SilentLog, bundle: Bundle, tmp_path: Path
) -> None:
    assert bundle.policy is not None
    found = bundle.policy.silence
    assert found is not None
    assert (found.learnt_from, found.customers, found.decisions, found.pairs) == (
        SilentRows.HOLDOUT,
        2_000,
        2_000,
        6_000,
    )
    came = sum(one["outcome_in_window"] for row in source.silent["eligible"].to_pylist() for one in row)
    assert found.met == came
    few = learnt(source.whole.slice(0, source.shown.num_rows + 100), tmp_path)
    assert few.about_silence.startswith("None: 100 decisions ended in silence")
    assert few.bundle.policy is not None
    assert "silence" not in few.bundle.policy.to_json()
    assert SILENCE_FILE not in few.bundle.parts
    assert Scorer(few.bundle).silent == frozenset()


def test_a_bundle_whose_model_of_silence_was_lost_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.policy is not None
    texts = {file: text for file, text in bundle.policy.texts.items() if file != SILENCE_FILE}
    replace(bundle, policy=replace(bundle.policy, texts=texts)).save(tmp_path)
    with pytest.raises(BundleCorrupt, match=SILENCE_FILE):
        Bundle.load(tmp_path)


def served(source: SilentLog, bundle: Bundle, folder: Path, off: float) -> LogFiles:
    """100 rows as a service exports them; what was told of silence in row 7 is off by so much."""
    scorer, facts = Scorer(bundle), judged_by(source)
    own = facts.take(np.arange(100))
    table = source.shown.slice(0, 100).drop_columns(["journey_id"])
    for column in source.judged.column_names:
        table = table.set_column(table.column_names.index(column), column, source.judged[column].slice(0, 100))
    cells = {
        "journey_id": ["b"] * 100,
        "p_outcome": scorer.score_columns(own, ROWS[1]),
        "p_if_silent": scorer.p_if_silent_columns(own, ROWS[1]) + np.where(np.arange(100) == 7, off, 0.0),
        "score_source": ["MODEL"] * 100,
        "model_version": [bundle.version] * 100,
    }
    for name, column in cells.items():
        table = table.append_column(name, pa.array(column))
    pq.write_table(table, folder / "served.parquet")
    return LogFiles(folder / "served.parquet")


def test_what_was_told_of_silence_is_told_again_and_one_that_was_another_is_named(
    source: SilentLog, bundle: Bundle, tmp_path: Path
) -> None:
    files = served(source, bundle, tmp_path, 1e-12)
    schema = schema_of(read_decisions(tmp_path / "served.parquet", LogColumns()))
    assert demand_parity(files, {bundle.version: bundle}.get, schema) == Parity(rescored=100)
    told = rf"row 7: p_if_silent: model {bundle.version} gives .* was served \(most follows from: x0"
    with pytest.raises(LogInvalid, match=told):
        demand_parity(served(source, bundle, tmp_path, 1e-6), {bundle.version: bundle}.get, schema)
