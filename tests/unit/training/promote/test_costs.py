"""What saying something costs, of every journey that a row could have had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.decision_logs import START
from training.log.decisions import read_decisions
from training.log.options import LogColumns
from training.promote.costs import costs_of


def test_of_an_exported_log_costs_are_those_of_the_actions_as_served(tmp_path: Path) -> None:
    sets: list[list[tuple[str, float | None]]] = [[("a", 0.5), ("b", 0.25)], [("b", 0.125)], [("a", None), ("b", 1.0)]]
    table = pa.table(
        {
            "decision_id": ["d0", "d1", "d2"],
            "customer_id": ["c", "c", "d"],
            "decided_at": pa.array([START] * 3).cast(pa.timestamp("us", "UTC")),
            "rank": [1, 1, 1],
            "journey_id": ["a", "b", "b"],
            "kind": ["loyalty"] * 3,
            "propensity": [0.5, 1.0, 0.5],
            "eligible": [[{"journey_id": name, "cost": cost} for name, cost in own] for own in sets],
            "reward": [1.0, None, 0.0],
            "is_censored": [False, True, False],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    log = read_decisions(tmp_path / "log.parquet", LogColumns())
    assert log.row.tolist() == [0, 2]
    np.testing.assert_array_equal(costs_of(log, {"a": 9.0}), [[0.5, 0.25], [0.0, 1.0]])


def test_of_a_plain_log_costs_are_those_that_were_said(tmp_path: Path) -> None:
    table = pa.table(
        {
            "customer_id": ["c", "d"],
            "decided_at": pa.array([START] * 2).cast(pa.timestamp("us", "UTC")),
            "journey_id": ["a", "b"],
            "propensity": [0.5, 0.5],
            "reward": [1.0, 0.0],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    log = read_decisions(tmp_path / "log.parquet", LogColumns())
    np.testing.assert_array_equal(costs_of(log, {"b": 0.5, "gone": 2.0}), [[0.0, 0.5]] * 2)
