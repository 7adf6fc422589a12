"""Keeps so many workers: one that dies is started again, and all are replaced one by one when that is asked for.

place 0: worker ── dies ──> pause, the next worker
place 1: worker ── replaced: the next worker listens ──> the one before retires: nobody is connected, it ends
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from asyncio import Task
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from service.bootstrap.workers.metrics import WorkerMetrics
from service.bootstrap.workers.process import Order, Worker, WorkerEnded

log = logging.getLogger(__name__)

STEADY_S: Final = 30.0
"""A worker that lived so long did not die of its start."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

Start = Callable[[int], Awaitable[Worker]]
"""Starts a worker of this number."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Place:
    """`worker` listens; none while there is none that does."""

    number: int
    worker: Worker | None = None
    keeping: Task[None] | None = None


class Parent:
    """`begin`, then `reload` and `replace` as often as one likes, `end`."""

    def __init__(
        self,
        start: Start,
        count: int,
        metrics: WorkerMetrics,
        *,
        retires_s: float,
        drains_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`retires_s`, `drains_s`: a worker that takes longer to retire, or to end, is killed."""
        self._start = start
        self._metrics = metrics
        self._retires_s = retires_s
        self._drains_s = drains_s
        self._sleep = sleep
        self._monotonic = monotonic
        self._places = [_Place(number=number) for number in range(count)]
        self._living: set[Worker] = set()
        self._numbers: set[int] = set()
        self._leader: Worker | None = None
        self._replacing: Task[None] | None = None

    async def begin(self) -> None:
        """Until the first one listens; the others come after it. Raises: WorkerEnded."""
        for place in self._places:
            self._metrics.begins(place.number)
        self._fill(self._places[0], await self._listening())
        for place in self._places:
            self._keep(place)

    def reload(self) -> None:
        """Those that do not listen yet read the catalogue anyway."""
        for worker in self._living:
            if worker.is_listening:
                worker.sent(signal.SIGHUP)

    def replace(self) -> None:
        """Begins to put another worker in the place of each, unless that is under way."""
        if self._replacing is None or self._replacing.done():
            self._replacing = asyncio.create_task(self._replace_all())

    async def end(self) -> int:
        """All drain at the same time. Returns: the status of one that ended badly, else 0."""
        tasks = [task for task in (self._replacing, *(place.keeping for place in self._places)) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        served = [worker for worker in self._living if worker.is_listening]
        for worker in self._living:
            worker.sent(signal.SIGTERM)
        await asyncio.gather(*(self._until_ended(worker, self._drains_s) for worker in tuple(self._living)))
        return next((status for status in [await worker.ended() for worker in served] if status), 0)

    def _keep(self, place: _Place) -> None:
        place.keeping = asyncio.create_task(self._kept(place))

    async def _kept(self, place: _Place) -> None:
        """There is a worker again, whenever there is none."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._monotonic()
            try:
                if place.worker is None:
                    self._fill(place, await self._listening())
                assert place.worker is not None
                status = await self._ended(place.worker)
            except WorkerEnded as error:
                status = error.status
            self._empty(place)
            if self._monotonic() - began_s >= STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.error("worker %s ended with status %s; another one in %g s", place.number, status, pause_s)
            await self._sleep(pause_s)
            self._metrics.restarted(place.number)
            pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)

    async def _replace_all(self) -> None:
        log.info("the workers are replaced, one by one")
        for place in self._places:
            try:
                new = await self._listening()
            except WorkerEnded as error:
                log.error("the workers that there are go on: %s", error)
                return
            await self._replace(place, new)
        log.info("the workers are replaced")

    async def _replace(self, place: _Place, new: Worker) -> None:
        assert place.keeping is not None
        place.keeping.cancel()
        await asyncio.gather(place.keeping, return_exceptions=True)
        old = place.worker
        self._fill(place, new)
        self._keep(place)
        if old is not None:
            old.told(Order.RETIRE)
            await self._until_ended(old, self._retires_s)

    async def _listening(self) -> Worker:
        """A new worker, once it listens. Raises: WorkerEnded."""
        number = next(n for n in range(len(self._numbers) + 1) if n not in self._numbers)
        self._numbers.add(number)
        worker = await self._start(number)
        self._living.add(worker)
        try:
            await worker.listening()
        except BaseException:
            worker.sent(signal.SIGTERM)
            await self._until_ended(worker, self._drains_s)
            raise
        return worker

    def _fill(self, place: _Place, worker: Worker) -> None:
        log.info("worker %s listens", place.number, extra={"fields": {"pid": worker.pid}})
        place.worker = worker
        self._metrics.listens(place.number, is_up=True)
        self._lead()

    def _empty(self, place: _Place) -> None:
        place.worker = None
        self._metrics.listens(place.number, is_up=False)
        self._lead()

    def _lead(self) -> None:
        """One of those that have a place has the lead."""
        workers = [place.worker for place in self._places if place.worker is not None]
        if self._leader not in workers:
            self._leader = next(iter(workers), None)
            if self._leader is not None:
                self._leader.told(Order.LEAD)

    async def _until_ended(self, worker: Worker, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._ended(worker)
        except TimeoutError:
            log.error("a worker does not end, and is killed", extra={"fields": {"pid": worker.pid}})
            worker.sent(signal.SIGKILL)
            await self._ended(worker)

    async def _ended(self, worker: Worker) -> int:
        status = await worker.ended()
        if worker in self._living:
            self._living.remove(worker)
            self._numbers.remove(worker.number)
            self._metrics.ended(worker.number)
        return status
