"""Writes that wait while one transaction runs share the next, in the order of their arrival.

    submit ──> queue ──> one thread: begin, run, run, …, commit ──> each caller's answer
    carry_out_apart ───> the same in the caller's own thread, which waits for its turn

Nobody is answered before what it asked for is durable. Each sees what those before it did. If
one fails, the transaction is rolled back and each is done again by itself, so that it fails alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from service.batches import Batches, BatchesClosed, Waiting
from service.state.engines.session import Transaction
from service.state.port import StatementRefused, StateUnavailable

Result = TypeVar("Result")
LARGEST_GROUP = 64

Transact = Callable[[Sequence[Transaction[Any]]], list[Any]]
"""Carries all out in one durable transaction of the database; any error rolls it back.

After StateUnavailable none is done again."""


class GroupCommit:
    """All writes of a store object; those that are submitted have a thread. `transact` is called by one at a time."""

    def __init__(self, transact: Transact, name: str) -> None:
        self._transact = transact
        self._turn = threading.Lock()
        self._is_closed = False
        self._batches = Batches(self._carry_out, name, largest=LARGEST_GROUP)

    def submit(self, transaction: Transaction[Result]) -> asyncio.Future[Result]:
        """The answer comes once it is durable. One that is cancelled before it is begun is not done.

        Raises: StateUnavailable after `close`.
        """
        try:
            return self._batches.submit(transaction)
        except BatchesClosed as error:
            raise StateUnavailable("the state store is closed") from error

    def carry_out_apart(self, transactions: Sequence[Transaction[Result]]) -> list[Result | BaseException]:
        """What each came to once it is durable, or its error. Blocking. Raises: StateUnavailable after `close`."""
        with self._turn:
            if self._is_closed:
                raise StateUnavailable("the state store is closed")
            return self._apart(transactions)

    def close(self) -> None:
        """Does what waits, then ends the thread. Blocking; a second call does nothing."""
        self._batches.close()
        with self._turn:
            self._is_closed = True

    def _carry_out(self, group: Sequence[Waiting[Transaction[Any], Any]]) -> Sequence[Waiting[Transaction[Any], Any]]:
        with self._turn:
            outcomes = self._apart([waiting.item for waiting in group])
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                waiting.error = outcome
            else:
                waiting.result = outcome
        return ()

    def _apart(self, transactions: Sequence[Transaction[Any]]) -> list[Any]:
        try:
            return self._transact(transactions)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever asked
            is_its_own = isinstance(error, StatementRefused) or not isinstance(error, StateUnavailable)
            if len(transactions) > 1 and is_its_own:
                return [outcome for one in transactions for outcome in self._apart([one])]
            return [error] * len(transactions)
