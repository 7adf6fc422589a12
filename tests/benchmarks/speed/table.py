"""The figures of a run as tables, for a terminal or, by `python -m tests.benchmarks.speed.table FILE`, in Markdown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.benchmarks.speed.report import NAMES
from tests.benchmarks.speed.targets import targets

MAIN = {
    "per_s": "calls a second, 32 callers",
    "p50_ms": "ms of a call, 32 callers: median",
    "p99_ms": "99th percentile",
    "cpu_us": "CPU µs a call",
    "cpu_with_servers_us": "with its databases",
    "lone_p50_ms": "ms of a lone call: median",
    "lone_cpu_us": "CPU µs of a lone call",
    "half_p50_ms": "ms at half its maximum: median",
    "half_p99_ms": "99th percentile at half",
    "half_sent_late_p99_ms": "of that, sent late",
    "failed": "share that failed, 32 callers",
    "half_failed": "share that failed at half",
    "cpu_ratio_echo": "CPU of the echo ÷ its own",
    "cpu_ratio_echo_least": "least of a round",
    "cpu_ratio_echo_most": "most of a round",
    "throughput_ratio_echo": "throughput ÷ the echo's",
    "lone_p50_by_echo": "lone median ÷ the echo's",
    "half_p99_by_echo": "99th percentile at half ÷ the echo's",
    "throughput_ratio_sqlite": "throughput ÷ that of Rumbo on SQLite",
}
PROCESS = {
    "processes": "processes",
    "rss_mb": "MB resident",
    "pss_mb": "MB, shared once",
    "first_rss_mb": "MB resident of the first process alone",
    "starts_s": "s to be ready",
}
GROWTH = {
    "per_s": "calls a second",
    "cpu_us": "CPU µs a call",
    "cpu_by_base": "CPU ÷ that of the base",
    "p50_ms": "ms: median",
    "p99_ms": "99th percentile",
    "failed": "share that failed",
    "catalogue_load_s": "s to load the catalogue",
    "starts_s": "s to be ready",
    "rss_mb": "MB resident",
}
OVERLOAD = {
    "saturation_per_s": "answers a second at saturation",
    "saturation_p99_ms": "99th percentile there, ms",
    "goodput": "answers in time at twice of it ÷ those",
    "p50_ms": "ms of what is answered: median",
    "p99_ms": "99th percentile",
    "p99_by_saturation": "÷ that at saturation",
    "refused_share": "share refused at once",
    "past_deadline_share": "share past its deadline",
    "failed_otherwise": "failed otherwise",
    "answered_late": "answered after the deadline",
    "unanswered": "decided, their callers gone",
    "orphans": "reservations that were left by those",
}
PARTS = {
    "overload": ("Twice saturation, a deadline of 1 s", OVERLOAD),
    "journeys": ("Journeys on the channel, SQLite", GROWTH),
    "features": ("Features beside the 53 of the example", GROWTH),
    "customers": ("What is known of a customer", GROWTH),
}


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """Every part that was measured."""
    run = found["run"]
    what = f"medians of {run['rounds']} rounds of {run['seconds']:g} s on {run['cores']} cores"
    size = found.get("answer_bytes")
    yield _table(f"Decide with 50 journeys, {size} bytes an answer: {what}", found.get("compared", {}), MAIN)
    for part, name in (("rates", "share of its maximum"), ("callers", "callers")):
        if part in found:
            yield _curves(name, found[part])
    if "inside" in found:
        yield from _inside(found["inside"])
    for part, (title, rows) in PARTS.items():
        if found.get(part):
            yield _table(title, found[part], rows)
    yield _targets(found)


def _table(title: str, columns: Mapping[str, Mapping[str, float]], rows: Mapping[str, str]) -> Table:
    table = Table("", *(NAMES.get(name, name) for name in columns), title=title)
    for name, text in rows.items():
        if any(name in figures for figures in columns.values()):
            table.add_row(text, *(_number(figures.get(name)) for figures in columns.values()))
    return table


def _curves(name: str, curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """At each point: answers a second, median / 99th percentile in ms, CPU µs a call."""
    key = name.partition(" ")[0]
    points = [f"{point[key]:g}" for point in next(iter(curves.values()))]
    table = Table(name, *points, title=f"By {name}: calls a second · median / 99th percentile ms · CPU µs a call")
    for contender, curve in curves.items():
        cells = (
            f"{_number(p['per_s'])} · {_number(p['p50_ms'])} / {_number(p['p99_ms'])} · {_number(p['cpu_us'])}"
            for p in curve
        )
        table.add_row(NAMES.get(contender, contender), *cells)
    return table


def _inside(inside: Mapping[str, Any]) -> Iterator[Table]:
    yield _table("Memory and start", inside, PROCESS)
    titles = {
        "stages_lone_us": "µs that a lone call is in each stage",
        "stages_us": "The same with 32 callers: of the whole batch that it is in",
        "threads_us": "CPU µs a call by thread, 32 callers",
    }
    for part, title in titles.items():
        told = {name: found[part] for name, found in inside.items() if found[part]}
        if told:
            names = dict.fromkeys(name for row in told.values() for name in row)
            yield _table(title, told, {name: name for name in names})


def _targets(found: Mapping[str, Any]) -> Table:
    table = Table("", "measured", "to be", "met", title="What it should be")
    for one in targets(found):
        limit = f"{'≥' if one.is_least else '≤'} {one.limit:g}"
        table.add_row(one.text, _number(one.value), limit, "yes" if one.is_met else "no")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    size = abs(value)
    digits = 0 if size >= 100 or value % 1 == 0 else 1 if size >= 10 else 2
    return f"{value:.2g}" if 0 < size < 0.01 else f"{value:,.{digits}f}"


def markdown(table: Table) -> str:
    heads = [str(column.header) for column in table.columns]
    rows = zip(*(map(str, column.cells) for column in table.columns), strict=True)
    lines = [heads, ["---"] * len(heads), *(list(row) for row in rows)]
    return f"**{table.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    kept = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write("\n".join(markdown(table) for table in tables(kept)))
