"""How often nothing raises an alarm, and how soon a drift does: worlds with known truth, looked at every day."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.unit.training.monitor.logs import DAY, START, World
from training.log.options import LogColumns
from training.monitor.calendar import periods_from
from training.monitor.monitor import FIRST_DAYS, Found, Question, look_at, monitor_log
from training.monitor.watched import features_seen, mix_seen

LOG = logging.getLogger(__name__)
FIRST = START.astype("datetime64[D]")
DRIFT_FROM = 30
TWO_WEEKS = 14


def question(path: Path) -> Question:
    return Question(log=path, columns=LogColumns(features=("x", "segment")), probability="p")


def quiet(stage: str) -> None:
    """Nobody looks on."""


def raised(found: Found) -> set[str]:
    """What raises an alarm at the look of some day, of those up to the last row.

    A sequence knows when it first did. The reference does not change as days come, so that features and mix at each
    look are those of the periods that it has.
    """
    assert found.reference is not None
    begins = FIRST + FIRST_DAYS * DAY
    last = int((found.rows.decided_at.max() - START) / DAY)
    every = {one.begins: one for day in range(last + 1) for one in periods_from(begins, FIRST + day * DAY)}
    shares = {one for day in range(last + 1) for one in periods_from(begins, FIRST + day * DAY)}
    assert len(every) == len({one.begins for one in shares})
    periods = tuple(sorted(shares, key=lambda one: one.begins))
    features = features_seen(found.rows, found.reference, periods)
    of_features = {
        f"{figure} {name}"
        for name, seen in features.items()
        for one in seen
        for figure, is_alarm in (
            ("psi", one.shift.is_alarm),
            ("missing", one.missing.is_alarm),
            ("stale", one.stale.is_alarm),
        )
        if is_alarm
    }
    of_mix = {"mix" for one in mix_seen(found.rows, found.reference, periods) if one.shift.is_alarm}
    return {f"calibration {seen.kind}" for seen in found.kinds if seen.alarm is not None} | of_features | of_mix


def false_alarms(worlds: list[World], place: Path) -> int:
    told = [raised(look_at(question(world.write(place)), quiet)) for world in worlds]
    LOG.info("of %d worlds without change, alarms in: %s", len(worlds), [sorted(one) for one in told if one])
    return sum(bool(one) for one in told)


def days_until_seen(world: World, place: Path) -> int:
    """From the first day of the drift to the day on which it was seen; fails where it was seen before."""
    found = monitor_log(question(world.write(place)), quiet)
    seen_on = min(np.datetime64(alarm.seen_on) for alarm in found.alarms if alarm.figure == "calibration")
    return int((seen_on - (FIRST + world.drift_from * DAY)) / DAY) + 1


WORLDS = (World(seed=0), World(seed=0, own_rate=0.5, customers=500), World(seed=0, rate=0.02))


def test_worlds_without_change_raise_no_alarm_at_60_daily_looks(tmp_path: Path) -> None:
    """A sample of 24 with fixed seeds: at a true rate of 5 % 7 or more would be one case in 4,000."""
    worlds = [replace(world, seed=seed, a_day=60) for world in WORLDS for seed in range(8)]
    assert false_alarms(worlds, tmp_path) <= 6


@pytest.mark.proof
@pytest.mark.parametrize("world", WORLDS)
def test_of_1000_worlds_without_change_5_in_100_raise_an_alarm_at_most(world: World, tmp_path: Path) -> None:
    found = false_alarms([replace(world, seed=seed) for seed in range(1000)], tmp_path)
    LOG.info("%s: %.1f %% false alarms", world, found / 10)
    assert found <= 50


DRIFTING = World(seed=0, a_day=1000, customers=20_000, drift=1.3, drift_from=DRIFT_FROM, days=45)


def test_a_drift_of_1_3_is_found_within_two_weeks(tmp_path: Path) -> None:
    """1,000 shown a day, of which 10 % are met; no window keeps the outcome back."""
    found = [days_until_seen(replace(DRIFTING, seed=seed), tmp_path) for seed in range(5)]
    assert all(1 <= days <= TWO_WEEKS for days in found), found


@pytest.mark.proof
@pytest.mark.parametrize("drift", [1.3, 0.7])
def test_of_200_drifts_each_is_found_within_two_weeks(drift: float, tmp_path: Path) -> None:
    worlds = [replace(DRIFTING, drift=drift, seed=seed) for seed in range(200)]
    found = np.array([days_until_seen(world, tmp_path) for world in worlds])
    told = [round(float(q), 1) for q in np.quantile(found, [0.05, 0.5, 0.95, 1.0])]
    LOG.info("a drift of %s is found after %s days (5, 50, 95, 100 %%)", drift, told)
    assert ((found >= 1) & (found <= TWO_WEEKS)).all()


def test_a_feature_that_moves_raises_an_alarm_and_says_since_when(tmp_path: Path) -> None:
    world = World(seed=1, a_day=300, shift=1.0, drift_from=40)
    found = monitor_log(question(world.write(tmp_path)), quiet)
    (alarm,) = found.alarms
    assert (alarm.figure, alarm.of, str(alarm.since)) == ("psi", "x", "2026-02-09")
    assert alarm.text.startswith("since 2026-02-09 x is distributed otherwise than in the reference (PSI ")


def test_a_look_is_the_same_whether_more_days_are_there_or_not(tmp_path: Path) -> None:
    """What a daily look tells of calibration is what a later one tells of that day."""
    path = replace(DRIFTING, days=40, a_day=300).write(tmp_path)
    whole = look_at(question(path), quiet)
    cut = tmp_path / "cut.parquet"
    table = pq.read_table(path)
    until = pa.scalar((START + 37 * DAY).item(), table.schema.field("decided_at").type)
    pq.write_table(table.filter(pc.less(table["decided_at"], until)), cut)
    for now, before in zip(whole.kinds, look_at(question(cut), quiet).kinds, strict=True):
        for one, other in zip(now.sequences, before.sequences, strict=False):
            size = other.days.size
            assert (one.week, one.alpha) == (other.week, other.alpha)
            assert one.days[:size].tolist() == other.days.tolist()
            assert one.half[:size] == pytest.approx(other.half)
            assert one.observed[:size] == pytest.approx(other.observed)


def test_what_becomes_known_later_changes_no_alpha_of_what_was_judged_before(tmp_path: Path) -> None:
    """Promotional windows last 28 days, service ones none; the first of all decided is promotional."""
    world = World(seed=2, days=40, a_day=50)
    table = world.table()
    at, kind = np.array(table["decided_at"]).astype("datetime64[us]"), np.array(["promotional", *["service"] * 1999])
    kind[::3] = "promotional"
    at[0] = START
    ends = at + np.where(kind == "promotional", 28, 0) * DAY
    found = []
    for day in (12, 40):
        now = START + day * DAY
        path = world.write(
            tmp_path,
            kind=kind,
            decided_at=pa.array(at).cast(pa.timestamp("us", "UTC")),
            window_ends_at=pa.array(ends).cast(pa.timestamp("us", "UTC")),
            reward=pa.array(np.array(table["reward"]), mask=ends > now),
        )
        log = pq.read_table(path)
        pq.write_table(log.filter(pa.array(at <= now)), path)
        seen = look_at(question(path), quiet).kinds
        found.append({(of_one.kind, str(one.week)): one.alpha for of_one in seen for one in of_one.sequences})
    early, late = found
    assert ("service", "2025-12-29") in early
    assert early.items() <= late.items()
    assert {name for name, _ in late} == {"all", "promotional", "service"}
