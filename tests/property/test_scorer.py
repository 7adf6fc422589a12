"""What serves is what was learnt: one customer scored is a row of the table scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.columns.arrow import columns_of
from features.encoder import RowsAsked
from features.interactions import ModelFeatures
from features.values import FeatureRow, FeatureStatus, FeatureValue
from models.bundle import Bundle
from models.learnt import RewardKind
from models.scorer import Scorer
from models.valuation import Valuation, row_of
from tests.decision_logs import simulated
from training.learn.learn import Settings, learn
from training.learn.plain import schema_of
from training.log.decisions import read_decisions
from training.log.options import LogColumns

NUMBERS = tuple(f"x{i}" for i in range(6))


@pytest.fixture(scope="module", params=["binary", "money"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Learnt by P(met) from 3,000 rows in which journeys differ, with a model of its own for one of them."""
    made = simulated(5, rows=3000, heterogeneity=1.0, money=request.param == "money", met_share=0.3)
    file = Path(tmp_path_factory.mktemp("log")) / "log.parquet"
    pq.write_table(made.table, file)
    log = read_decisions(file, LogColumns(features=made.features))
    settings = Settings(objective="met", by_probability=True)
    found = learn(log, schema_of(log), ModelFeatures(), settings, lambda stage: None).bundle
    policy = found.policy
    assert policy is not None
    first, *others = policy.journeys
    own = replace(first, text="own-0.txt")
    texts = {**policy.texts, "own-0.txt": policy.texts.get("own-0.txt", found.model_text)}
    return replace(found, policy=replace(policy, journeys=(own, *(replace(j, text=None) for j in others)), texts=texts))


@given(
    numbers=st.lists(st.one_of(st.none(), st.floats(-5.0, 5.0)), min_size=6, max_size=6),
    segment=st.sampled_from([None, "s0", "s1", "s2", "s3", "strange"]),
)
def test_a_score_is_p_met(bundle: Bundle, numbers: list[float | None], segment: str | None) -> None:
    """To 1e-12, journeys with a model of their own among them, in any order, and columns at once."""
    policy = bundle.policy
    assert policy is not None
    assert policy.reward.kind in (RewardKind.BINARY, RewardKind.TWO_PART)
    facts = {**dict(zip(NUMBERS, numbers, strict=True)), "segment": segment}
    at = pa.scalar(1_767_225_600_000_000, pa.timestamp("us", "UTC"))
    table = pa.table({"at": pa.array([at.as_py()], at.type), **{name: [value] for name, value in facts.items()}})
    columns = columns_of(table, tuple(facts), "at", categorical=("segment",))
    expected = [Valuation(bundle).p_met(columns, journey)[0] for journey in policy.journeys]
    row: FeatureRow = {
        name: FeatureValue(
            name=name,
            status=FeatureStatus.NULL if value is None else FeatureStatus.PRESENT,
            value=value,
            event_time=at.as_py(),
        )
        for name, value in facts.items()
    }
    scorer, journeys = Scorer(bundle), [row_of(journey) for journey in policy.journeys]
    np.testing.assert_allclose(scorer.score(row, at.as_py(), journeys), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(scorer.score(row, at.as_py(), journeys[::-1]), expected[::-1], rtol=0, atol=1e-12)
    alone = [scorer.score(row, at.as_py(), part) for part in (journeys, journeys[::-1], [], journeys[:2])]
    together = scorer.score_many(
        [RowsAsked(row=row, at=at.as_py(), journeys=part) for part in (journeys, journeys[::-1], [], journeys[:2])]
    )
    assert [part.tobytes() for part in together] == [part.tobytes() for part in alone]
    told = [scorer.score_columns(columns, journey)[0] for journey in journeys]
    np.testing.assert_allclose(told, expected, rtol=0, atol=1e-12)
