"""What serving customers' own values is worth, on simulated logs whose truth is known: CI one, `make prove` all."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
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
from models.learnt import AMOUNT_FILE, LearntPolicy, RewardKind
from models.scorer import Scorer
from models.trial import try_out
from models.valuation import Valuation
from tests.decision_logs import FIXED_VALUE, LEARNED_AND_FIXED, START, ValuedLog, valued
from tests.model_builders import NOW
from training.learn.learn import Settings, learn
from training.learn.plain import schema_of
from training.log.decisions import read_decisions
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.parity import Parity, demand_parity

log = logging.getLogger("own-values")
LEAST_OF_THE_ORACLE = 0.8
MEAN_VALUE = 20.0 * (10.0**0.5 - 10.0**-0.5) / np.log(10.0)
"""Of 20 x 10^(x / 2) over x from -1 to 1: the best that can be said of a learned value without knowing the customer."""
ROWS = 12_000


def learnt(table: pa.Table, folder: Path) -> Bundle:
    """As a company learns from its export."""
    file = folder / "log.parquet"
    pq.write_table(table, file)
    read = read_decisions(file, LogColumns())
    settings = Settings(objective="met", by_probability=True, folds=3)
    return learn(read, schema_of(read), ModelFeatures(), settings, lambda stage: None).bundle


def policy_of(bundle: Bundle) -> LearntPolicy:
    assert bundle.policy is not None
    return bundle.policy


def judged_by(source: ValuedLog) -> FeatureColumns:
    """The features of those that the policies choose for."""
    table = source.judged.rename_columns([name.removeprefix("feature_") for name in source.judged.column_names])
    at = pa.array([START] * table.num_rows).cast(pa.timestamp("us", "UTC"))
    return columns_of(table.append_column("decided_at", at), list(table.column_names), "decided_at")


def rows_of(columns: FeatureColumns, count: int) -> list[FeatureRow]:
    """The first of them, as a service has them."""
    return [
        {
            name: FeatureValue(name=name, status=FeatureStatus.PRESENT, value=float(values[i]), event_time=NOW)
            for name, values in columns.numbers.items()
        }
        for i in range(count)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What three policies take of `a`, `b` and `c` for each customer, by what a service multiplies."""

    fixed: NDArray[np.int64]
    own: NDArray[np.int64]
    oracle: NDArray[np.int64]


def chosen(source: ValuedLog, bundle: Bundle) -> Choices:
    scorer, facts = Scorer(bundle), judged_by(source)
    journeys = [JourneyRow(journey_id=name, kind="promotional", attributes={}) for name in LEARNED_AND_FIXED]
    p_met = np.column_stack([scorer.score_columns(facts, journey) for journey in journeys])
    own = np.column_stack(
        [scorer.value_columns(facts, journeys[j]) for j in (0, 1)] + [np.full(facts.size, FIXED_VALUE)]
    )
    return Choices(
        fixed=(p_met * np.array([MEAN_VALUE, MEAN_VALUE, FIXED_VALUE])).argmax(axis=1),
        own=(p_met * own).argmax(axis=1),
        oracle=(source.p_met * source.value).argmax(axis=1),
    )


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(1, marks=pytest.mark.timeout(120)),
        pytest.param(20, marks=(pytest.mark.proof, pytest.mark.timeout(0))),
    ],
)
def test_own_values_bring_most_of_what_could_be_gained_over_fixed_ones(seeds: int, tmp_path: Path) -> None:
    """Values vary tenfold between customers, and single amounts scatter lognormally around them."""
    shares = []
    for seed in range(seeds):
        source = valued(seed, rows=ROWS)
        choices = chosen(source, learnt(source.table, tmp_path))
        fixed, own, oracle = (source.worth(one) for one in (choices.fixed, choices.own, choices.oracle))
        shares.append((own - fixed) / (oracle - fixed))
        log.info("seed %d: fixed %.3f, own %.3f, oracle %.3f: %.3f of the gain", seed, fixed, own, oracle, shares[-1])
    log.info("%d seeds: least %.3f, mean %.3f of the oracle's gain", seeds, min(shares), np.mean(shares))
    assert min(shares) >= LEAST_OF_THE_ORACLE


@pytest.fixture(scope="module")
def source() -> ValuedLog:
    return valued(1, rows=6_000, judged=200)


@pytest.fixture(scope="module")
def bundle(source: ValuedLog, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return learnt(source.table, tmp_path_factory.mktemp("own"))


def test_what_is_served_is_what_was_trained(source: ValuedLog, bundle: Bundle) -> None:
    """One by one as a service asks, many at once as training does, and the reward of the bundle by its P(met)."""
    scorer, valuation, facts = Scorer(bundle), Valuation(bundle), judged_by(source)
    rewards = valuation.rewards(facts)
    assert scorer.valued == {"a", "b"}
    for j, name in enumerate(("a", "b")):
        journey = JourneyRow(journey_id=name, kind="promotional", attributes={})
        many = scorer.value_columns(facts, journey)
        one_by_one = [scorer.values(row, NOW, [journey])[0] for row in rows_of(facts, 50)]
        p_met = valuation.p_met(facts, valuation.policy.journeys[j])
        np.testing.assert_allclose(one_by_one, many[:50], rtol=0.0, atol=1e-9)
        np.testing.assert_allclose(rewards[:, j] / p_met, many, rtol=0.0, atol=1e-9)


def test_a_journey_of_a_fixed_value_keeps_it_where_amounts_are_learnt_from_others(
    source: ValuedLog, bundle: Bundle
) -> None:
    valuation, facts = Valuation(bundle), judged_by(source)
    fixed = valuation.policy.journeys[2]
    assert (fixed.journey_id, fixed.factor, fixed.value) == ("c", None, FIXED_VALUE)
    expected = valuation.p_met(facts, fixed) * FIXED_VALUE
    np.testing.assert_allclose(valuation.rewards(facts)[:, 2], expected, rtol=0.0, atol=1e-9)


def test_each_journeys_amounts_come_to_what_they_came_to(source: ValuedLog, bundle: Bundle) -> None:
    """`b` scatters more widely than `a`: e^(0.5 - 0.125) times as much lies between mean and median, as is known."""
    a, b, _ = policy_of(bundle).journeys
    assert a.factor is not None
    assert b.factor is not None
    assert b.factor / a.factor == pytest.approx(np.exp(0.5 - 0.125), rel=0.15)


def test_a_bundle_with_own_values_comes_back_as_it_was(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    again = Bundle.load(tmp_path)
    assert again.version == bundle.version
    assert policy_of(again).journeys == policy_of(bundle).journeys


def test_a_bundle_whose_amounts_lost_their_model_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    policy = policy_of(bundle)
    texts = {file: text for file, text in policy.texts.items() if file != AMOUNT_FILE}
    replace(bundle, policy=replace(policy, texts=texts)).save(tmp_path)
    with pytest.raises(BundleCorrupt, match="amounts of its own"):
        Bundle.load(tmp_path)


def test_a_bundle_with_own_values_is_tried_with_them(bundle: Bundle) -> None:
    """One whose values overflow is refused before it serves."""
    try_out(bundle)
    policy = policy_of(bundle)
    journeys = tuple(replace(journey, factor=1e308) for journey in policy.journeys)
    with pytest.raises(BundleCorrupt, match="no amount"):
        try_out(replace(bundle, policy=replace(policy, journeys=journeys)))


def served_log(source: ValuedLog, bundle: Bundle, folder: Path, value_off: float) -> Path:
    """50 rows of each journey as a service exports them; the value of row 7, which is of `a`, is off by so much."""
    scorer, facts = Scorer(bundle), judged_by(source)
    tables = []
    for place, name in enumerate(LEARNED_AND_FIXED):
        journey = JourneyRow(journey_id=name, kind="promotional", attributes={})
        own = facts.take(np.arange(50 * place, 50 * place + 50))
        values = scorer.value_columns(own, journey) if name != "c" else np.full(50, FIXED_VALUE)
        served = {
            "p_outcome": scorer.score_columns(own, journey),
            "score_source": ["MODEL"] * 50,
            "value": values + np.where((np.arange(50) == 7) & (name == "a"), value_off, 0.0),
            "value_source": ["FIXED" if name == "c" else "MODEL"] * 50,
            "model_version": [bundle.version] * 50,
        }
        table = source.table.slice(0, 50).drop_columns(["journey_id", "value", "value_source"])
        for column in source.judged.column_names:
            part = source.judged[column].slice(50 * place, 50)
            table = table.set_column(table.column_names.index(column), column, part)
        for column, cells in {"journey_id": [name] * 50, **served}.items():
            table = table.append_column(column, pa.array(cells))
        tables.append(table)
    pq.write_table(pa.concat_tables(tables), folder / "served.parquet")
    return folder / "served.parquet"


def test_values_that_were_served_are_told_again_and_one_that_was_another_is_named(
    source: ValuedLog, bundle: Bundle, tmp_path: Path
) -> None:
    schema = schema_of(read_decisions(served_log(source, bundle, tmp_path, 0.0), LogColumns()))
    alike = demand_parity(LogFiles(served_log(source, bundle, tmp_path, 1e-12)), {bundle.version: bundle}.get, schema)
    assert alike == Parity(rescored=150)
    told = rf"row 7: value: model {bundle.version} gives .* was served \(most follows from: x0"
    with pytest.raises(LogInvalid, match=told):
        demand_parity(LogFiles(served_log(source, bundle, tmp_path, 1e-6)), {bundle.version: bundle}.get, schema)


def test_days_of_before_there_were_learned_values_do_not_hide_those_of_after(
    source: ValuedLog, bundle: Bundle, tmp_path: Path
) -> None:
    """A day stays as it was exported once its events are gone: such files have no column that came later."""
    before, after = source.table.slice(0, 100), source.table.slice(100)
    pq.write_table(after, tmp_path / "after.parquet")
    alone = read_decisions(tmp_path / "after.parquet", LogColumns()).worth
    pq.write_table(before.drop_columns(["value_source"]), tmp_path / "before.parquet")
    (tmp_path / "log").mkdir()
    for name in ("after", "before"):
        (tmp_path / f"{name}.parquet").rename(tmp_path / "log" / f"{name}.parquet")
    both = read_decisions(tmp_path / "log", LogColumns()).worth
    assert alone is not None
    assert both is not None
    assert alone.is_own.any()
    assert both.is_own.tolist() == [*alone.is_own, *[False] * 100]
    assert both.served.tolist() == pytest.approx(alone.served.tolist(), nan_ok=True)

    served = served_log(source, bundle, tmp_path, 1e-6).rename(tmp_path / "log" / "after.parquet")
    pq.write_table(pq.read_table(served).drop_columns(["value_source"]), tmp_path / "log" / "before.parquet")
    with pytest.raises(LogInvalid, match=r"after.parquet: row 7: value: "):
        demand_parity(
            LogFiles(tmp_path / "log"),
            {bundle.version: bundle}.get,
            schema_of(read_decisions(tmp_path / "log", LogColumns())),
        )


@pytest.mark.parametrize(
    ("why", "rows"),
    [("too few were met", 300), ("all rewards are what was served", 6_000), ("no value is learned", 6_000)],
)
def test_without_amounts_that_tell_anything_no_value_is_told(why: str, rows: int, tmp_path: Path) -> None:
    """300 rows have 80 rewards of three journeys, of each fewer than 50."""
    table = valued(1, rows=rows, judged=1).table
    if why == "all rewards are what was served":
        served = np.where(np.array(table["reward"]) > 0.0, 22.0, 0.0)
        table = table.set_column(table.column_names.index("reward"), "reward", pa.array(served))
    if why == "no value is learned":
        fixed = pa.array(["FIXED"] * rows)
        table = table.set_column(table.column_names.index("value_source"), "value_source", fixed)
    bundle = learnt(table, tmp_path)
    assert Scorer(bundle).valued == frozenset()
    assert {(journey.factor, journey.value) for journey in policy_of(bundle).journeys} == {(None, FIXED_VALUE)}
    assert policy_of(bundle).reward.kind is RewardKind.BINARY
    assert AMOUNT_FILE not in policy_of(bundle).texts
