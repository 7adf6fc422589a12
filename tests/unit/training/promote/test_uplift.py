"""Where journeys are ranked by uplift, who would have come anyway is no gain of what he was shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.decision_logs import START
from training.evaluation import View, of_slot, slates_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns
from training.off_policy.difference import difference
from training.off_policy.intervals import normal
from training.promote.uplift import whatever_was_shown
from training.reward_model import reward_model

Row = dict[str, Any]
MET = pa.list_(pa.struct([("journey_id", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("worth", pa.float64())]))


def exported(place: Path, rows: Sequence[Row]) -> DecisionLog:
    """Rows with what they leave out; `met` as (journey, hours, worth)."""
    stamp = pa.timestamp("us", tz="UTC")
    at = pa.array([START] * len(rows)).cast(stamp)
    met = [
        None
        if row["met"] is None
        else [
            {"journey_id": j, "at": START.item() + h * np.timedelta64(1, "h").item(), "worth": w}
            for j, h, w in row["met"]
        ]
        for row in rows
    ]
    table = pa.table(
        {
            "decision_id": [row["decision"] for row in rows],
            "customer_id": [row["decision"] for row in rows],
            "decided_at": at,
            "rank": [row.get("rank", 1) for row in rows],
            "journey_id": [row["journey"] for row in rows],
            "kind": ["loyalty"] * len(rows),
            "propensity": [0.5] * len(rows),
            "eligible": [[{"journey_id": one, "kind": "loyalty"} for one in ("moved", "plain")]] * len(rows),
            "reward": [row["reward"] for row in rows],
            "is_censored": [False] * len(rows),
            "met_in_windows": pa.array(met, MET),
            "feature_sure": [row.get("sure", 0.0) for row in rows],
        }
    )
    pq.write_table(table, place / "log.parquet")
    return of_slot(read_decisions(place / "log.parquet", LogColumns(features=("sure",))), None)


def test_what_a_customer_did_counts_once_in_the_last_slot_whatever_was_shown(tmp_path: Path) -> None:
    twice = [("moved", 1, 9.0), ("other", 1, 7.0), ("moved-too", 1, 10.0), ("moved-too", 5, 2.0)]
    log = exported(
        tmp_path,
        [
            {"decision": "a", "rank": 1, "journey": "moved", "reward": 9.0, "met": twice},
            {"decision": "a", "rank": 2, "journey": "plain", "reward": 3.0, "met": twice},
            {"decision": "b", "journey": "plain", "reward": 3.0, "met": []},
            {"decision": "c", "journey": "moved", "reward": 0.0, "met": [("other", 1, 7.0)]},
            {"decision": "d", "journey": "plain", "reward": 3.0, "met": None},
        ],
    )
    told = whatever_was_shown(log, {"moved", "moved-too"})
    assert told.row.tolist() == [0, 1, 2, 3]
    assert told.reward.tolist() == [0.0, 15.0, 3.0, 0.0]
    assert whatever_was_shown(log, ()) is log


@pytest.mark.parametrize("seed", [1, 2])
def test_showing_it_to_whom_it_moves_is_found_better_than_to_who_comes_anyway(tmp_path: Path, seed: int) -> None:
    """Half buy with 0.6, shown or not; the others with 0.1, and 0.4 if shown. The truth is 0.15 x 10 a decision."""
    draw, rows = np.random.default_rng(seed), list[Row]()
    for i in range(4000):
        is_sure, is_moved = bool(draw.random() < 0.5), bool(draw.random() < 0.5)
        buys = draw.random() < (0.6 if is_sure else 0.4 if is_moved else 0.1)
        liked = not is_moved and draw.random() < 0.2
        rows.append(
            {
                "decision": f"d{i}",
                "journey": "moved" if is_moved else "plain",
                "reward": 10.0 * buys if is_moved else 2.0 * liked,
                "met": [("moved", 1, 10.0)] if buys else [],
                "sure": float(is_sure),
            }
        )
    log = exported(tmp_path, rows)

    def told(judged: DecisionLog) -> tuple[float, float]:
        """By how much it is better to show it to those who are moved, and the standard error."""
        view = View(judged, reward_model(judged, 0), slates_of(judged, None))
        is_sure = judged.choices.features.numbers["sure"] == 1.0
        by_uplift = np.stack([~is_sure, is_sure], axis=1).astype(np.float64)
        found = normal(difference(view.of(by_uplift), view.of(by_uplift[:, ::-1])))
        return found.value, found.se

    value, se = told(whatever_was_shown(log, {"moved"}))
    assert value == pytest.approx(1.5, abs=3.0 * se)
    assert value > 3.0 * se
    by_contacts, se = told(log)
    assert by_contacts < -3.0 * se  # who comes anyway would be the gain
