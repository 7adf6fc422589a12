"""What is done once for all processes of a service: the one that has the lead does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]
"""Goes on until cancelled."""


class Lead:
    """Given by who keeps the processes, and given to another when its process ends."""

    def __init__(self, *, is_shared: bool = False) -> None:
        """`is_shared`: there are others, so it is not had before it is given."""
        self.is_shared = is_shared
        self._is_held = asyncio.Event()
        self._is_left = asyncio.Event()
        if not is_shared:
            self._is_held.set()

    def take(self) -> None:
        if not self._is_left.is_set():
            self._is_held.set()

    def leave(self) -> None:
        """For good: its process is about to end."""
        self._is_left.set()

    async def run(self, work: Work) -> None:
        """Does `work` while it has the lead."""
        await self._is_held.wait()
        working, left = asyncio.ensure_future(work()), asyncio.ensure_future(self._is_left.wait())
        try:
            await asyncio.wait((working, left), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            for task in (working, left):
                task.cancel()
            await asyncio.gather(working, left, return_exceptions=True)
