"""Rows in which nothing was said: no journey to learn from, an option to judge a policy with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision.journey import NO_JOURNEY
from service.state.export.table import ELIGIBLE
from training.evaluation import Question, evaluate_log, of_slot
from training.log.decisions import DecisionLog, read_choices, read_decisions
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.monitor.shown import read_shown
from training.policy_table import policy_at

AT = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")


def entry(journey: str, place: str = "ELIGIBLE", rank: int | None = None, p: float = 0.0, kind: str = "loyalty") -> Any:
    return {"journey_id": journey, "place": place, "rank": rank, "propensity": p, "kind": kind}


def row(decision: str, journey: str, rank: int, eligible: Sequence[Any], **given: Any) -> Mapping[str, Any]:
    return {
        "decision_id": decision,
        "customer_id": decision,
        "decided_at": AT,
        "rank": rank,
        "journey_id": journey,
        "kind": None if journey == NO_JOURNEY else "loyalty",
        "propensity": 0.5,
        "propensity_over_arms": 0.25,
        "share": 0.5,
        "eligible": list(eligible),
        "reward": 0.0,
        "is_censored": False,
        "presented_at": None if journey == NO_JOURNEY else AT,
        "feature_x": 1.0,
        **given,
    }


def exported(place: Path, *rows: Mapping[str, Any]) -> Path:
    types = {
        "decided_at": TIME,
        "presented_at": TIME,
        "eligible": pa.list_(ELIGIBLE),
        "rank": pa.int32(),
        **dict.fromkeys(("is_censored", "outcome_in_window"), pa.bool_()),
        **dict.fromkeys(("propensity", "propensity_over_arms", "share", "reward", "feature_x"), pa.float64()),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), place / "log.parquet")
    return place / "log.parquet"


TWO_SLOTS = [entry("a", "RANKED", 1, 0.5), entry("b", "RANKED", 2, 0.5), entry("c"), entry("d", "DENIED_AT_SELECT")]
HELD_OUT = [entry("a", "HELD_OUT"), entry("b", "HELD_OUT")]
ROWS = (
    row("d1", "a", 1, TWO_SLOTS, reward=2.0),
    row("d1", "b", 2, TWO_SLOTS),
    row("d2", NO_JOURNEY, 1, HELD_OUT),
    row("d3", NO_JOURNEY, 1, []),
    row("d4", "a", 1, [entry("a", "RANKED", 1, 1.0), entry("help", kind="service")], reward=1.0),
    row("d4", NO_JOURNEY, 2, [entry("a", "RANKED", 1, 1.0)], propensity=1.0),
)


def sets(log: DecisionLog) -> list[set[str]]:
    return [{log.choices.journeys[j] for j in np.flatnonzero(row)} for row in log.choices.eligible]


def test_silence_is_no_journey_to_learn_from(tmp_path: Path) -> None:
    log = read_decisions(exported(tmp_path, *ROWS), LogColumns())
    assert [log.choices.journeys[j] for j in log.shown] == ["a", "b", "a"]
    assert NO_JOURNEY not in log.choices.journeys
    assert (log.unknown, log.rows_in_log, log.row.tolist()) == (0, 6, [0, 1, 4])


def test_a_slot_is_filled_from_what_the_slots_before_left(tmp_path: Path) -> None:
    """d fills no later slot: which of those before denied it is not told."""
    log = read_decisions(exported(tmp_path, *ROWS), LogColumns())
    assert sets(log) == [{"a", "b", "c", "d"}, {"b", "c"}, {"a", "help"}]


def test_silence_is_an_option_where_the_log_shows_it_and_no_help_is_due(tmp_path: Path) -> None:
    """Of d3, and of the second slot of d4, nothing else was left: they are no choice."""
    log = read_decisions(exported(tmp_path, *ROWS), LogColumns(), with_silence=True)
    assert log.row.tolist() == [0, 1, 2, 4]
    assert sets(log) == [
        {"a", "b", "c", "d", NO_JOURNEY},
        {"b", "c", NO_JOURNEY},
        {"a", "b", NO_JOURNEY},
        {"a", "help"},
    ]
    assert log.slates is not None
    assert log.slates.filled.tolist() == [2, 2, 1, 1]
    assert of_slot(log, None).size == 4


def test_without_silence_that_could_be_otherwise_it_is_no_option(tmp_path: Path) -> None:
    log = read_decisions(exported(tmp_path, ROWS[0], ROWS[1], ROWS[3]), LogColumns(), with_silence=True)
    assert NO_JOURNEY not in log.choices.journeys


def test_arms_are_pooled_by_the_probability_over_all_of_them_unless_another_is_named(tmp_path: Path) -> None:
    """A row of before, which has none, is taken by its own; within-arm distributions are no whole ones."""
    file = exported(tmp_path, *ROWS[:2], row("d5", "a", 1, TWO_SLOTS, propensity_over_arms=None, share=None))
    pooled = read_decisions(file, LogColumns())
    assert pooled.propensity.tolist() == [0.25, 0.25, 0.5]
    assert pooled.propensities is not None
    assert np.isnan(pooled.propensities).any(axis=1).tolist() == [True, True, False]
    own = read_decisions(file, LogColumns(propensity="propensity"))
    assert own.propensity.tolist() == [0.5, 0.5, 0.5]


def test_days_of_before_there_were_arms_lie_beside_those_of_after(tmp_path: Path) -> None:
    """They lack the columns, and the entries of their sets are of fewer fields; what they have is a log of one arm."""
    since = ("kind", "tier", "value", "lever", "context_weight", "cost", "attributes", "ranked_by", "p_if_silent")
    fewer = pa.struct([field for field in ELIGIBLE if field.name not in (*since, "outcome_in_window")])
    old = pq.read_table(exported(tmp_path, row("d0", "a", 1, [entry("a", "RANKED", 1, 0.5)])))
    old = old.drop_columns(["propensity_over_arms", "share", "eligible"])
    sets_of_then = [[{"journey_id": "a", "place": "RANKED", "rank": 1, "propensity": 0.5}]]
    days = tmp_path / "days"
    days.mkdir()
    exported(days, *ROWS[:3]).rename(days / "day-2.parquet")
    pq.write_table(old.append_column("eligible", pa.array(sets_of_then, pa.list_(fewer))), days / "day-1.parquet")
    log = read_decisions(days, LogColumns(), with_silence=True)
    assert log.propensity.tolist() == [0.5, 0.25, 0.25, 0.25]
    assert log.choices.journeys == ("NO_JOURNEY", "a", "b", "c", "d")


def test_beside_silence_what_was_never_presented_earned_nothing(tmp_path: Path) -> None:
    """Still reserved, it is not told; nor is what was presented so long ago that nobody knows."""
    unpresented = {"reward": None, "presented_at": None}
    rows = (
        row("d6", "a", 1, HELD_OUT, **unpresented),
        row("d7", "a", 1, HELD_OUT, **{**unpresented, "is_censored": True}),
        row("d8", "a", 1, HELD_OUT, reward=None),
    )
    file = exported(tmp_path, *ROWS, *rows)
    log = read_decisions(file, LogColumns(), with_silence=True)
    assert (log.row.tolist()[-1], log.reward.tolist()[-1], log.unknown) == (6, 0.0, 2)
    assert read_decisions(file, LogColumns()).unknown == 3


def test_a_score_of_a_row_without_anything_left_is_silence(tmp_path: Path) -> None:
    choices = read_choices(exported(tmp_path, *ROWS), LogColumns(features=("x",)), ("a", "b"))
    assert choices.journeys[:2] == ("a", "b")
    silent = choices.eligible[:, choices.journeys.index(NO_JOURNEY)]
    assert silent.tolist() == [False, False, False, True, False, True]
    assert choices.eligible.any(axis=1).all()


def test_a_policy_that_knows_silence_may_take_it_where_it_is_judged(tmp_path: Path) -> None:
    """Not in d4, where help is due; and in no row of a log in which it was never a choice."""
    choices = read_choices(exported(tmp_path, *ROWS), LogColumns(features=("x",)), ("a", "b", NO_JOURNEY))
    assert choices.eligible[:, 2].tolist() == [True, True, True, True, False, True]
    forced = read_choices(exported(tmp_path, ROWS[0], ROWS[3]), LogColumns(features=("x",)), ("a", "b", NO_JOURNEY))
    assert forced.eligible[:, 2].tolist() == [False, True]


def test_what_came_by_itself_may_be_the_reward_that_gains_over_silence_are_of(tmp_path: Path) -> None:
    """What is not known yet is left out, of silence as of what was shown."""
    told = (True, False, True, None, None, False)
    rows = [{**one, "outcome_in_window": came} for one, came in zip(ROWS, told, strict=True)]
    log = read_decisions(exported(tmp_path, *rows), LogColumns(reward="outcome_in_window"), with_silence=True)
    assert [log.choices.journeys[j] for j in log.shown] == ["a", "b", NO_JOURNEY]
    assert log.reward.tolist() == [1.0, 0.0, 1.0]
    assert log.unknown == 1


def test_a_monitor_sees_what_was_shown_alone(tmp_path: Path) -> None:
    rows = read_shown(LogFiles(exported(tmp_path, *ROWS)), LogColumns(features=("x",)))
    assert [rows.journey.levels[code] for code in rows.journey.codes] == ["a", "b", "a"]


def test_a_policy_is_judged_over_all_arms_with_silence_among_what_it_may_do(tmp_path: Path) -> None:
    """Half of customers are held out, half shown a (reward 1) or b (0) evenly: a is worth 1, silence 0.

    By hand: over arms a and b have 1/4 each, silence 1/2; the IPS of "a" is the mean of 4 × reward over a's rows.
    """
    both = [entry("a", "RANKED", 1, 0.5), entry("b", p=0.5)]
    rows = []
    for n in range(200):
        if n % 2:
            rows.append(row(f"s{n}", NO_JOURNEY, 1, HELD_OUT, propensity=1.0, propensity_over_arms=0.5))
        else:
            rows.append(row(f"s{n}", "ab"[n // 2 % 2], 1, both, reward=float(n // 2 % 2 == 0)))
    file = exported(tmp_path, *rows)
    policy = tmp_path / "policy.parquet"
    pq.write_table(pa.table({"row": np.arange(200), "journey_id": ["a"] * 200, "probability": np.ones(200)}), policy)
    found = evaluate_log(Question(log=file, policy=policy, columns=LogColumns()), lambda said: None)
    ips = {name: told["ips"].value for name, told in found.policies.items() if told["ips"] is not None}
    assert ips["model"] == pytest.approx(1.0)
    assert ips[f"constant:{NO_JOURNEY}"] == 0.0
    assert ips["logging"] == pytest.approx(0.25)
    assert (found.rows, found.decisions) == (200, 200)
    assert policy_at(policy, file, None, None).journeys == ("a",)
