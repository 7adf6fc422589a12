"""Where the time of a decision goes: the service under load, looked at by py-spy, which must be on the path.

    python -m tests.benchmarks.speed.profile [THREAD]        # decide

Samples of a thread while it holds the interpreter's lock; how much CPU each thread takes, `make bench` tells: a loop
that waits may look as if it held the lock. The samples stay in profile.raw.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.benchmarks.speed.asker import asking, questions
from tests.benchmarks.speed.catalogues import write_catalogue
from tests.benchmarks.speed.contenders import Contender, decides
from tests.benchmarks.speed.grocer import Grocer, own_copy, prepared
from tests.benchmarks.speed.lengths import Lengths
from tests.benchmarks.speed.measure import CALLERS, Measured
from tests.benchmarks.speed.parts import JOURNEYS

RATE = 200
SHOWN = 30
_PLACE = re.compile(r"(?P<function>\S+) \((?P<file>[^:)]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A stack that was seen so often: functions from the outermost to the innermost, as `name (file)`."""

    thread: str
    stack: tuple[str, ...]
    count: int


def samples(raw: Iterable[str]) -> Iterator[Sample]:
    """Of py-spy's raw form: a stack a line, its frames with semicolons between, and how often it was seen."""
    for line in raw:
        text, _, count = line.rpartition(" ")
        thread, *frames = text.split(";")
        stack = tuple(f"{found['function']} ({found['file']})" for f in frames if (found := _PLACE.match(f)))
        yield Sample(thread=thread, stack=stack, count=int(count))


def shares(seen: Iterable[Sample], *, is_own: bool) -> list[tuple[str, float]]:
    """The share of each function, the largest first: `is_own`, where it is the innermost; else wherever it is."""
    counts, total = Counter[str](), 0
    for sample in seen:
        total += sample.count
        for frame in sample.stack[-1:] if is_own else set(sample.stack):
            counts[frame] += sample.count
    return [(name, count / total) for name, count in counts.most_common()]


async def _load(contender: Contender, grocer: Grocer, seconds: float, raw: Path) -> None:
    customers = grocer.customers()
    random.Random(1).shuffle(customers)
    async with asking(contender, questions(customers)) as asker:
        measured = Measured(contender=contender, asker=asker, numbers=itertools.count())
        await measured.warm(seconds)
        process = max(contender.tree.processes(), key=lambda one: one.cpu_times().user)
        command = ["py-spy", "record", "--pid", str(process.pid), "--duration", str(int(seconds)), "--gil", "--threads"]
        command += ["--rate", str(RATE), "--format", "raw", "--output", str(raw)]
        looks = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        await measured.closed(CALLERS, seconds)
        await asyncio.to_thread(looks.wait, seconds + 60)


def main(thread: str = "decide") -> None:
    lengths = Lengths.of_environment()
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        grocer = prepared((lengths.folder or scratch) / "grocer")
        write_catalogue(scratch / "catalogue", JOURNEYS)
        own, raw = own_copy(grocer, scratch / "own"), lengths.out / "profile.raw"
        raw.parent.mkdir(parents=True, exist_ok=True)
        contender = opened.enter_context(decides("profile", own, scratch / "catalogue", scratch))
        uvloop.run(_load(contender, own, lengths.seconds, raw))
        seen = list(samples(raw.read_text(encoding="utf-8").splitlines()))
    chosen = [sample for sample in seen if sample.thread.endswith(f": {thread}")]
    sys.stdout.write(f"{sum(sample.count for sample in chosen)} samples of {thread}\n")
    for title, is_own in (("by itself", True), ("with all that it calls", False)):
        sys.stdout.write(f"\n{title}\n")
        for name, share in shares(chosen, is_own=is_own)[:SHOWN]:
            sys.stdout.write(f"{share:6.1%}  {name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
