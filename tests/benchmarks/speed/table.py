"""The figures of a run as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.report import NAMES

MAIN = {
    "per_s": "calls a second, 32 callers",
    "cpu_us": "CPU µs a call",
    "cpu_with_servers_us": "  with its databases",
    "p50_ms": "ms, 32 callers: median",
    "p99_ms": "  99th percentile",
    "lone_p50_ms": "ms of a lone call: median",
    "lone_cpu_us": "  CPU µs",
    "half_p50_ms": "ms at half its maximum: median",
    "half_p99_ms": "  99th percentile",
    "half_sent_late_p99_ms": "  sent late, 99th percentile",
    "cpu_ratio_echo": "CPU of the echo ÷ its own",
    "cpu_ratio_echo_least": "  the least of a round",
    "cpu_ratio_echo_most": "  the most of a round",
    "throughput_ratio_echo": "throughput ÷ the echo's",
    "lone_p50_by_echo": "lone median ÷ the echo's",
    "half_p99_by_echo": "99th percentile at half ÷ the echo's",
    "throughput_ratio_sqlite": "throughput ÷ Rumbo's on SQLite",
}


def tell(found: Mapping[str, Any], console: Console) -> None:
    """Every part that was measured."""
    compared = found.get("compared", {})
    run = found["run"]
    title = f"{run['rounds']} rounds of {run['seconds']:g} s, medians; {run['cores']} cores"
    console.print(_table(f"Decide with 50 journeys, {found.get('answer_bytes')} bytes: {title}", compared, MAIN))
    for part, name in (("rates", "share"), ("callers", "callers")):
        if part in found:
            console.print(_curves(part, name, found[part]))
    if "inside" in found:
        _tell_inside(found["inside"], console)
    for part in ("overload", "journeys", "features", "customers"):
        if part in found:
            names = dict.fromkeys(name for row in found[part].values() for name in row)
            console.print(_table(part, found[part], {name: name for name in names}))


def _table(title: str, columns: Mapping[str, Mapping[str, float]], rows: Mapping[str, str]) -> Table:
    table = Table("", *(NAMES.get(name, name) for name in columns), title=title)
    for name, text in rows.items():
        if any(name in figures for figures in columns.values()):
            table.add_row(text, *(_number(figures.get(name)) for figures in columns.values()))
    return table


def _curves(part: str, name: str, curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """At each point: answers a second, median / 99th percentile in ms, CPU µs a call."""
    points = [f"{point[name]:g}" for point in next(iter(curves.values()))]
    table = Table(f"by {name}", *points, title=f"{part}: calls a second · median / 99th percentile ms · CPU µs a call")
    for contender, curve in curves.items():
        cells = (
            f"{_number(p['per_s'])} · {_number(p['p50_ms'])} / {_number(p['p99_ms'])} · {_number(p['cpu_us'])}"
            for p in curve
        )
        table.add_row(NAMES.get(contender, contender), *cells)
    return table


def _tell_inside(inside: Mapping[str, Any], console: Console) -> None:
    plain = {"processes": "processes", "rss_mb": "MB resident", "pss_mb": "  shared once", "starts_s": "s to be ready"}
    console.print(_table("memory and start", inside, plain))
    for part in ("stages_lone_us", "stages_us", "threads_us"):
        told = {name: found[part] for name, found in inside.items() if found[part]}
        names = dict.fromkeys(name for row in told.values() for name in row)
        console.print(_table(part, told, {name: name for name in names}))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3 if abs(value) < 1 else 2
    return f"{value:,.{digits}f}"
