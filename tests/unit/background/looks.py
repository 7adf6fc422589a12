"""Time for what looks again and again: it passes when a test says so."""

from __future__ import annotations

import asyncio


class Looks:
    """A sleep that ends when the test says so: each `next` lets the watch look at the folder once."""

    def __init__(self) -> None:
        self._due: asyncio.Queue[None] = asyncio.Queue()
        self._asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self._asleep.set()
        await self._due.get()

    async def next(self) -> None:
        """Returns when the watch has looked, done what follows, and waits again."""
        await self._asleep.wait()
        self._asleep.clear()
        self._due.put_nowait(None)
        await self._asleep.wait()
