"""`rumbo arms`: what it says, what it ends with, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.decision.arms import Arm
from tests.arm_logs import Row, World, exported, first_decisions_in
from training.arms.decided import Decided

BETTER = World(more={Arm.CHAMPION: 0.15, Arm.CHALLENGER: 0.15, Arm.RANDOM: 0.05})


def run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["arms", "--log", str(path), *options])


def told(path: Path, *options: str, status: int = 0) -> dict[str, Any]:
    result = run(path, *options, "--json")
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def written(tmp_path: Path, found: Decided) -> Path:
    """As a plain table."""
    table = pa.table(
        {
            "customer_id": pa.array([f"c{one}" for one in found.customer]),
            "decided_at": pa.array(found.decided_at, pa.timestamp("us", "UTC")),
            "window_ends_at": pa.array(found.known_at, pa.timestamp("us", "UTC")),
            "arm": [found.arms[arm] for arm in found.arm],
            "share": found.share,
            "outcome_in_window": pa.array(found.value, from_pandas=True),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def test_lifts_over_the_holdout_and_of_the_challenger_over_the_champion(tmp_path: Path) -> None:
    found = told(written(tmp_path, first_decisions_in(BETTER, 4)))
    pairs = {(one["arm"], one["against"]): one for one in found["comparisons"]}
    assert list(pairs) == [
        ("CHAMPION", "HOLDOUT"),
        ("CHALLENGER", "HOLDOUT"),
        ("RANDOM", "HOLDOUT"),
        ("CHALLENGER", "CHAMPION"),
    ]
    champion = pairs["CHAMPION", "HOLDOUT"]
    assert champion["verdict"] == "better"
    assert champion["low"] < 0.15 < champion["high"]
    assert champion["shown_on"] is not None
    assert champion["lift"] == pytest.approx(champion["value"] - champion["value_against"])
    assert pairs["CHALLENGER", "CHAMPION"]["verdict"] == "not_enough_evidence"
    assert {one["alpha"] for one in found["comparisons"]} == {0.01}
    assert found["withheld"] is None
    assert sum(arm["entered"] for arm in found["arms"]) == found["entered"]["customers"]
    assert len(champion["looks"]) == 53, "a look a day on which more became known: 7 to 59"


def test_a_worse_arm_is_told(tmp_path: Path) -> None:
    world = World(rate=0.2, more={Arm.CHALLENGER: -0.15})
    found = told(written(tmp_path, first_decisions_in(world, 4)))
    assert found["comparisons"][-1]["verdict"] == "worse"


def test_what_people_read(tmp_path: Path) -> None:
    output = run(written(tmp_path, first_decisions_in(BETTER, 4))).output
    assert "proven: more" in output
    assert "not enough evidence" in output
    assert "CHALLENGER − CHAMPION: a lift of" in output
    assert "at all daily looks with 95%" in output
    assert "…" not in output, "nothing is cut"


def test_a_lift_that_is_asked_for_needs_so_many_customers(tmp_path: Path) -> None:
    path = written(tmp_path, first_decisions_in(BETTER, 4))
    one, half = (told(path, "--lift", lift)["comparisons"][-1] for lift in ("0.1", "0.05"))
    assert one["asked_lift"] == 0.1
    assert 0 <= one["more_customers"] < half["more_customers"]


def test_customers_who_do_not_fall_by_the_shares_withhold_every_verdict(tmp_path: Path) -> None:
    world = World(customers=20_000, more={Arm.CHAMPION: 0.15})
    whole = first_decisions_in(world, 4)
    lost = np.ones(whole.size, dtype=np.bool_)
    lost[np.flatnonzero(whole.of("HOLDOUT"))[::5]] = False
    path = written(tmp_path, whole.take(lost))
    found = told(path, status=3)
    assert found["entered"]["p"] < 0.001
    assert all(one["verdict"] is None for one in found["comparisons"])
    assert "HOLDOUT has 1,572 where 1,9" in found["withheld"]
    result = run(path)
    assert result.exit_code == 3
    assert "No verdict: customers decided for do not fall into the arms by their shares" in result.output
    assert "an arm's decisions are missing from the log" in result.output


def test_outcomes_lost_of_one_arm_withhold_it_too(tmp_path: Path) -> None:
    """Everybody is there, but of some of the champion's customers it is never known what came."""
    whole = first_decisions_in(World(customers=20_000), 4)
    rows = np.flatnonzero(whole.of("CHAMPION"))[::5]
    whole.value[rows] = np.nan
    found = told(written(tmp_path, whole), status=3)
    assert found["entered"]["p"] > 0.001
    assert found["counted"]["p"] < 0.001
    assert "customers counted" in found["withheld"]


def test_without_a_holdout_arms_are_compared_with_the_champion(tmp_path: Path) -> None:
    world = World(shares={Arm.RANDOM: 0.2, Arm.CHALLENGER: 0.2})
    found = told(written(tmp_path, first_decisions_in(world, 4)))
    assert [(one["arm"], one["against"]) for one in found["comparisons"]] == [
        ("CHALLENGER", "CHAMPION"),
        ("RANDOM", "CHAMPION"),
    ]


def test_an_exported_log_tells_it_too(tmp_path: Path) -> None:
    rows = [
        Row(
            customer=f"c{one}",
            at=one / 100.0,
            ends=one / 100.0 + 7.0,
            arm="HOLDOUT" if one % 4 == 0 else "CHAMPION",
            share=0.25 if one % 4 == 0 else 0.75,
            met=(("welcome", one / 100.0 + 1.0, 2.0),) if one % 5 == 0 and one % 4 else (),
        )
        for one in range(2_000)
    ]
    pq.write_table(exported(rows), tmp_path / "log.parquet")
    (found,) = told(tmp_path / "log.parquet")["comparisons"]
    assert (found["customers"], found["customers_against"]) == (1500, 499), (
        "but the first of all, before there was a champion's"
    )
    assert found["value"] == pytest.approx(2.0 * 300 / 1500)
    assert found["value_against"] == 0.0
    assert found["verdict"] == "better"


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    path = written(tmp_path, first_decisions_in(BETTER, 4))
    assert run(path, "--plot", str(tmp_path / "arms.png")).exit_code == 0
    assert (tmp_path / "arms.png").stat().st_size > 20_000
    few = first_decisions_in(World(customers=60), 4)
    assert run(written(tmp_path, few), "--plot", str(tmp_path / "few.svg")).exit_code == 0


def test_one_arm_alone_is_refused(tmp_path: Path) -> None:
    whole = first_decisions_in(World(customers=100), 4)
    result = run(written(tmp_path, whole.take(whole.of("CHAMPION"))))
    assert result.exit_code == 2
    assert "log.parquet: arm: no two arms to compare in it: all is CHAMPION" in result.output


def test_a_day_since_which_there_is_one_arm_is_refused(tmp_path: Path) -> None:
    result = run(written(tmp_path, first_decisions_in(World(customers=100), 4)), "--since", "2027-01-01")
    assert result.exit_code == 2
    assert "no two arms to compare since 2027-01-01 00:00" in result.output


def joined(first: Decided, again: Decided) -> Decided:
    """And what was decided 20 days later; what came of that is not known yet."""
    later = np.timedelta64(20, "D")
    return Decided(
        path=first.path,
        arms=first.arms,
        customer=np.concatenate([first.customer, again.customer]),
        arm=np.concatenate([first.arm, np.array([first.arms.index(again.arms[arm]) for arm in again.arm])]),
        share=np.concatenate([first.share, again.share]),
        decided_at=np.concatenate([first.decided_at, again.decided_at + later]),
        value=np.concatenate([np.nan_to_num(first.value), np.full(again.size, np.nan)]),
        told=np.zeros(first.size + again.size),
        known_at=np.concatenate([first.known_at, again.known_at + later]),
    )


def test_customers_who_changed_the_arm_are_noticed(tmp_path: Path) -> None:
    world = World(customers=400, days=20)
    first = first_decisions_in(world, 4)
    first = replace(first, known_at=first.known_at + np.timedelta64(20, "D"))
    found = joined(first, first_decisions_in(replace(world, shares={Arm.HOLDOUT: 0.5}), 4))
    notices = told(written(tmp_path, found))["notices"]
    assert any("were in another arm before their windows were over" in notice for notice in notices)


def test_customers_who_had_been_in_the_same_arms_are_left_out_and_noticed(tmp_path: Path) -> None:
    first = first_decisions_in(World(customers=400, days=20), 4)
    new = replace(first_decisions_in(World(customers=40, days=20), 5), customer=np.arange(400, 440))
    found = joined(joined(first, first), new)
    answer = told(written(tmp_path, found), "--since", "2026-01-21")
    assert all(one["left_out"] > 30 and one["customers"] + one["waiting"] <= 40 for one in answer["comparisons"])
    assert any("had been decided for before 2026-01-2" in notice for notice in answer["notices"])


def test_the_schema_describes_the_answer() -> None:
    result = CliRunner().invoke(main, ["arms", "--schema"])
    assert result.exit_code == 0
    assert json.loads(result.output)["title"] == "ArmsReport"
    assert "smallest_lift" in result.output
