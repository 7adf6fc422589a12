"""Runs the process that keeps the pointer to the models as their registry has it; started again when it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence

log = logging.getLogger(__name__)

AGAIN_AFTER_S, AGAIN_AT_LATEST_S = 1.0, 60.0
LOOK_EVERY_S = 1.0


class RegistryProcess:
    """`run` goes on until cancelled, and ends the process then.

    `fault`: what the process last said to be in the way; None if nothing, or while it has said nothing. `words`: how
    often it has said something.
    """

    def __init__(self, command: Sequence[str], request: bytes, is_there: Callable[[], bool]) -> None:
        """`request` is its input; before `is_there`, there is no registry to ask and no process. Quick."""
        self._command = command
        self._request = request
        self._is_there = is_there
        self._complaints: set[str] = set()
        self.fault: str | None = None
        self.words = 0

    @property
    def is_there(self) -> bool:
        """Whether there is a registry to ask."""
        return self._is_there()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        pause_s = AGAIN_AFTER_S
        while True:
            while not self._is_there():
                await sleep(LOOK_EVERY_S)
            words = self.words
            try:
                await self._until_it_ends()
            except OSError as error:
                self._hear(f"the process that asks the registry does not begin: {error.strerror}")
            pause_s = min(2.0 * pause_s, AGAIN_AT_LATEST_S) if words == self.words else AGAIN_AFTER_S
            await sleep(pause_s)

    async def _until_it_ends(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        try:
            async with asyncio.TaskGroup() as readers:
                readers.create_task(self._complain(process))
                await self._listen(process)
            log.warning("the process that asks the registry ended with status %s", await process.wait())
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _listen(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self._request)
        async for line in process.stdout:
            self._hear(json.loads(line)["fault"])

    async def _complain(self, process: Process) -> None:
        """Each complaint once, for a library may repeat one with every look."""
        assert process.stderr is not None
        async for line in process.stderr:
            text = line.decode(errors="replace").strip()
            if text and text not in self._complaints and len(self._complaints) < 100:
                self._complaints.add(text)
                log.warning("asking the registry: %s", text)

    def _hear(self, fault: str | None) -> None:
        self.fault = fault
        self.words += 1
