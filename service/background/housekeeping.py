"""Keeps the state store in order beside the service: once an hour, in the background, never in a decision's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol

from service.metrics import Metrics
from service.state.upkeep.prune import OnPruned
from service.state.upkeep.pruning_limit import PruneStopped

log = logging.getLogger(__name__)

FIRST_AFTER_S = 60.0
"""A service that has just started has better things to do."""
EVERY_S = 3600.0


class Keeper(Protocol):
    """The upkeep of a store. Both raise StateUnavailable."""

    async def make_room(self, now: datetime) -> None: ...

    async def round(self, now: datetime, on_pruned: OnPruned) -> Mapping[str, int]:
        """Prunes. Raises: PruneStopped, if it is in doubt what is past its time."""


class CatalogueInForce(Protocol):
    async def keep(self) -> None:
        """Makes it durable, and says that it is in use. Raises: StateUnavailable."""


class Housekeeping:
    """Makes room for tomorrow's decisions, says which catalogue is in force, prunes. `run` until cancelled."""

    def __init__(
        self,
        upkeep: Keeper,
        catalogues: CatalogueInForce,
        metrics: Metrics,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` waits the seconds between two rounds; another one in tests."""
        self._upkeep = upkeep
        self._catalogues = catalogues
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        await self._sleep(FIRST_AFTER_S)
        while True:
            await self.once()
            await self._sleep(EVERY_S)

    async def once(self) -> None:
        """One round. Nothing is pruned unless the catalogue in force is known to be in use."""
        await self._done("make_room", lambda: self._upkeep.make_room(self._clock()))
        if await self._done("keep_catalogue", self._catalogues.keep):
            await self._done("prune", self._prune)

    async def _prune(self) -> None:
        try:
            gone = await self._upkeep.round(self._clock(), self._metrics.pruned)
        except PruneStopped:
            self._metrics.prune_stopped(is_stopped=True)
            raise
        self._metrics.prune_stopped(is_stopped=False)
        if any(gone.values()):
            log.info("pruned", extra={"fields": {"rows": {table: rows for table, rows in gone.items() if rows}}})

    async def _done(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Returns: whether it went well. Whatever happened, decisions go on, and the next round tries again."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nothing here may end the task
            log.warning("%s failed; again in an hour: %s", what, error)
            self._metrics.upkeep_failed(what)
            return False
        return True
