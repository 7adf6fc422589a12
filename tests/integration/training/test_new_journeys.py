"""A journey that no model has seen is expected to be worth what its kin are to the same customer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import Bundle
from tests.decision_logs import simulated
from training.from_log import Order, train_from_log
from training.log.options import LogColumns
from training.score import Scores, score_log

KINDS = {"j0": "service", "j1": "promotional", "j2": "promotional"}
NEW = {"new-offer": "promotional", "new-help": "service", "new-survey": "feedback", "unheard-of": None}


@pytest.fixture(scope="module")
def log() -> pa.Table:
    """In the form of the exported table."""
    table = simulated(7, rows=3000, heterogeneity=0.8).table
    names = [name for name in table.column_names if name.startswith(("x", "segment"))]
    journeys = table["journey_id"].to_pylist()
    sets = [[{"journey_id": name, "propensity": 1 / 3} for name in KINDS] for _ in journeys]
    more = {
        "decision_id": [f"d{i}" for i in range(len(journeys))],
        "rank": [1] * len(journeys),
        "kind": [KINDS[name] for name in journeys],
        "is_censored": [False] * len(journeys),
        "eligible": sets,
    }
    kept = table.select(["customer_id", "decided_at", "journey_id", "propensity", "reward"])
    for name, values in more.items():
        kept = kept.append_column(name, pa.array(values))
    for name in names:
        kept = kept.append_column(f"feature_{name}", table[name])
    return kept


def with_new_journeys(log: pa.Table) -> Iterator[dict[str, object]]:
    """The first rows show them, as far as their kind is known; the last could have no other."""
    shown = [name for name, kind in NEW.items() if kind is not None]
    for i, row in enumerate(log.to_pylist()[:100]):
        old = row["eligible"] if i < 99 else []
        sets = [*old, *({"journey_id": name, "propensity": 0.1} for name in NEW)]
        seen = {"journey_id": shown[i], "kind": NEW[shown[i]]} if i < len(shown) else {}
        yield {**row, **seen, "eligible": sets}


@pytest.fixture(scope="module")
def scores(log: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Scores:
    place = tmp_path_factory.mktemp("new")
    pq.write_table(log, place / "log.parquet")
    pq.write_table(pa.Table.from_pylist([*with_new_journeys(log)]), place / "later.parquet")
    bundle: Bundle = train_from_log(Order(log=place / "log.parquet", columns=LogColumns()), lambda stage: None).bundle
    return score_log(place / "later.parquet", bundle, None, None, None)


@pytest.mark.parametrize(
    ("journey", "kin"),
    [
        ("new-offer", ["j1", "j2"]),
        ("new-help", ["j0"]),
        ("new-survey", ["j0", "j1", "j2"]),
        ("unheard-of", ["j0", "j1", "j2"]),
    ],
)
def test_it_is_worth_what_its_kin_are_to_each(scores: Scores, journey: str, kin: list[str]) -> None:
    """Those of its kind; of all kinds where none is of it, or nothing says which it is."""
    of = {name: scores.value[:, place] for place, name in enumerate(scores.journeys)}
    np.testing.assert_allclose(of[journey], np.mean([of[name] for name in kin], axis=0))
    assert np.ptp(of[journey]) > 0.0


def test_it_is_taken_where_a_row_may_have_no_other(scores: Scores) -> None:
    """It has proved nothing, whatever is expected of it."""
    known = [scores.journeys.index(name) for name in KINDS]
    has_known = scores.eligible[:, known].any(axis=1)
    assert np.flatnonzero(~has_known).tolist() == [99]
    assert scores.probability[has_known][:, known].sum() == has_known.sum()
    assert scores.journeys[int(np.argmax(scores.probability[99]))] in NEW
