"""The arithmetic of the benchmark, by values that were worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.benchmarks.speed.figures import Calls, of_rounds, percentile, ratio, spread
from tests.benchmarks.speed.processes import _cpu_s, _plain
from tests.benchmarks.speed.report import compared
from tests.benchmarks.speed.stages import between
from tests.benchmarks.speed.targets import Target, targets


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 5.0), (0.51, 6.0), (0.9, 9.0), (0.99, 10.0), (1.0, 10.0)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: float) -> None:
    """The smallest of ten that so large a share of all is not above."""
    assert percentile([float(n) for n in (7, 1, 10, 3, 9, 5, 2, 8, 4, 6)], share) == expected


def test_of_no_calls_nothing_is_claimed() -> None:
    assert math.isnan(percentile([], 0.99))


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    """A slow round doubles both, and changes nothing; the ratio of the medians would be 3."""
    above, below = [3.0, 8.0, 3.0], [1.0, 2.0, 0.5]
    assert ratio(above, below) == 4.0
    assert spread(above, below) == (3.0, 6.0)


def test_rounds_of_unequal_number_are_no_pair() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


def test_a_figure_is_the_median_over_the_rounds_that_have_it() -> None:
    assert of_rounds([{"a": 1.0, "b": 7.0}, {"a": 5.0}, {"a": 2.0}]) == {"a": 2.0, "b": 7.0}


def test_a_rate_counts_what_was_answered() -> None:
    assert Calls(seconds=2.0, taken_s=[0.1] * 6, failed={"UNAVAILABLE": 100}).per_s == 3.0


def test_what_costs_four_times_an_echo_has_a_cpu_ratio_of_a_quarter() -> None:
    rounds = {
        "echo": [{"cpu_us": 200.0, "per_s": 4000.0, "lone_p50_ms": 0.5, "half_p99_ms": 2.0}] * 3,
        "sqlite": [
            {"cpu_us": cpu, "per_s": 1000.0, "lone_p50_ms": 2.0, "half_p99_ms": 6.0} for cpu in (800.0, 1000.0, 500.0)
        ],
    }
    told = compared(rounds)["sqlite"]
    assert (told["cpu_ratio_echo"], told["cpu_ratio_echo_least"], told["cpu_ratio_echo_most"]) == (0.25, 0.2, 0.4)
    assert (told["throughput_ratio_echo"], told["lone_p50_by_echo"], told["half_p99_by_echo"]) == (0.25, 4.0, 3.0)
    assert compared(rounds)["echo"]["throughput_ratio_sqlite"] == 4.0


def test_a_stage_is_the_mean_of_the_decisions_between_two_looks() -> None:
    before, after = {"score": (1.0, 10.0)}, {"score": (1.5, 20.0), "commit": (0.2, 4.0), "idle": (0.0, 0.0)}
    assert between(before, after) == pytest.approx({"score": 50_000.0, "commit": 50_000.0})


def test_cpu_is_user_and_system_time_whatever_the_name_of_the_process(tmp_path: Path) -> None:
    """Fields 14 to 17 of proc_pid_stat(5), in ticks of a hundredth of a second."""
    file = tmp_path / "stat"
    file.write_text("4711 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 600 100 20 0 1 0\n")
    assert _cpu_s(file) == 3.0
    assert _cpu_s(file, with_ended=True) == 10.0
    assert _cpu_s(tmp_path / "gone") == 0.0


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("score_0", "score"),
        ("state-read_3", "state-read"),
        ("grpc_global_tim", "grpc_global_tim"),
        ("Thread-7 (run)", "Thread"),
    ],
)
def test_threads_that_differ_by_a_number_are_one(name: str, plain: str) -> None:
    assert _plain(name) == plain


def test_a_target_is_met_at_its_limit_and_never_by_what_is_no_number() -> None:
    assert Target(text="", value=0.2, limit=0.2, is_least=True).is_met
    assert Target(text="", value=5.0, limit=5.0).is_met
    assert not Target(text="", value=0.19, limit=0.2, is_least=True).is_met
    assert not Target(text="", value=math.nan, limit=0.2, is_least=True).is_met
    assert not Target(text="", value=math.nan, limit=5.0).is_met


def test_targets_are_read_the_right_way_round() -> None:
    """Rumbo takes 240 a second where the glue takes 20 and another store 150; two workers cost 1,100 µs for 1,000."""
    per_s = {"echo": 1200.0, "sqlite": 240.0, "glue": 20.0, "servers": 150.0, "sqlite_2_workers": 360.0}
    cpu = {"echo": 200.0, "sqlite": 1000.0, "glue": 20_000.0, "servers": 900.0, "sqlite_2_workers": 1100.0}
    rounds = {
        name: [{"cpu_us": cpu[name], "per_s": per_s[name], "lone_p50_ms": 1.0, "half_p99_ms": 1.0}] for name in per_s
    }
    told = {target.text: target for target in targets({"compared": compared(rounds)})}
    assert told["CPU of an echo ÷ CPU of a decision"].value == pytest.approx(0.2)
    assert told["throughput ÷ that of glue"].value == pytest.approx(12.0)
    assert told["throughput of Valkey + PostgreSQL ÷ SQLite's"].value == pytest.approx(0.625)
    assert told["2 workers: CPU a decision ÷ that of one"].value == pytest.approx(1.1)
    assert told["2 workers: throughput ÷ that of one"].value == pytest.approx(1.5)
