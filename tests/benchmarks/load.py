"""Loads a gRPC method from this process: lone calls, as many as it can take, or so many a second."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

import numpy as np

Call = Callable[[int], Awaitable[object]]
"""One call; its argument counts up."""
CALLERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """`per_s`: calls a second with `CALLERS` callers; times in µs, of lone calls and at half of that load."""

    per_s: float
    lone_p50_us: float
    half_p50_us: float
    half_p99_us: float


_numbers = itertools.count()


async def warm(call: Call) -> None:
    await _closed(call, _numbers, 1.0)


async def lone(call: Call, calls: int = 400) -> list[float]:
    """Calls one after another. Returns: µs of each."""
    return [await _timed(call, next(_numbers)) for _ in range(calls)]


async def measure(call: Call, lone_us: Sequence[float], seconds: float = 6.0) -> LoadFigures:
    """What the method can take, and how long its calls take at half of that."""
    per_s = await _closed(call, _numbers, seconds)
    half_us = await _open(call, _numbers, per_s / 2, seconds)
    return LoadFigures(
        per_s=per_s,
        lone_p50_us=float(np.median(lone_us)),
        half_p50_us=float(np.median(half_us)),
        half_p99_us=float(np.percentile(half_us, 99)),
    )


async def _timed(call: Call, number: int) -> float:
    begins = perf_counter()
    await call(number)
    return (perf_counter() - begins) * 1e6


async def _closed(call: Call, numbers: Iterator[int], seconds: float) -> float:
    """Each caller asks again as soon as it is answered. Returns: calls a second."""
    begins, done = perf_counter(), 0

    async def caller() -> None:
        nonlocal done
        while perf_counter() - begins < seconds:
            await call(next(numbers))
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (perf_counter() - begins)


async def _open(call: Call, numbers: Iterator[int], per_s: float, seconds: float) -> list[float]:
    """Calls come at their time, whether earlier ones were answered or not; a late start counts as waiting."""
    begins, taken = perf_counter(), list[float]()

    async def one(due: float) -> None:
        await call(next(numbers))
        taken.append((perf_counter() - due) * 1e6)

    async with asyncio.TaskGroup() as group:
        for n in range(int(per_s * seconds)):
            due = begins + n / per_s
            with suppress(ValueError):
                await asyncio.sleep(max(0.0, due - perf_counter()))
            group.create_task(one(due))
    return taken
