"""Which rows of a log tell what comes of silence, and what they tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.log.files import LogFiles
from training.log.options import LogColumns
from training.log.silent import SilentPairs, silent_pairs

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = pa.schema(
    {
        "decision_id": pa.string(),
        "customer_id": pa.string(),
        "decided_at": pa.timestamp("us", "UTC"),
        "rank": pa.int32(),
        "journey_id": pa.string(),
        "kind": pa.string(),
        "propensity": pa.float64(),
        "propensity_over_arms": pa.float64(),
        "arm": pa.string(),
        "eligible": pa.list_(
            pa.struct({"journey_id": pa.string(), "place": pa.string(), "outcome_in_window": pa.bool_()})
        ),
        "window_ends_at": pa.timestamp("us", "UTC"),
        "windows_end_at": pa.timestamp("us", "UTC"),
        "reward": pa.float64(),
        "is_censored": pa.bool_(),
        "feature_spend": pa.float64(),
    }
)


def row(decision: str, journey: str = "NO_JOURNEY", kind: str | None = None, /, **cells: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "decision_id": decision,
        "customer_id": f"c{decision}",
        "decided_at": AT,
        "rank": 1,
        "journey_id": journey,
        "kind": kind,
        "propensity": 1.0,
        "propensity_over_arms": 0.25,
        "arm": "HOLDOUT",
        "eligible": [],
        "window_ends_at": AT + 7 * DAY,
        "reward": 0.0,
        "is_censored": False,
        "feature_spend": 1.0,
    }
    return {**usual, **cells}


def may(journey: str, met: bool | None, place: str = "ELIGIBLE") -> dict[str, Any]:
    return {"journey_id": journey, "place": place, "outcome_in_window": met}


def read(folder: Path, *rows: dict[str, Any], without: tuple[str, ...] = ()) -> SilentPairs | None:
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA).drop_columns(list(without))
    pq.write_table(table, folder / "log.parquet")
    return silent_pairs(LogFiles(folder / "log.parquet"), LogColumns(), ("a", "b", "c"))


def told(pairs: SilentPairs | None) -> list[tuple[str, bool]]:
    assert pairs is not None
    return [(pairs.journeys[j], bool(met)) for j, met in zip(pairs.journey, pairs.met, strict=True)]


def test_a_silent_decision_tells_of_each_journey_of_which_it_is_known_what_came(tmp_path: Path) -> None:
    """Of `c` it is not known yet, `z` is none of those asked for."""
    pairs = read(tmp_path, row("1", eligible=[may("a", True), may("b", False), may("c", None), may("z", True)]))
    assert told(pairs) == [("a", True), ("b", False)]
    assert pairs is not None
    assert (pairs.p_silent.tolist(), pairs.is_holdout.tolist()) == ([0.25, 0.25], [True, True])
    assert pairs.features.numbers["spend"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("service", [("a", True)]), ("resolution", [("a", True)]), ("promotional", []), ("feedback", [])],
)
def test_a_decision_is_silent_if_it_showed_nothing_but_what_helps(
    kind: str, expected: list[tuple[str, bool]], tmp_path: Path
) -> None:
    """What it showed is in the set, too, and tells nothing of silence."""
    sets = [may("b", True, "RANKED"), may("a", True)]
    assert told(read(tmp_path, row("1", "b", kind, eligible=sets), row("1", rank=2, eligible=sets))) == expected


def test_rows_that_show_a_journey_tell_nothing_of_silence(tmp_path: Path) -> None:
    sets = [may("a", True)]
    assert (
        told(read(tmp_path, row("1", "b", "promotional", eligible=sets), row("2", "c", "service", eligible=sets))) == []
    )


def test_the_probability_of_silence_is_over_arms_where_it_is_known(tmp_path: Path) -> None:
    sets = [may("a", False)]
    rows = [
        row("1", eligible=sets, propensity=0.5, propensity_over_arms=0.125, arm="CHAMPION"),
        row("2", eligible=sets, propensity=0.5, propensity_over_arms=None, arm=None),
    ]
    pairs, plain = read(tmp_path, *rows), read(tmp_path, *rows, without=("propensity_over_arms", "arm"))
    assert pairs is not None
    assert plain is not None
    assert (pairs.p_silent.tolist(), pairs.is_holdout.tolist()) == ([0.125, 0.5], [False, False])
    assert (plain.p_silent.tolist(), plain.is_holdout.tolist()) == ([0.5, 0.5], [False, False])


def test_a_decision_that_helps_first_is_silent_with_the_probability_of_all_its_slots(tmp_path: Path) -> None:
    """The holdout, 1/16 of customers, is helped where others are sold something; then nothing is left but silence."""
    sets = [may("b", True, "RANKED"), may("a", True)]
    helps = row("1", "b", "service", eligible=sets, propensity_over_arms=0.0625)
    pairs = read(
        tmp_path, helps, row("1", rank=2, eligible=sets, propensity_over_arms=1.0), row("2", eligible=sets[1:])
    )
    assert pairs is not None
    assert pairs.p_silent.tolist() == pytest.approx([0.0625, 0.25])


def test_a_log_that_does_not_say_what_came_whatever_was_shown_tells_nothing(tmp_path: Path) -> None:
    table = pa.table({"customer_id": ["1"], "journey_id": ["NO_JOURNEY"], "reward": [0.0], "propensity": [1.0]})
    pq.write_table(table, tmp_path / "plain.parquet")
    assert silent_pairs(LogFiles(tmp_path / "plain.parquet"), LogColumns(), ("a",)) is None
    exported = pa.Table.from_pylist([row("1", eligible=[may("a", True)])], schema=SCHEMA)
    ids = pa.array([["a"]], pa.list_(pa.string()))
    pq.write_table(exported.set_column(9, "eligible", ids), tmp_path / "of-before.parquet")
    assert silent_pairs(LogFiles(tmp_path / "of-before.parquet"), LogColumns(), ("a",)) is None


def test_what_was_open_when_the_rows_held_out_begin_is_left_out(tmp_path: Path) -> None:
    sets = [may("a", True)]
    pairs = read(
        tmp_path,
        row("1", eligible=sets),
        row("2", eligible=sets, window_ends_at=None),
        row("3", eligible=sets, window_ends_at=AT + 9 * DAY),
        row("4", eligible=sets, decided_at=AT + 8 * DAY, window_ends_at=None),
        row("5", eligible=sets, windows_end_at=AT + 9 * DAY),
    )
    assert pairs is not None
    before = pairs.before(np.datetime64((AT + 8 * DAY).replace(tzinfo=None), "us"))
    assert (pairs.size, before.decision.tolist()) == (5, [0, 1]), "of 5 a longer window than the best journey's is open"
