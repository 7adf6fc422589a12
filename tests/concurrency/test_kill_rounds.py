"""P5 and P6 under `kill -9`, round after round: what was acknowledged is there, caps hold, the store opens clean."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.state.engines.engine import Durability
from tests.concurrency.checks import check
from tests.concurrency.processes import Job, Worker, said, workers
from tests.concurrency.writers import Acknowledged, Round, write_until_killed
from tests.contract.adapters import URL
from tests.servers.postgres import PostgresServer, postgres_server

WRITERS = 3
MOST_HEARD = 120
"""A writer is killed after so many words at most."""
WITHIN_S = 0.004
"""And so much later at most, in the middle of whatever it does."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """Where the processes write, on a disk; with a server of its own, if the store has one."""

    adapter: str
    place: Path
    durability: Durability
    server: PostgresServer | None = None
    acknowledged: list[Acknowledged] = field(default_factory=list)

    def worker(self, job: Job, *arguments: object) -> Worker:
        return Worker(job, self.adapter, self.place, *arguments, durability=self.durability)


@pytest.fixture
def scene(adapter: str, tmp_path: Path) -> Iterator[Scene]:
    """What is process-safe survives the death of a process; of the server, what is power-safe."""
    if adapter == "sqlite":
        yield Scene(adapter=adapter, place=tmp_path, durability=Durability.PROCESS_SAFE)
        return
    with postgres_server(on_disk=True) as server:
        (tmp_path / URL).write_text(server.new_database("state_killed"))
        yield Scene(adapter=adapter, place=tmp_path, durability=Durability.POWER_SAFE, server=server)


SLOW = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=SLOW), pytest.param(100, marks=pytest.mark.proof)])
def test_processes_killed_under_load_lose_nothing_that_they_acknowledged(scene: Scene, rounds: int) -> None:
    """Every other round the server is killed too, if there is one. In the end everything is looked for once more."""
    for number in range(rounds):
        heard = _write_and_kill(scene, Round(number=number), random.Random(number))
        scene.acknowledged += heard
        _assert_clean(scene)
        assert _found(scene, heard, [Round(number=number)]) == []
    assert len(scene.acknowledged) > 50 * rounds
    assert _found(scene, scene.acknowledged, [Round(number=number) for number in range(rounds)]) == []
    if scene.server is not None:
        scene.server.stop()
        scene.server.check_pages()


def _write_and_kill(scene: Scene, round_: Round, chance: random.Random) -> list[Acknowledged]:
    """What the writers had acknowledged by the time they were dead."""
    names = [f"w{i}" for i in range(WRITERS)]
    started = [scene.worker(write_until_killed, name, round_, chance.getrandbits(32)) for name in names]
    with workers(*started) as writing:
        for writer in writing:
            assert said([writer], 1) == ["ready"]
        if scene.server is not None and round_.number % 2:
            return _kill_with_server(scene.server, writing, chance)
        return _kill_one_by_one(writing, chance)


def _kill_one_by_one(writing: Sequence[Worker], chance: random.Random) -> list[Acknowledged]:
    """The others go on meanwhile."""
    heard: list[Acknowledged] = []
    for index, writer in enumerate(writing):
        heard += said(writing[index:], chance.randrange(MOST_HEARD))
        time.sleep(chance.uniform(0, WITHIN_S))
        heard += writer.kill()
    return heard


def _kill_with_server(server: PostgresServer, writing: Sequence[Worker], chance: random.Random) -> list[Acknowledged]:
    """The writers live a little longer, and could acknowledge what is lost."""
    heard: list[Acknowledged] = said(writing, chance.randrange(WRITERS * MOST_HEARD))
    time.sleep(chance.uniform(0, WITHIN_S))
    server.kill()
    time.sleep(chance.uniform(0, WITHIN_S))
    for writer in writing:
        heard += writer.kill()
    server.start()
    return heard


def _found(scene: Scene, acknowledged: Sequence[Acknowledged], rounds: Sequence[Round]) -> list[str]:
    """The faults that a new process finds."""
    with workers(scene.worker(check, acknowledged, rounds)) as (checking,):
        (faults,) = said([checking], 1)
        checking.end()
    return list(faults)


def _assert_clean(scene: Scene) -> None:
    if scene.adapter == "sqlite":
        with closing(sqlite3.connect(scene.place / "state.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
