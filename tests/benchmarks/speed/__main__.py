"""`make bench`: every contender in one run, by turns, from a process of its own. A table, bench.json and bench.png.

BENCH_SECONDS (4) of each load, BENCH_ROUNDS (5), BENCH_ONLY (echo,sqlite,…: fewer contenders), BENCH_FOLDER (keeps
what is prepared for the next run), RUMBO_BENCH_OUT (where the figures go).
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop
from rich.console import Console

from service.quiet_load import kept_for_good
from tests.benchmarks.speed.lengths import Lengths
from tests.benchmarks.speed.parts import Parts
from tests.benchmarks.speed.report import Report
from tests.benchmarks.speed.table import tables


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # whatever was started is ended on the way out
    lengths, console = Lengths.of_environment(), Console(width=120)
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        report = Report(lengths.out / "bench.json", lengths)
        parts = Parts(lengths, scratch, report, Console(stderr=True).log)
        opened.enter_context(kept_for_good())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(parts.run())
    for table in tables(report.found):
        console.print(table)
    console.print(f"{lengths.out / 'bench.json'}, {lengths.out / 'bench.png'}", highlight=False)


if __name__ == "__main__":
    main()
