"""Many drawn histories, some at a time, each in a world of its own."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from features.company.company import load_company
from features.company.home import make_home_of
from tests.example import COMPANY
from tests.fixtures_service import STATE_URL
from tests.oracle.draw import Draw
from tests.oracle.judge import Coverage
from tests.oracle.play import played

log = logging.getLogger("oracle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A world to play in: so many decisions, over a wire or without, in a file or in the database that is named."""

    seed: str
    decisions: int
    over_grpc: bool = False
    state_url: str | None = None
    focus: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    task: Task
    seen: Coverage
    faults: Sequence[str]


def run(task: Task) -> Result:
    """Plays in a folder that is gone afterwards."""
    with _silent(), tempfile.TemporaryDirectory(prefix="oracle-") as home:
        make_home_of(load_company(COMPANY), Path(home))
        if task.state_url is not None:
            (Path(home) / STATE_URL).write_text(task.state_url)
        return asyncio.run(_run(task, Path(home)))


@contextmanager
def _silent() -> Iterator[None]:
    """Nobody prepared a feature store to be told, and the service says so."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)


async def _run(task: Task, home: Path) -> Result:
    async with played(home, Draw(task.seed, task.focus), over_grpc=task.over_grpc) as play:
        await play.run(task.decisions)
    return Result(task=task, seen=play.seen, faults=play.faults)


def run_all(tasks: Iterable[Task]) -> Iterator[Result]:
    """A process a core; results as they come."""
    waiting = iter(tasks)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        under_way = {pool.submit(run, task) for task in islice(waiting, 2 * (os.cpu_count() or 1))}
        while under_way:
            done = next(as_completed(under_way))
            under_way.remove(done)
            under_way |= {pool.submit(run, task) for task in islice(waiting, 1)}
            yield done.result()
