"""Makes sure that a kill has reached every service: each says which version of the kill list it has read.

    rumbo kill ──> the list, version 7 ──> each running service reads it, and says so ──> rumbo kill ends

Every commit compares the list anyway, so what is recorded never waits for this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from features.errors import RumboError
from service.state.port import KillList, KillReaders, StateUnavailable

log = logging.getLogger(__name__)

WAIT_S = 10.0
"""How long a change of the list waits for those who must read it."""
ASK_EVERY_S = 0.1
LEAVE_S = 1.0
"""How long the end of a service waits for a store that does not answer."""


class KillsUnread(RumboError):
    """The kill list was changed, but services that run have not read it."""


class ListedReaders(KillReaders, Protocol):
    async def kill_list(self) -> KillList: ...


class KillReader:
    """A running service as one that reads the kill list. `read` again and again, `leave` in the end."""

    def __init__(
        self,
        readers: KillReaders,
        remember: Callable[[KillList], None],
        clock: Callable[[], datetime],
        *,
        service_id: str,
        name: str,
    ) -> None:
        """`name`: where it runs, for people."""
        self._readers = readers
        self._remember = remember
        self._clock = clock
        self._service_id = service_id
        self._name = name

    async def join(self) -> None:
        """Raises: StateUnavailable."""
        self._remember(await self._readers.join(self._service_id, self._name, self._clock()))

    async def read(self) -> None:
        """Raises: StateUnavailable."""
        self._remember(await self._readers.read_kills(self._service_id, self._name, self._clock()))

    async def leave(self) -> None:
        """If the store is away, whoever asks next finds that the service has ended."""
        with suppress(StateUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._readers.leave(self._service_id)


async def demand_read(switch: ListedReaders) -> None:
    """Waits until every service that runs has read the list as it is now.

    Raises: KillsUnread with those that have not in time, StateUnavailable.
    """
    version = (await switch.kill_list()).version
    until_s = asyncio.get_running_loop().time() + WAIT_S
    while behind := await switch.behind(version):
        if asyncio.get_running_loop().time() >= until_s:
            raise KillsUnread(
                f"the list is changed, but not read after {WAIT_S:g} s by {', '.join(behind)}: nothing that they record"
                " is against it; end them if they do not answer"
            )
        await asyncio.sleep(ASK_EVERY_S)
