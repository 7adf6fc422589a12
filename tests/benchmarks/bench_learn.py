"""What learning from a table costs: the limits are those of the issue, on two cores."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.columns.arrow import columns_of
from features.columns.encode import customer_matrix
from features.columns.facts import levels_of
from features.derived import Age, Formula
from features.encoder import Encoder
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from tests.benchmarks.results import tell
from tests.decision_logs import simulated
from training.learn.learn import Settings, learn
from training.log.decisions import Choices, DecisionLog
from training.off_policy.evidence import evidence
from training.off_policy.intervals import estimates
from training.off_policy.logged import Logged
from training.off_policy.policies import deterministic

ROWS, NUMBERS, TEXTS, AGES = 1_000_000, 40, 10, 10
LEVELS = tuple(f"level-{i:02}" for i in range(20))
YEAR_US = 365 * 86_400_000_000


def _spec(name: str, kind: FeatureType, formula: Formula | None = None) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="facts",
        type=kind,
        unit="",
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        formula=formula,
    )


SCHEMA = FeatureSchema(
    (
        *(_spec(f"number_{i}", FeatureType.DOUBLE) for i in range(NUMBERS)),
        *(_spec(f"text_{i}", FeatureType.STRING) for i in range(TEXTS)),
        *(_spec(f"instant_{i}", FeatureType.TIMESTAMP) for i in range(AGES)),
        *(_spec(f"age_{i}", FeatureType.DOUBLE, Formula(list(Age)[i % len(Age)], f"instant_{i}")) for i in range(AGES)),
    )
)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """A tenth of every column is null; the instants lie within twenty years before the decisions of one year."""
    draw = np.random.default_rng(1)
    at = np.datetime64("2026-01-01", "us") - draw.integers(0, YEAR_US, ROWS).astype("timedelta64[us]")
    columns = {"decided_at": pa.array(at)}
    for i in range(NUMBERS):
        columns[f"number_{i}"] = pa.array(draw.random(ROWS), mask=draw.random(ROWS) < 0.1)
    for i in range(TEXTS):
        codes = pa.array(draw.integers(0, len(LEVELS), ROWS, dtype=np.int32), mask=draw.random(ROWS) < 0.1)
        columns[f"text_{i}"] = pa.DictionaryArray.from_arrays(codes, pa.array(LEVELS))
    for i in range(AGES):
        instants = at - draw.integers(0, 20 * YEAR_US, ROWS).astype("timedelta64[us]")
        columns[f"instant_{i}"] = pa.array(instants, mask=draw.random(ROWS) < 0.1)
    return pa.table(columns)


def test_a_million_rows_of_sixty_columns_are_read_and_encoded_in_ten_seconds(table: pa.Table) -> None:
    """An age in three is of each function."""
    stored = [spec.name for spec in SCHEMA.features if not spec.is_derived]
    gc.collect()
    begins = process_time()
    columns = columns_of(table, stored, "decided_at")
    read = process_time()
    encoder = Encoder.fit_columns(levels_of(columns), [], SCHEMA, ModelFeatures())
    matrix = customer_matrix(encoder, columns)
    ends = process_time()
    assert matrix.shape == (ROWS, NUMBERS + TEXTS + AGES)
    tell("encoding, 1 M rows × 60, CPU", read_s=read - begins, encode_s=ends - read)
    assert ends - begins <= 10.0


def test_estimators_of_a_million_rows_and_ten_journeys_take_a_second() -> None:
    """By normal intervals, given the reward model."""
    draw, journeys = np.random.default_rng(2), 10
    logged = Logged(
        shown=draw.integers(0, journeys, ROWS),
        propensity=np.full(ROWS, 1.0 / journeys),
        reward=(draw.random(ROWS) < 0.05).astype(np.float64),
        customer=draw.integers(0, ROWS // 2, ROWS),
        eligible=np.ones((ROWS, journeys), dtype=np.bool_),
    )
    rewards, policy = draw.random((ROWS, journeys)), deterministic(draw.integers(0, journeys, ROWS), journeys)
    begins = process_time()
    told = estimates(evidence(logged, policy, rewards))
    ends = process_time()
    assert len(told) == 6
    tell("estimators, 1 M rows × 10 journeys, CPU", estimate_s=ends - begins)
    assert ends - begins <= 3.0


def test_learning_costs_little_beside_the_fits(table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million rows of sixty columns, three journeys: all that is done, by what LightGBM's own calls take."""
    fits: list[float] = []
    fit = lightgbm.train

    def timed(*arguments: Any, **named: Any) -> Any:
        begins = thread_time()
        made = fit(*arguments, **named)
        fits.append(thread_time() - begins)
        return made

    monkeypatch.setattr(lightgbm, "train", timed)
    log = _log(table)
    begins = process_time()
    learn(log, SCHEMA, ModelFeatures(), Settings(objective="met"), lambda stage: None)
    spent = process_time() - begins
    tell("learning, 1 M rows × 60, CPU", all_s=spent, fits_s=sum(fits), ratio=spent / sum(fits))
    assert spent <= 1.5 * sum(fits)


def _log(table: pa.Table) -> DecisionLog:
    """With a reward in twenty rows, by the first number and what was shown."""
    draw, journeys = np.random.default_rng(3), ("a", "b", "c")
    stored = [spec.name for spec in SCHEMA.features if not spec.is_derived]
    facts = columns_of(table, stored, "decided_at")
    shown = draw.integers(0, len(journeys), ROWS)
    chance = 0.02 + 0.03 * np.nan_to_num(facts.numbers["number_0"]) * (shown + 1) / len(journeys)
    return DecisionLog(
        path=Path("million"),
        choices=Choices(journeys=journeys, eligible=np.ones((ROWS, len(journeys)), dtype=np.bool_), features=facts),
        shown=shown,
        propensity=np.full(ROWS, 1.0 / len(journeys)),
        reward=(draw.random(ROWS) < chance).astype(np.float64),
        surrogate=None,
        customer=np.arange(ROWS),
        decided_at=facts.at,
        group=None,
        row=np.arange(ROWS),
        kinds=("",) * len(journeys),
        attributes=({},) * len(journeys),
        unknown=0,
    )


@pytest.mark.parametrize("command", ["train", "score", "evaluate"])
def test_the_commands_on_64000_rows(command: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten features and three journeys, by the clock, start included; each after those before it."""
    folder = tmp_path_factory.getbasetemp() / "commands"
    if not folder.exists():
        folder.mkdir()
        pq.write_table(simulated(1, rows=64_000, heterogeneity=1.0, more=3).table, folder / "log.parquet")
    features = ",".join([f"x{i}" for i in range(9)] + ["segment"])
    asked = {
        "train": (["--features", features, "--out", "bundle"], 30.0),
        "score": (["--model", "bundle", "--out", "scores.parquet"], 8.0),
        "evaluate": (["--model", "bundle", "--json"], 15.0),
    }
    arguments, at_most = asked[command]
    program = [sys.executable, "-P", "-m", "service.cli", command, "--log", "log.parquet", *arguments]
    begins = perf_counter()
    subprocess.run(program, cwd=folder, check=True, capture_output=True)
    taken = perf_counter() - begins
    tell(f"rumbo {command}, 64,000 rows × 10 × 3, clock", taken_s=taken)
    assert taken <= at_most
