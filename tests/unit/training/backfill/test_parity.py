"""What was served beside the history: figures that were worked out by hand."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.schema import FeatureType
from features.store.history import ARROW
from tests.model_builders import spec
from training.backfill.parity import FeatureParity, Tally, Verdict, differing_first, parity_csv

AT = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
KINDS = FeatureType
CASES: dict[str, tuple[FeatureType, list[Any], list[Any], float, float, float | None]] = {
    "numbers": (KINDS.DOUBLE, [1.0, 2.0, None, None], [1.0, 2.5, 3.0, None], 0.5, 0.25, 0.5),
    "within 1e-9": (KINDS.DOUBLE, [1e6, 1e6], [1e6 + 9e-4, 1e6 + 2e-3], 0.5, 0.0, 2e-3),
    "about zero": (KINDS.DOUBLE, [0.0, 0.0], [0.0, 1e-12], 0.5, 0.0, 1e-12),
    "whole numbers": (KINDS.INT, [2**53, 7], [2**53 + 1, 7], 0.5, 0.0, 1.0),
    "infinite, as a store may hold it": (
        KINDS.DOUBLE,
        [np.inf, -np.inf, 1.0, 2.0],
        [np.inf, np.inf, np.inf, 2.5],
        1 / 4,
        0.0,
        0.5,
    ),
    "at both ends": (KINDS.INT, [2**63 - 1, 5], [-(2**63), 5], 0.5, 0.0, 2.0**64),
    "flags": (KINDS.BOOL, [True, False, None], [True, True, None], 2 / 3, 0.0, None),
    "texts": (KINDS.STRING, ["a", "b", None], ["a", "B", "c"], 1 / 3, 1 / 3, None),
    "one second": (
        KINDS.TIMESTAMP,
        [AT, AT, AT],
        [AT + timedelta(microseconds=999_999), AT + timedelta(seconds=1), AT - timedelta(days=1)],
        1 / 3,
        0.0,
        86_400.0,
    ),
    "nothing in common": (KINDS.DOUBLE, [None, 1.0], [1.0, None], 0.0, 1.0, None),
}


def tallied(kind: FeatureType, served: list[Any], joined: list[Any], compared: list[bool]) -> FeatureParity:
    tally = Tally(spec("f", kind))
    decisions = pa.chunked_array([[f"d{i}" for i in range(len(served))]])
    for rows in (slice(0, 1), slice(1, None)):  # part after part
        tally.add(
            pa.array(served[rows], ARROW[kind]),
            pa.array(joined[rows], ARROW[kind]),
            np.array(compared[rows], dtype=bool),
            decisions[rows],
        )
    return tally.result()


@pytest.mark.parametrize("case", CASES)
def test_shares_and_the_largest_difference_are_those_worked_out_by_hand(case: str) -> None:
    kind, served, joined, equal, one_null, largest = CASES[case]
    found = tallied(kind, served, joined, [True] * len(served))
    assert found.rows == len(served)
    assert found.share_equal == pytest.approx(equal, abs=0)
    assert found.share_one_null == pytest.approx(one_null, abs=0)
    assert found.largest == (None if largest is None else pytest.approx(largest))
    assert found.verdict is Verdict.DIFFERS


def test_rows_that_are_not_compared_count_for_nothing_and_the_first_that_differs_is_named() -> None:
    found = tallied(KINDS.INT, [1, 2, 3, 4], [9, 2, 9, 8], [False, True, False, True])
    assert (found.rows, found.share_equal, found.largest, found.decision_id) == (2, 0.5, 4.0, "d3")
    nothing = tallied(KINDS.INT, [1], [2], [False])
    assert (nothing.rows, nothing.share_equal, nothing.verdict) == (0, None, Verdict.NOT_COMPARED)
    alike = tallied(KINDS.INT, [1], [1], [True])
    assert (alike.verdict, alike.largest, alike.decision_id) == (Verdict.ALIKE, 0.0, "")


def test_what_differs_most_comes_first_and_what_could_not_be_compared_last() -> None:
    alike = tallied(KINDS.INT, [1, 1], [1, 1], [True, True])
    half = tallied(KINDS.INT, [1, 1], [1, 2], [True, True])
    none = tallied(KINDS.INT, [1, 1], [1, 1], [False, False])
    assert differing_first([none, alike, half]) == [half, alike, none]


def test_the_file_has_a_row_a_feature_with_nothing_where_nothing_is_told() -> None:
    found = [
        tallied(KINDS.TIMESTAMP, [AT], [AT + timedelta(minutes=1)], [True]),
        tallied(KINDS.BOOL, [None], [None], [False]),
    ]
    rows = list(csv.DictReader(parity_csv(found).splitlines()))
    assert rows[0] == {
        "feature": "f",
        "view": "behaviour",
        "rows": "1",
        "share_equal": "0.0",
        "share_one_null": "0.0",
        "largest": "60.0",
        "unit": "s",
        "verdict": "differs",
        "decision_id": "d0",
    }
    assert (rows[1]["share_equal"], rows[1]["largest"], rows[1]["verdict"]) == ("", "", "not compared")
