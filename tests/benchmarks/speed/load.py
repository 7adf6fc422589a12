"""Calls a method from this process: as fast as so many callers can, or at their time, whatever became of earlier ones.

In the open loop the time of a call counts from when it was due: a server that stops for a moment is charged for every
call that came meanwhile (Tene: no coordinated omission).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

import grpc

from tests.benchmarks.speed.figures import Calls

Call = Callable[[int], Awaitable[object]]
"""One call; its argument counts up over the whole run, so that each is of another customer than the one before."""
Clock = Callable[[], float]
Wait = Callable[[float], Awaitable[None]]
"""Waits until an instant of the clock."""


class Tally:
    """What became of calls until now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.taken_s: list[float] = []
        self.late_s: list[float] = []
        self.failed = Counter[str]()

    async def one(self, call: Call, number: int, due: float) -> None:
        self.late_s.append(self._clock() - due)
        try:
            await call(number)
        except grpc.aio.AioRpcError as error:
            self.failed[error.code().name] += 1
        else:
            self.taken_s.append(self._clock() - due)

    def calls(self, seconds: float) -> Calls:
        return Calls(seconds=seconds, taken_s=self.taken_s, late_s=self.late_s, failed=self.failed)


async def closed(
    call: Call, numbers: Iterator[int], callers: int, seconds: float, clock: Clock = perf_counter
) -> Calls:
    """So many callers, each of which asks again as soon as it is answered."""
    tally, begins = Tally(clock), clock()

    async def caller() -> None:
        while clock() - begins < seconds:
            await tally.one(call, next(numbers), clock())

    await asyncio.gather(*(caller() for _ in range(callers)))
    return tally.calls(clock() - begins)


async def opened(
    call: Call, numbers: Iterator[int], per_s: float, seconds: float, wait: Wait, clock: Clock = perf_counter
) -> Calls:
    """So many calls a second, evenly spaced, none of which waits for another.

    `seconds` of the result ends with the last answer, so that its rate is what was answered and not what was asked.
    """
    tally, begins = Tally(clock), clock()
    async with asyncio.TaskGroup() as group:
        for n in range(max(int(per_s * seconds), 1)):
            due = begins + n / per_s
            await wait(due)
            group.create_task(tally.one(call, next(numbers), due))
    return tally.calls(clock() - begins)


def numbers() -> Iterator[int]:
    return itertools.count()
