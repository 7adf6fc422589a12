"""Puts a changed catalogue in force without a restart. An invalid one never replaces a good one, and says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from features.documents.files import Stamps
from service.application.catalogues import KeptCatalogues
from service.catalogue.documents.patience import Patience, patiently
from service.catalogue.load import Catalogue, CatalogueFolder, CatalogueInvalid, rebound
from service.catalogue.terms import Terms
from service.metrics import Metrics
from service.quiet_load import in_background
from service.state.port import StateUnavailable

log = logging.getLogger(__name__)

LOOK_EVERY_S, AGAIN_AFTER_S = 0.15, 5.0


class Listener(Protocol):
    """Told whether what lies in the folder is what serves."""

    async def __call__(self, *, is_valid: bool) -> None: ...


class CatalogueWatch:
    """Looks at the folder a few times a second, and at once after `reload` (SIGHUP). `run` goes on until cancelled."""

    def __init__(
        self,
        folder: CatalogueFolder,
        loaded: Stamps,
        catalogues: KeptCatalogues,
        metrics: Metrics,
        doubts: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`loaded`: the stamp of the folder, taken before the catalogue in force was read: no change is missed.

        `doubts`: what else may be why a catalogue is refused. Blocking.
        """
        self._doubts = doubts
        self._folder = folder
        self._loaded = loaded
        self._catalogues = catalogues
        self._metrics = metrics
        self._is_due = asyncio.Event()
        self._turn = asyncio.Lock()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """`listener` is told after every load."""
        self._listeners.append(listener)

    def reload(self) -> None:
        """Loads at the next turn of the event loop, changed or not."""
        self._is_due.set()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Loads a change once two looks in a row find it, so that files written one by one are loaded together."""
        seen = self._loaded
        while True:
            await self._wait(sleep)
            stamp = await asyncio.to_thread(self._folder.stamp)
            is_told, is_still = self._is_due.is_set(), stamp == seen
            seen = stamp
            if is_told or (is_still and stamp != self._loaded):
                self._is_due.clear()
                self._loaded = stamp
                await self.load(sleep)

    async def load(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Reads the folder and, if it is valid, puts it in force for every decision that begins from now on.

        While the state store is away it waits: a valid catalogue is not refused for that.
        """
        async with self._turn:
            await self._load_and_tell(sleep)

    async def rebind(
        self,
        terms: Terms,
        ready: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Puts the catalogue in force again by other terms, once `ready` has made their facts readable.

        What lies in the folder is loaded by them next, for they may be what it waited for.
        Raises: CatalogueInvalid where the one in force speaks of what they lack; nothing has changed then.
        """
        async with self._turn:
            catalogue = await asyncio.to_thread(self._rebound, terms)
            await ready()
            await self._put_in_force(catalogue, sleep, terms)
            self._folder.renew(terms)
        self.reload()

    async def _load_and_tell(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        try:
            catalogue = await patiently(self._load)
            await self._put_in_force(catalogue, sleep)
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the good one stays and the watch goes on
            faults = error.located if isinstance(error, CatalogueInvalid) else (str(error),)
            log.error(
                "catalogue refused, %s stays in force",
                self._catalogues.current.version,
                extra={"fields": {"faults": (*faults, *await self._doubted())}},
            )
            await self._tell(is_valid=False)
            return
        log.info("catalogue %s in force", catalogue.version)
        self._metrics.in_force("catalogue", catalogue.version)
        await self._tell(is_valid=True)

    async def _doubted(self) -> Sequence[str]:
        try:
            return await asyncio.to_thread(self._doubts)
        except Exception as error:  # noqa: BLE001 - what may be why is no reason for the watch to end
            return (str(error),)

    async def _put_in_force(
        self, catalogue: Catalogue, sleep: Callable[[float], Awaitable[None]], terms: Terms | None = None
    ) -> None:
        while True:
            try:
                return await self._catalogues.put_in_force(catalogue, terms)
            except StateUnavailable as error:
                log.warning("catalogue %s waits for the state store: %s", catalogue.version, error)
                await sleep(AGAIN_AFTER_S)

    def _load(self, patience: Patience) -> Catalogue:
        with in_background():
            return self._folder.load(patience)

    def _rebound(self, terms: Terms) -> Catalogue:
        with in_background():
            return rebound(self._catalogues.current, terms)

    async def _tell(self, *, is_valid: bool) -> None:
        self._metrics.catalogue_loaded(is_valid=is_valid)
        for listener in self._listeners:
            await listener(is_valid=is_valid)

    async def _wait(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Until the next look, or until told."""
        due, pause = asyncio.create_task(self._is_due.wait()), asyncio.ensure_future(sleep(LOOK_EVERY_S))
        try:
            await asyncio.wait({due, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()
            pause.cancel()
