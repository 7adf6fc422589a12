"""What the figures of a run should be, and what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.speed.report import ECHO, GLUE, GLUE_HTTP, SERVERS, SQLITE, TWO


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`is_least`: the limit is the least that will do, and not the most."""

    text: str
    value: float
    limit: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """False of what is no number."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit


def targets(found: Mapping[str, Any]) -> list[Target]:
    """Of the parts and contenders that were measured, no others."""
    compared = found.get("compared", {})
    return [
        *(_of_echo(compared[SQLITE]) if SQLITE in compared and ECHO in compared else ()),
        *_of_others(compared),
        *_of_growth(found),
        *(target for name, told in found.get("overload", {}).items() for target in _of_overload(name, told)),
        *(_of_process(found["inside"][SQLITE]) if SQLITE in found.get("inside", {}) else ()),
    ]


def _of_echo(sqlite: Mapping[str, float]) -> Iterator[Target]:
    cpu = sqlite[f"cpu_ratio_{ECHO}"]
    yield Target(text="CPU of an echo ÷ CPU of a decision", value=cpu, limit=0.20, is_least=True)
    yield Target(text="median of a lone call ÷ the echo's", value=sqlite[f"lone_p50_by_{ECHO}"], limit=5.0)
    yield Target(text="p99 at half of the maximum ÷ the echo's", value=sqlite[f"half_p99_by_{ECHO}"], limit=4.0)


def _of_others(compared: Mapping[str, Mapping[str, float]]) -> Iterator[Target]:
    throughput = f"throughput_ratio_{SQLITE}"
    for name, least in ((GLUE, 12.0), (GLUE_HTTP, 18.0)):
        if name in compared:
            by_it = 1 / compared[name][throughput]
            yield Target(text=f"throughput ÷ that of {name}", value=by_it, limit=least, is_least=True)
    if SERVERS in compared:
        told = compared[SERVERS][throughput]
        yield Target(text="throughput of Valkey + PostgreSQL ÷ SQLite's", value=told, limit=0.6, is_least=True)
    if TWO in compared:
        cpu = 1 / compared[TWO][f"cpu_ratio_{SQLITE}"]
        yield Target(text="2 workers: CPU a decision ÷ that of one", value=cpu, limit=1.15)
        told = compared[TWO][throughput]
        yield Target(text="2 workers: throughput ÷ that of one", value=told, limit=1.3, is_least=True)


def _of_growth(found: Mapping[str, Any]) -> Iterator[Target]:
    if "journeys" in found:
        told = found["journeys"]["1000 journeys"]["cpu_by_base"]
        yield Target(text="CPU at 1,000 journeys ÷ at 50", value=told, limit=5.0)
    for name, told in list(found.get("customers", {}).items())[1:]:
        yield Target(text=f"CPU, {name} ÷ few", value=told["cpu_by_base"], limit=1.5)


def _of_overload(name: str, told: Mapping[str, float]) -> Iterator[Target]:
    yield Target(text=f"{name}, twice saturation: goodput", value=told["goodput"], limit=0.9, is_least=True)
    yield Target(text=f"{name}: p99 of what is answered ÷ at saturation", value=told["p99_by_saturation"], limit=3.0)
    yield Target(text=f"{name}: answers after their deadline", value=told["answered_late"], limit=0.0)
    yield Target(text=f"{name}: orphan reservations", value=told["orphans"], limit=0.0)


def _of_process(sqlite: Mapping[str, float]) -> Iterator[Target]:
    yield Target(text="s until it is ready", value=sqlite["starts_s"], limit=4.0)
    yield Target(text="MB resident of the process that serves", value=sqlite["first_rss_mb"], limit=250.0)
