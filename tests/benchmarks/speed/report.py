"""What a run has found until now, written after each part, so that nothing is lost by a part that fails."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from tests.benchmarks.speed.figures import Figures, column, of_rounds, ratio, spread
from tests.benchmarks.speed.lengths import Lengths

ECHO, SQLITE, SERVERS, GLUE, GLUE_HTTP, TWO = "echo", "sqlite", "servers", "glue", "glue_http", "sqlite_2_workers"
NAMES = {
    ECHO: "gRPC echo",
    SQLITE: "Rumbo, SQLite",
    SERVERS: "Rumbo, Valkey + PostgreSQL",
    GLUE: "glue, one process",
    GLUE_HTTP: "glue over HTTP",
    TWO: "Rumbo, SQLite, 2 workers",
}
"""The contenders of the rounds, as people read them."""


class Report:
    def __init__(self, file: Path, lengths: Lengths) -> None:
        self._file = file
        self.found: dict[str, Any] = {
            "run": {
                "seconds": lengths.seconds,
                "rounds": lengths.rounds,
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "kernel": platform.release(),
                "load_before": os.getloadavg()[0],
            }
        }

    def tell(self, part: str, found: Any) -> None:
        self.found[part] = found
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")


def compared(rounds: dict[str, list[Figures]]) -> dict[str, Figures]:
    """The medians of each contender; and, of each round, its figures by those of the echo, Rumbo's and so on."""
    found = {name: of_rounds(told) for name, told in rounds.items()}
    for name, told in rounds.items():
        for base in (ECHO, SQLITE):
            if base in rounds and base != name:
                found[name] |= _by(told, rounds[base], base)
    return found


def _by(told: list[Figures], base: list[Figures], name: str) -> Figures:
    """`cpu_ratio`: the base's CPU by this one's; throughput by the base's; latencies by the base's."""
    cpu = column(base, "cpu_us"), column(told, "cpu_us")
    least, most = spread(*cpu)
    return {
        f"cpu_ratio_{name}": ratio(*cpu),
        f"cpu_ratio_{name}_least": least,
        f"cpu_ratio_{name}_most": most,
        f"throughput_ratio_{name}": ratio(column(told, "per_s"), column(base, "per_s")),
        **{
            f"{figure.removesuffix('_ms')}_by_{name}": ratio(column(told, figure), column(base, figure))
            for figure in ("lone_p50_ms", "half_p99_ms")
        },
    }
