"""A service in a process of its own, and calls that come whether it keeps up or not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import grpc

from tests.example import EXAMPLE
from tests.fixtures_service import STATE_URL

Call = Callable[[int], Awaitable[object]]
"""One call; its argument counts up."""


@dataclass(slots=True, kw_only=True)
class CallTally:
    """What became of calls: by status, and the seconds that those took which were answered."""

    by_status: Counter[str] = field(default_factory=Counter)
    answered_s: list[float] = field(default_factory=list)
    refusals: list[grpc.aio.AioRpcError] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.by_status.total()

    @property
    def answered(self) -> int:
        return self.by_status["OK"]

    @property
    def share(self) -> float:
        return self.answered / self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedProcess:
    """Where a service listens, and the number of its process."""

    port: int
    process_id: int


@contextmanager
def served(home: Path, **variables: str) -> Iterator[int]:
    """A service over this home, as `rumbo serve` would, whose clock is that of the tests. Yields: its port."""
    with served_process(home, **variables) as started:
        yield started.port


@contextmanager
def served_process(home: Path, **variables: str) -> Iterator[ServedProcess]:
    """The same. Yields: its process too."""
    own = home / "catalogue"
    catalogue = own if own.is_dir() else EXAMPLE
    command = [sys.executable, "-m", "tests.benchmarks.served", "decide", str(home), str(catalogue)]
    environment = {**os.environ, **variables}
    if (home / STATE_URL).is_file():
        environment["RUMBO_STATE_URL"] = (home / STATE_URL).read_text(encoding="utf-8")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port, _ = process.stdout.readline().split()
        try:
            yield ServedProcess(port=int(port), process_id=process.pid)
        finally:
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


async def saturation(call: Call, callers: int, seconds: float) -> float:
    """Answers a second, with so many callers each of which asks again as soon as it is answered."""
    begins, told = perf_counter(), CallTally()
    await steadily(call, callers, lambda: perf_counter() - begins >= seconds, told)
    return told.answered / (perf_counter() - begins)


async def steadily(call: Call, callers: int, is_over: Callable[[], bool], told: CallTally) -> None:
    """So many callers, each of which asks again as soon as it has its answer."""

    async def caller(n: int) -> None:
        while not is_over():
            await _one(call, n, told)
            n += callers

    await asyncio.gather(*(caller(n) for n in range(callers)))


async def flood(call: Call, per_s: float, seconds: float, told: CallTally | None = None) -> CallTally:
    """Calls come at their time, whatever became of earlier ones."""
    begins, told = perf_counter(), CallTally() if told is None else told
    async with asyncio.TaskGroup() as group:
        for n in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, begins + n / per_s - perf_counter()))
            group.create_task(_one(call, n, told))
    return told


async def _one(call: Call, n: int, told: CallTally) -> None:
    begins = perf_counter()
    try:
        await call(n)
    except grpc.aio.AioRpcError as error:
        told.by_status[error.code().name] += 1
        told.refusals.append(error)
    else:
        told.by_status["OK"] += 1
        told.answered_s.append(perf_counter() - begins)
