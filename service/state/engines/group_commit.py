"""Writes that wait while one transaction runs share the next, in the order of their arrival.

    submit ──> queue ──> one thread: begin, run, run, …, commit ──> each caller's answer

Nobody is answered before what it asked for is durable. Each sees what those before it did. If
one fails, the transaction is rolled back and each is done again by itself, so that it fails alone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from service.state.engines.session import Transaction
from service.state.port import StatementRefused, StateUnavailable

Result = TypeVar("Result")
LARGEST_GROUP = 64

Transact = Callable[[Sequence[Transaction[Any]]], list[Any]]
"""Carries all out in one durable transaction of the database; any error rolls it back.

After StateUnavailable none is done again."""


class _WaitingTransaction(Generic[Result]):
    """A transaction and whoever waits for it."""

    __slots__ = ("answer", "error", "loop", "result", "transaction")

    def __init__(self, transaction: Transaction[Result], loop: asyncio.AbstractEventLoop) -> None:
        self.transaction = transaction
        self.loop = loop
        self.answer: asyncio.Future[Result] = loop.create_future()
        self.result: Result | None = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        """Sets the answer, in the event loop of whoever waits for it; they may have gone."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(cast("Result", self.result))


class GroupCommit:
    """A thread of its own for all writes of a store object. `transact` is called in that thread only."""

    def __init__(self, transact: Transact, name: str) -> None:
        self._transact = transact
        self._waiting: queue.SimpleQueue[_WaitingTransaction[Any] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, transaction: Transaction[Result]) -> asyncio.Future[Result]:
        """The answer comes once it is durable. One that is cancelled before it is begun is not done.

        Raises: StateUnavailable after `close`.
        """
        waiting = _WaitingTransaction(transaction, asyncio.get_running_loop())
        with self._lock:
            if self._is_closed:
                raise StateUnavailable("the state store is closed")
            self._waiting.put(waiting)
        return waiting.answer

    def close(self) -> None:
        """Does what waits, then ends the thread. Blocking; a second call does nothing."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group = [self._waiting.get()]
            while len(group) < LARGEST_GROUP and group[-1] is not None:
                try:
                    group.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            is_last = group[-1] is None
            wanted = [w for w in group if w is not None and not w.answer.cancelled()]
            self._commit(wanted)
            _deliver(wanted)

    def _commit(self, group: Sequence[_WaitingTransaction[Any]]) -> None:
        if not group:
            return
        try:
            results = self._transact([waiting.transaction for waiting in group])
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever asked
            if len(group) > 1 and (isinstance(error, StatementRefused) or not isinstance(error, StateUnavailable)):
                for waiting in group:
                    self._commit([waiting])
                return
            for waiting in group:
                waiting.error = error
            return
        for waiting, result in zip(group, results, strict=True):
            waiting.result = result


def _deliver(group: Sequence[_WaitingTransaction[Any]]) -> None:
    """Wakes each loop once, for waking costs more than answering. A loop that is closed has nobody who waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_WaitingTransaction[Any]]] = {}
    for waiting in group:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_deliver_all, answered)


def _deliver_all(group: Sequence[_WaitingTransaction[Any]]) -> None:
    for waiting in group:
        waiting.deliver()
