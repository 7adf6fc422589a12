"""Real processes over one store: each does a job with a store object of its own and talks to the test over a pipe.

They are forked from a process that has imported everything and opened nothing, so that each starts in some
milliseconds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeAlias

from service.state.engines.engine import Durability
from tests.contract.adapters import URL, Store
from tests.stores import postgres_state, sqlite_state

ANSWER_S = 600.0
"""After this long without a word a process counts as hung."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([f"tests.concurrency.{jobs}" for jobs in ("callers", "checks", "kill_races", "races")])

Pipe: TypeAlias = "Connection[Any, Any]"
Job = Callable[..., Awaitable[None]]
"""Called with the store, the pipe to the test, and further arguments."""


def opened(adapter: str, place: Path, durability: Durability) -> Store:
    """A store object over the data at a place of the contract suite."""
    if adapter == "sqlite":
        return sqlite_state(place / "state.db", durability)
    return postgres_state((place / URL).read_text(), durability)


class Worker:
    """A process at its job."""

    def __init__(
        self, job: Job, adapter: str, place: Path, *arguments: object, durability: Durability = Durability.PROCESS_SAFE
    ) -> None:
        """Starts the process. The job must be found by its name: a function of a module."""
        self.pipe, theirs = _FORKS.Pipe()
        work = (job, adapter, place, durability, theirs, arguments)
        self._process = _FORKS.Process(target=_work, args=work, daemon=True)
        self._process.start()
        theirs.close()

    async def told(self) -> Any:
        """The next word of the process. Raises: EOFError if it ended, AssertionError if it is hung."""
        return await asyncio.to_thread(self._receive)

    def kill(self) -> list[Any]:
        """SIGKILL. Returns: the words that it had said before and nobody has heard."""
        self._process.kill()
        self._process.join()
        return list(self._heard())

    def end(self) -> None:
        """Waits for an orderly end."""
        self._process.join(ANSWER_S)
        assert self._process.exitcode == 0

    def discard(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def _heard(self) -> Iterator[Any]:
        while True:
            try:
                yield self.pipe.recv()
            except (EOFError, OSError):
                return

    def _receive(self) -> Any:
        assert self.pipe.poll(ANSWER_S), "the process is hung"
        return self.pipe.recv()


@contextmanager
def workers(*started: Worker) -> Iterator[Sequence[Worker]]:
    """None of them outlives the block."""
    try:
        yield started
    finally:
        for worker in started:
            worker.discard()


def line() -> tuple[Pipe, Pipe]:
    """The ends of a pipe between two processes, to be given to them and closed here."""
    return _FORKS.Pipe()


async def all_told(working: Sequence[Worker]) -> list[Any]:
    """The next word of each."""
    return await asyncio.gather(*(worker.told() for worker in working))


def said(working: Sequence[Worker], words: int) -> list[Any]:
    """The next words, at least so many, of whoever says them first. Raises: EOFError if one ended by itself."""
    heard: list[Any] = []
    pipes = [worker.pipe for worker in working]
    while len(heard) < words:
        ready = wait(pipes, ANSWER_S)
        assert ready, "the processes are hung"
        heard += [pipe.recv() for pipe in pipes if pipe in ready]
    return heard


def tell(working: Sequence[Worker], word: object) -> None:
    for worker in working:
        worker.pipe.send(word)


def _work(job: Job, adapter: str, place: Path, durability: Durability, pipe: Pipe, arguments: Sequence[object]) -> None:
    asyncio.run(_with_store(job, opened(adapter, place, durability), pipe, arguments))


async def _with_store(job: Job, state: Store, pipe: Pipe, arguments: Sequence[object]) -> None:
    try:
        await job(state, pipe, *arguments)
    finally:
        await state.close()
