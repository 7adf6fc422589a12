"""How calls are sent and counted, by a clock that goes on when everybody waits."""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import pytest

from tests.benchmarks.speed.figures import Calls, ms
from tests.benchmarks.speed.load import closed, opened


class _NobodyReady(selectors.SelectSelector):
    """Time goes on by as much as the loop would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only while nothing is to be done."""

    def __init__(self) -> None:
        self._virtual = _NobodyReady()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def played(load: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, Calls]]) -> Calls:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(load(loop))
    finally:
        loop.close()


class Server:
    """Answers in its time, one call after another, and stops for a while once."""

    def __init__(self, takes_s: float, stop: range = range(0), stops_s: float = 0.0) -> None:
        self._takes_s, self._stop, self._stops_s = takes_s, stop, stops_s
        self._turn = asyncio.Lock()

    async def answer(self, number: int) -> None:
        async with self._turn:
            await asyncio.sleep(self._stops_s if number in self._stop else self._takes_s)


def _until(loop: asyncio.AbstractEventLoop) -> Callable[[float], Coroutine[Any, Any, None]]:
    async def wait(due: float) -> None:
        await asyncio.sleep(due - loop.time())

    return wait


def test_calls_are_due_at_their_rate_whatever_became_of_earlier_ones() -> None:
    """A server that takes 1 s for a call is asked 4 times a second: the last of 8 waits for all before it."""

    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        return await opened(Server(1.0).answer, itertools.count(), 4.0, 2.0, _until(loop), loop.time)

    calls = played(load)
    assert calls.taken_s == pytest.approx([1.0 + 0.75 * n for n in range(8)])
    assert calls.seconds == pytest.approx(8.0)
    assert calls.per_s == pytest.approx(1.0)
    assert calls.late_s == pytest.approx([0.0] * 8)


def test_a_stop_is_charged_to_every_call_that_came_meanwhile() -> None:
    """100 calls a second of 1 ms each; one takes a second. A caller who waited for it would see one slow call of 1,000:
    here those of that second wait 500 ms in the mean, so that the 95th percentile tells of it."""

    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        server = Server(0.001, stop=range(100, 101), stops_s=1.0)
        return await opened(server.answer, itertools.count(), 100.0, 10.0, _until(loop), loop.time)

    calls = played(load)
    assert ms(calls.taken_s, 0.5) == pytest.approx(1.0)
    assert ms(calls.taken_s, 1.0) == pytest.approx(1000.0)
    assert sum(taken > 0.1 for taken in calls.taken_s) == pytest.approx(100, abs=2)
    assert ms(calls.taken_s, 0.95) > 400.0


def test_what_is_sent_late_counts_from_when_it_was_due() -> None:
    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        async def late(due: float) -> None:
            await asyncio.sleep(max(due + 0.5 - loop.time(), 0.0))

        return await opened(Server(0.0).answer, itertools.count(), 1.0, 3.0, late, loop.time)

    calls = played(load)
    assert calls.late_s == pytest.approx([0.5] * 3)
    assert calls.taken_s == pytest.approx([0.5] * 3)


def test_callers_of_a_closed_loop_ask_again_as_soon_as_they_are_answered() -> None:
    """Three callers of a server that takes one at a time: each waits for the two others."""

    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        return await closed(Server(0.1).answer, itertools.count(), 3, 3.0, loop.time)

    calls = played(load)
    assert ms(calls.taken_s, 0.5) == pytest.approx(300.0)
    assert calls.per_s == pytest.approx(10.0)


def test_no_two_calls_have_one_number() -> None:
    asked: list[int] = []
    numbers = itertools.count(40)

    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        async def call(number: int) -> None:
            asked.append(number)
            await asyncio.sleep(0.1)

        await closed(call, numbers, 2, 0.5, loop.time)
        return await opened(call, numbers, 10.0, 0.5, _until(loop), loop.time)

    played(load)
    assert sorted(asked) == list(range(40, 40 + len(asked)))


def test_a_call_that_fails_is_counted_by_its_status_and_is_no_answer() -> None:
    async def load(loop: asyncio.AbstractEventLoop) -> Calls:
        async def call(number: int) -> None:
            if number % 2:
                nothing = grpc.aio.Metadata()
                raise grpc.aio.AioRpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, nothing, nothing)

        return await opened(call, itertools.count(), 10.0, 1.0, _until(loop), loop.time)

    calls = played(load)
    assert calls.failed == {"RESOURCE_EXHAUSTED": 5}
    assert len(calls.taken_s) == 5
