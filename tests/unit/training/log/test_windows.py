"""Journeys have windows of unlike length: nobody is judged by the latest decisions, of which short ones alone tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.decision_logs import START
from training.evaluation import View, of_slot
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns
from training.off_policy.difference import difference
from training.off_policy.intervals import normal
from training.reward_model import reward_model

DAY = np.timedelta64(86_400_000_000, "us")
WINDOWS = {"short": 2 * DAY, "long": 28 * DAY, "other": 2 * DAY}
Times = NDArray[np.datetime64]


def exported(
    place: Path,
    shown: list[str],
    at: Times,
    met: NDArray[np.float64],
    *,
    sets: list[list[str]] | None = None,
    until: np.datetime64,
    columns: dict[str, NDArray[np.float64]] | None = None,
) -> DecisionLog:
    """One slot each, drawn evenly from its set, exported when it was `until`."""
    ends = at + np.array([WINDOWS[one] for one in shown])
    is_open = ends > until
    allowed = [list(WINDOWS)] * len(shown) if sets is None else sets
    stamps = pa.timestamp("us", "UTC")
    table = pa.table(
        {
            "decision_id": [f"d{i}" for i in range(len(shown))],
            "customer_id": [f"c{i}" for i in range(len(shown))],
            "decided_at": pa.array(at).cast(stamps),
            "rank": [1] * len(shown),
            "journey_id": shown,
            "kind": ["loyalty"] * len(shown),
            "propensity": [1.0 / len(one) for one in allowed],
            "eligible": [[{"journey_id": one, "kind": "loyalty"} for one in own] for own in allowed],
            "reward": pa.array([None if o else float(m) for o, m in zip(is_open, met, strict=True)], pa.float64()),
            "is_censored": is_open,
            "window_ends_at": pa.array(ends).cast(stamps),
            **{f"feature_{name}": values for name, values in (columns or {}).items()},
        }
    )
    pq.write_table(table, place / "log.parquet")
    return read_decisions(place / "log.parquet", LogColumns(features=tuple(columns or ())))


def test_a_decision_waits_for_the_longest_window_of_what_it_could_have_shown(tmp_path: Path) -> None:
    """Exported on day 30: what could show `long` is old enough on day 2, what could not on day 28."""
    at = START + np.array([0, 1, 2, 3, 27, 28, 29]) * DAY
    shown = ["short", "long", "long", "short", "other", "short", "other"]
    sets = [["long", "short"]] * 4 + [["other", "short"]] * 3
    log = exported(tmp_path, shown, at, np.ones(7), sets=sets, until=START + 30 * DAY)
    assert log.row.tolist() == [0, 1, 2, 3, 4, 5]
    assert of_slot(log, None).row.tolist() == [0, 1, 2, 4, 5]


def test_where_no_window_is_open_every_decision_is_judged_by(tmp_path: Path) -> None:
    at = START + np.arange(6) * DAY
    log = exported(tmp_path, ["short", "long"] * 3, at, np.ones(6), until=START + 400 * DAY)
    assert of_slot(log, None).size == 6


@pytest.mark.parametrize("seed", [1, 2])
def test_what_drifts_does_not_pass_for_a_difference_of_what_has_unlike_windows(tmp_path: Path, seed: int) -> None:
    """All are alike, and worth more every day: short ones are seen on days on which long ones are not yet."""
    draw = np.random.default_rng(seed)
    n = 6000
    day = np.sort(draw.uniform(0.0, 60.0, n))
    at = START + (day * 86_400e6).astype("timedelta64[us]")
    x = draw.normal(size=n)
    met = (draw.random(n) < 0.2 + 0.4 * day / 60.0 + 0.05 * np.tanh(x)).astype(np.float64)
    shown = draw.choice(list(WINDOWS), n).tolist()
    log = exported(tmp_path, shown, at, met, until=START + 60 * DAY, columns={"x": x})

    def told(judged: DecisionLog) -> float:
        """How many standard errors `long` seems to lie above `short`."""
        view = View(judged, reward_model(judged, 0), None)
        found = normal(difference(view.constant("long"), view.constant("short")))
        return found.value / found.se

    judged = of_slot(log, None)
    assert 0.4 * n < judged.size < 0.6 * n
    assert abs(told(judged)) < 2.6
    assert told(replace(log, known_until=None)) < -4.0  # as it would be without waiting
