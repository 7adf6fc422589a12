"""A thread of its own that carries out what waits, in batches: what came while one was under way shares the next.

    submit ──> queue ──> one thread: take all that waits ──> carry out ──> each caller's answer, each loop woken once
                 ^                                              │
                 └────────── at the head: what must go round again

Nobody waits for a batch to fill: what comes alone is a batch of one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")


class BatchesClosed(Exception):
    """Nothing more is taken."""


class Waiting(Generic[Item, Result]):
    """What was handed in, and whoever waits for its answer: a result or an error, set by who carries it out."""

    __slots__ = ("answer", "error", "item", "loop", "result", "since_s")

    def __init__(self, item: Item, loop: asyncio.AbstractEventLoop) -> None:
        self.item = item
        self.loop = loop
        self.answer: asyncio.Future[Result] = loop.create_future()
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.since_s = time.monotonic()

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.answer.cancelled()

    def deliver(self, lost: Callable[[Item, Result], None]) -> None:
        """Sets the answer, in the event loop of whoever waits for it; they may have gone."""
        if self.is_gone:
            self.lose(lost)
        elif self.error is not None:
            self.answer.set_exception(_raisable(self.error))
        else:
            self.answer.set_result(cast("Result", self.result))

    def lose(self, lost: Callable[[Item, Result], None]) -> None:
        """Tells of the result, if there is one, in a turn of its own: what goes wrong there keeps nobody waiting."""
        if self.result is not None:
            self.loop.call_soon(lost, self.item, self.result)


CarryOut = Callable[[Sequence[Waiting[Item, Result]]], Sequence[Waiting[Item, Result]]]
"""Gives each a result or an error. Returns: those that must go round again, in their order."""


class Batches(Generic[Item, Result]):
    """`carry_out` is called in the thread only; `lost` in the loop of who asked, soon after they were gone."""

    def __init__(
        self,
        carry_out: CarryOut[Item, Result],
        name: str,
        *,
        largest: int,
        lost: Callable[[Item, Result], None] = lambda item, result: None,
    ) -> None:
        """`lost` is told of each result that nobody waits for any more."""
        self._carry_out = carry_out
        self._largest = largest
        self._lost = lost
        self._queue: queue.SimpleQueue[Waiting[Item, Result] | None] = queue.SimpleQueue()
        self._since_s: deque[float] = deque()
        """Of each in the queue, in its order: when it was handed in."""
        self._is_closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """The answer comes once it is carried out; one that is cancelled before it is begun is not.

        Raises: BatchesClosed after `close`.
        """
        return self._submit(item).answer

    async def ask(self, item: Item) -> Result:
        """As `submit`; a caller who is cancelled at any moment gets no answer, and a result is `lost` then."""
        waiting = self._submit(item)
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            if waiting.answer.done() and not waiting.is_gone and waiting.answer.exception() is None:
                waiting.lose(self._lost)  # delivered, but not taken
            raise

    @property
    def waiting(self) -> int:
        """How many wait to be begun; some may have gone."""
        return self._queue.qsize()

    @property
    def oldest_s(self) -> float:
        """How long the first of them has waited; 0 if none does."""
        try:
            return time.monotonic() - self._since_s[0]
        except IndexError:
            return 0.0

    def close(self, within_s: float | None = None) -> None:
        """Does what waits, then ends the thread. Blocking, no longer than that; a second call waits again."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join(within_s)

    def _submit(self, item: Item) -> Waiting[Item, Result]:
        waiting = Waiting[Item, Result](item, asyncio.get_running_loop())
        with self._lock:
            if self._is_closed:
                raise BatchesClosed
            self._since_s.append(waiting.since_s)
            self._queue.put(waiting)
        return waiting

    def _run(self) -> None:
        again: Sequence[Waiting[Item, Result]] = ()
        is_last = False
        while again or not is_last:
            batch, is_last = self._next(again, is_last)
            again = self._round(batch)
            del batch  # what was answered is not held while nothing comes

    def _next(self, again: Sequence[Waiting[Item, Result]], is_last: bool) -> tuple[list[Waiting[Item, Result]], bool]:
        """Those that are wanted still, and whether nothing will come any more."""
        batch = list(again)
        is_last = is_last or self._fill(batch)
        return [waiting for waiting in batch if not waiting.is_gone], is_last

    def _round(self, batch: Sequence[Waiting[Item, Result]]) -> Sequence[Waiting[Item, Result]]:
        """Returns: those that must go round again."""
        again = self._carried_out(batch) if batch else ()
        _deliver([waiting for waiting in batch if waiting not in again], self._lost)
        return again

    def _fill(self, batch: list[Waiting[Item, Result]]) -> bool:
        """Adds what waits; waits itself while the batch is empty. Returns: whether nothing will come any more."""
        while len(batch) < self._largest:
            try:
                waiting = self._queue.get(block=not batch)
            except queue.Empty:
                return False
            if waiting is None:
                return True
            self._since_s.popleft()
            batch.append(waiting)
        return False

    def _carried_out(self, batch: Sequence[Waiting[Item, Result]]) -> Sequence[Waiting[Item, Result]]:
        """An error that nobody expected is everybody's who has no answer yet, and ends no thread."""
        try:
            return self._carry_out(batch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked
            for waiting in batch:
                if waiting.result is None and waiting.error is None:
                    waiting.error = error
            return ()


def _raisable(error: BaseException) -> BaseException:
    """The error, or one that says it where a future takes none such, or where it would end the loop of all."""
    if not isinstance(error, StopIteration | SystemExit | KeyboardInterrupt):
        return error
    told = RuntimeError(f"{type(error).__name__} in the thread that answers")
    told.__cause__ = error
    return told


def _deliver(batch: Sequence[Waiting[Item, Result]], lost: Callable[[Item, Result], None]) -> None:
    """Wakes each loop once, for waking costs more than answering. A loop that is closed has nobody who waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiting[Item, Result]]] = {}
    for waiting in batch:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_deliver_all, answered, lost)


def _deliver_all(batch: Sequence[Waiting[Item, Result]], lost: Callable[[Item, Result], None]) -> None:
    for waiting in batch:
        waiting.deliver(lost)
