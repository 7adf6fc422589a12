"""A worker as its parent has it: a process that says when it listens, and hears by its input what it is to do.

It is told its settings by its input too, for they may hold a password. The input ends with the parent, whatever ends
that, and the worker with its input.
"""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from features.errors import RumboError
from service.settings import Settings

LISTENS: Final = b"listens\n"
"""What a worker says."""


class Order(StrEnum):
    """What it is told, a line each."""

    LEAD = "lead"  # do what is done once for all workers
    RETIRE = "retire"  # another one is there: end once nobody is connected


class WorkerEnded(RumboError):
    """A worker ended before it listened. `status`: of its process; it has said why, unless a signal ended it."""

    def __init__(self, status: int) -> None:
        by = f"by signal {-status}" if status < 0 else f"with status {status}"
        super().__init__(f"a worker ended {by} before it listened")
        self.status = status


class Worker:
    """`number`: no other worker that lives has it."""

    def __init__(self, number: int, process: Process) -> None:
        self.number = number
        self.is_listening = False
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def listening(self) -> None:
        """Waits until it listens. Raises: WorkerEnded."""
        assert self._process.stdout is not None
        if await self._process.stdout.readline() != LISTENS:
            raise WorkerEnded(await self.ended())
        self.is_listening = True

    async def ended(self) -> int:
        """Waits until it has ended. Returns: its status."""
        return await self._process.wait()

    def told(self, order: Order) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())

    def sent(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def started(command: Sequence[str], request: bytes, number: int) -> Worker:
    """In a session of its own: what a terminal sends reaches the parent alone, which tells its workers."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(request)
    return Worker(number, process)


def request(settings: Settings, port: int, folder: Path | None, number: int) -> bytes:
    """What a worker is told first. `folder`: where it counts, if anybody asks for metrics."""
    url = settings.state_url
    said = settings.model_dump(mode="json") | {
        "port": port,
        "metrics_port": None,
        "state_url": None if url is None else url.get_secret_value(),
    }
    counts = None if folder is None else str(folder)
    return json.dumps({"settings": said, "folder": counts, "number": number}).encode() + b"\n"


def read_request(line: str) -> tuple[Settings, Path | None, int]:
    """The other side of `request`."""
    said: dict[str, Any] = json.loads(line)
    folder = said["folder"]
    return Settings(**said["settings"]), None if folder is None else Path(folder), int(said["number"])
