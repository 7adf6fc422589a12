"""No room on the disk of the state store: what cannot be kept is not acknowledged, and with room all goes on.

No file system is filled: the kernel refuses to let files grow, at the same calls at which a full disk would.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from rumbo.decision.v1 import events_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.state.engines.engine import Durability
from tests.e2e.outages import AWAY
from tests.e2e.test_command_line import address_of, process
from tests.e2e.wire import ACCEPTED, OPEN_DOOR, event, ranked_ids, refusal_of
from tests.fixtures_service import STATE_URL, Clock, Service, ask_state, row_counts, running
from tests.fixtures_stores import without_state
from tests.servers.postgres import postgres_server

PRLIMIT = shutil.which("prlimit") or ""
MEGABYTE = 2**20
NOTE = 60_000

pytestmark = pytest.mark.skipif(not PRLIMIT, reason="needs `prlimit` of util-linux")


@contextmanager
def no_file_grows_beyond(size: int, processes: Callable[[], Iterable[psutil.Process]]) -> Iterator[None]:
    """For files that these processes write to; pipes and sockets are none. Those born meanwhile inherit the limit."""
    for one in processes():
        _limit(one, str(size))
    try:
        yield
    finally:
        for one in processes():
            _limit(one, "unlimited")


def _limit(of: psutil.Process, size: str) -> None:
    """Sets the soft limit of a process, as its own user: root in a container may not do it for others."""
    with suppress(psutil.NoSuchProcess):  # a worker that had done its work
        others: dict[str, Any] = {}
        if os.geteuid() == 0:
            others = {"user": of.uids().real, "group": of.gids().real, "extra_groups": []}
        command = [PRLIMIT, "--pid", str(of.pid), f"--fsize={size}:"]
        done = subprocess.run(command, capture_output=True, check=False, **others)
        assert done.returncode == 0 or not of.is_running(), done.stderr


def note(step: int) -> events_pb2.Event:
    """An event with a text that no store can make smaller."""
    letters = random.Random(step).choices("abcdefghijklmnopqrstuvwxyz0123456789-_", k=NOTE)
    return event("purchase", f"writer {step}", event_id=f"note-{step}", amount=1.0, note="".join(letters))


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[Service, psutil.Process]]:
    """A service in a process of its own, whose end of files can be set from outside."""
    with process("serve", "--home", str(home), "--port", "0", "--catalogue", str(home / "catalogue")) as child:
        address = await asyncio.to_thread(address_of, child)
        async with grpc.aio.insecure_channel(address) as channel:
            stub = DecisionServiceStub(channel)
            service = Service(home=home, clock=Clock(), address=None, channel=channel, stub=stub)  # type: ignore[arg-type]
            yield service, psutil.Process(child.pid)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_file_that_cannot_grow_acknowledges_nothing_and_goes_on_with_room(own_home: Path) -> None:
    async with serving(own_home) as (service, writer):
        assert (await service.decide("before")).decision_id
        await service.tell(note(0))
        before = row_counts(own_home)
        with no_file_grows_beyond(0, lambda: [writer]):
            for _ in range(3):
                assert await refusal_of(service.tell(note(1))) == AWAY
                assert await refusal_of(service.decide("meanwhile")) == AWAY
        assert row_counts(own_home) == before
        assert [r.status for r in await service.tell(note(1))] == [ACCEPTED]
        answer = await service.decide("meanwhile")
        assert (answer.decision_id != "", ranked_ids(answer)) == (True, [OPEN_DOOR])
        assert ask_state(own_home, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.timeout(120)
async def test_a_server_whose_tables_cannot_grow_keeps_exactly_what_was_acknowledged(
    seeded_home: Path, tmp_path: Path
) -> None:
    """Its log goes on, in files of a megabyte; its tables end at the same size."""
    home = without_state(seeded_home, tmp_path / "home")
    with postgres_server("--wal-segsize=1") as server:
        (home / STATE_URL).write_text(server.new_database("narrow"))
        async with running(home, durability=Durability.POWER_SAFE) as service:
            await service.decide("before")
            kept, refused = 0, note(0)
            with no_file_grows_beyond(MEGABYTE, server.processes):
                for step in range(100):
                    refused = note(step)
                    try:
                        assert [r.status for r in await service.tell(refused)] == [ACCEPTED]
                    except grpc.aio.AioRpcError:
                        break
                    kept += 1
                assert await refusal_of(service.tell(refused)) == AWAY
                assert row_counts(home)["events"] == kept
            assert 0 < kept < 100
            assert [r.status for r in await service.tell(refused)] == [ACCEPTED]
            assert row_counts(home)["events"] == kept + 1
            assert (await service.decide("after")).decision_id
