"""What a model is measured beside knows no more than the model did."""

from __future__ import annotations

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
