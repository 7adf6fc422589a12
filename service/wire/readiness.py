"""Whether each part of the service works, and whether it can do what it is asked. It may live without being ready.

A look every few seconds, and at once when a call found the state store away: so it is known without any traffic, and
what is away is found again by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Protocol

from service.state.port import StateUnavailable

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
LOOK_S = 5.0
"""A part that takes longer to answer counts as away."""


class HealthPart(StrEnum):
    """The parts that have a health of their own, by the service name of a health check."""

    STATE = "rumbo.state"  # decisions, events and outcomes can be recorded
    FEATURES = "rumbo.features"  # the feature store can be read
    MODEL = "rumbo.model"  # the champion that was named is in force
    CATALOGUE = "rumbo.catalogue"  # what lies in the folder is what serves


class Probe(Protocol):
    """Returns whether the part works; what it raises says that it does not."""

    async def __call__(self) -> bool: ...


Listener = Callable[[Mapping[HealthPart, bool]], Awaitable[None]]


class Readiness:
    """Asks the probes again and again. `run` until cancelled."""

    def __init__(self, probes: Mapping[HealthPart, Probe]) -> None:
        self._probes = probes
        self._is_due = asyncio.Event()
        self._works = dict.fromkeys(HealthPart, True)
        self._listeners: list[Listener] = []

    @property
    def works(self) -> Mapping[HealthPart, bool]:
        return self._works

    async def listen(self, listener: Listener) -> None:
        """`listener` is told how things stand now, and after every change."""
        self._listeners.append(listener)
        await listener(self._works)

    def doubt(self) -> None:
        """Looks again at once: a call found something away."""
        self._is_due.set()

    async def tell(self, part: HealthPart, *, works: bool) -> None:
        """Whoever watches a part says how it stands."""
        await self._changed({part: works})

    async def run(self) -> None:
        while True:
            await self.look()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._is_due.wait()
            except TimeoutError:
                pass
            self._is_due.clear()

    async def look(self) -> None:
        """Asks all probes at the same time."""
        found = await asyncio.gather(*(self._ask(part, probe) for part, probe in self._probes.items()))
        await self._changed(dict(zip(self._probes, found, strict=True)))

    async def _ask(self, part: HealthPart, probe: Probe) -> bool:
        try:
            async with asyncio.timeout(LOOK_S):
                return await probe()
        except StateUnavailable as error:
            why = str(error)
        except TimeoutError:
            why = f"no answer within {LOOK_S:g} s"
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a part, the others are looked at
            why = type(error).__name__
        if self._works[part]:
            log.warning("%s is away: %s", part.value, why)
        return False

    async def _changed(self, found: Mapping[HealthPart, bool]) -> None:
        news = {part: works for part, works in found.items() if works != self._works[part]}
        if not news:
            return
        self._works.update(news)
        for part, works in news.items():
            if works:
                log.info("%s works again", part.value)
        for listener in self._listeners:
            await listener(self._works)
