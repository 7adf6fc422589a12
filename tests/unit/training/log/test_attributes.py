"""What an exported log says of journeys reaches the models that learn from it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.log.decisions import read_decisions
from training.log.errors import LogInvalid
from training.log.options import LogColumns

SAID = [[("category", "food"), ("tone", "warm")], None, [("category", "drinks")], [], [("category", None)]]
SHOWN = ["basket", "basket", "basket", "survey", "survey"]
TEXTS = pa.map_(pa.string(), pa.string())


def exported(place: Path, attributes: pa.Array | None) -> Path:
    """A table with the columns of an export; its rows are of one decision each."""
    rows = len(SHOWN)
    columns = {
        "customer_id": [f"c{i}" for i in range(rows)],
        "decision_id": [f"d{i}" for i in range(rows)],
        "decided_at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * rows, pa.timestamp("us", "UTC")),
        "rank": [1] * rows,
        "journey_id": SHOWN,
        "kind": ["service", "survey", "feedback", "service", "service"],
        "propensity": [0.5] * rows,
        "eligible": [["basket", "survey", "tips"]] * rows,
        "reward": [0.0, 1.0, 0.0, 1.0, 0.0],
        "is_censored": [False] * rows,
        "feature_x": [1.0] * rows,
    }
    table = pa.table(columns) if attributes is None else pa.table({**columns, "attributes": attributes})
    pq.write_table(table, place / "log.parquet")
    return place / "log.parquet"


def test_a_journey_has_the_attributes_that_the_log_says_last(tmp_path: Path) -> None:
    log = read_decisions(exported(tmp_path, pa.array(SAID, TEXTS)), LogColumns())
    assert log.choices.journeys == ("basket", "survey", "tips")
    assert log.attributes == ({"category": "drinks"}, {}, {})
    assert log.kinds == ("feedback", "service", "")


def test_an_export_of_before_says_nothing_of_attributes(tmp_path: Path) -> None:
    assert read_decisions(exported(tmp_path, None), LogColumns()).attributes == ({}, {}, {})
    assert read_decisions(exported(tmp_path, pa.nulls(5)), LogColumns()).attributes == ({}, {}, {})


def test_attributes_that_are_no_maps_are_refused_by_column(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match=r"attributes: a column of maps is needed, this has texts, such as 'food'"):
        read_decisions(exported(tmp_path, pa.array(["food"] * 5)), LogColumns())
