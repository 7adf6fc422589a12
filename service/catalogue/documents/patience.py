"""How long a load may take: each long step asks whether to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import TypeVar

from features.errors import RumboError

LOAD_WITHIN_S = 120.0
"""More than ten times what 1,000 journeys take on a small machine."""

Loaded = TypeVar("Loaded")
GoOn = Callable[[], None]
"""Returns if the work is to go on. Raises: LoadEnded."""


class LoadEnded(RumboError):
    """A load that took too long, or that nobody waits for any more."""


def always() -> None:
    """For who can be interrupted otherwise."""


class Patience:
    """Lets one load go on for some time, until it is ended from another thread."""

    def __init__(self, within_s: float = LOAD_WITHIN_S, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._within_s = within_s
        self._begins = clock()
        self._is_ended = Event()

    def end(self) -> None:
        self._is_ended.set()

    def __call__(self) -> None:
        if self._is_ended.is_set():
            raise LoadEnded("the load was ended")
        if self._clock() - self._begins > self._within_s:
            raise LoadEnded(f"not loaded within {self._within_s:g} s")


async def patiently(load: Callable[[Patience], Loaded]) -> Loaded:
    """Runs `load` in a thread. Whoever gives up waiting ends it at its next step."""
    patience = Patience()
    try:
        return await asyncio.to_thread(load, patience)
    finally:
        patience.end()
