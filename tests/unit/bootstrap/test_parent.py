"""The parent of workers, with processes that do nothing but what it must cope with."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.bootstrap.workers.metrics import WorkerMetrics
from service.bootstrap.workers.parent import FIRST_PAUSE_S, LONGEST_PAUSE_S, Parent
from service.bootstrap.workers.process import Worker, WorkerEnded, started

LISTENS = "print('listens', flush=True)"
SERVES = f"""{LISTENS}
for line in sys.stdin:
    tell(line.strip())
    if line == 'retire\\n':
        break
"""
TOLD = """
import os, signal, sys
number, told = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def tell(word):
    os.write(told, f'{number} {word}\\n'.encode())
"""


class Scene:
    """A parent, and what its workers did. `script`: what a worker does from its next start on."""

    def __init__(self, folder: Path, script: str, count: int, *, drains_s: float = 60.0) -> None:
        self.script = script
        self.pauses: list[float] = []
        self.started: list[Worker] = []
        self._told = folder / "told"
        (folder / "metrics").mkdir()
        self.metrics = WorkerMetrics(folder / "metrics")
        self.parent = Parent(
            self._start,
            count,
            self.metrics,
            retires_s=60.0,
            drains_s=drains_s,
            sleep=self._pause,
            monotonic=lambda: 0.0,
        )

    @property
    def told(self) -> list[str]:
        return self._told.read_text().splitlines() if self._told.exists() else []

    def value(self, name: str, place: int) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"worker": str(place)})

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await asyncio.sleep(0.005)

    async def until_all_listen(self, count: int) -> None:
        await self.until(lambda: sum(self.value("rumbo_worker_up", place) == 1 for place in range(count)) == count)

    async def _start(self, number: int) -> Worker:
        command = (sys.executable, "-I", "-S", "-c", TOLD + self.script, str(number), str(self._told))
        self.started.append(await started(command, b"", number))
        return self.started[-1]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def begun(folder: Path, script: str = SERVES, count: int = 2, *, drains_s: float = 60.0) -> AsyncIterator[Scene]:
    scene = Scene(folder, script, count, drains_s=drains_s)
    try:
        await scene.parent.begin()
        yield scene
    finally:
        await scene.parent.end()


async def test_where_the_first_worker_cannot_serve_its_status_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "sys.exit(3)", 2)
    with pytest.raises(WorkerEnded, match="with status 3 before it listened") as caught:
        await scene.parent.begin()
    assert caught.value.status == 3
    assert len(scene.started) == 1
    assert await scene.parent.end() == 0


async def test_a_start_that_is_broken_off_leaves_no_process(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "tell('begins'); sys.stdin.read()", 1)
    beginning = asyncio.create_task(scene.parent.begin())
    await scene.until(lambda: scene.told == ["0 begins"])
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)
    assert await scene.started[0].ended() == -signal.SIGTERM


async def test_a_worker_that_dies_at_once_is_started_again_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    async with begun(tmp_path, f"{LISTENS}; sys.exit(1)", 1) as scene:
        await scene.until(lambda: len(scene.pauses) >= 9)
        assert scene.pauses[:9] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        assert (FIRST_PAUSE_S, LONGEST_PAUSE_S) == (0.5, 30.0)
        restarts = scene.value("rumbo_worker_restarts_total", 0)
        assert restarts is not None
        assert 8 <= restarts <= len(scene.pauses)


async def test_a_worker_that_cannot_be_started_again_is_tried_until_it_can(tmp_path: Path) -> None:
    async with begun(tmp_path, count=1) as scene:
        scene.script = "sys.exit(1)"
        scene.started[0].sent(signal.SIGKILL)
        await scene.until(lambda: len(scene.started) == 4)
        assert scene.value("rumbo_worker_up", 0) == 0
        scene.script = SERVES
        await scene.until_all_listen(1)


async def test_another_worker_takes_the_lead_when_the_one_that_had_it_dies(tmp_path: Path) -> None:
    async with begun(tmp_path) as scene:
        await scene.until_all_listen(2)
        await scene.until(lambda: scene.told == ["0 lead"])
        scene.started[0].sent(signal.SIGKILL)
        await scene.until(lambda: scene.told == ["0 lead", "1 lead"])
        await scene.until_all_listen(2)
        scene.started[-1].sent(signal.SIGKILL)
        await scene.until(lambda: scene.value("rumbo_worker_restarts_total", 0) == 2)
        await scene.until_all_listen(2)
        assert scene.told == ["0 lead", "1 lead"], "it stays where it is while its worker lives"


async def test_a_worker_retires_only_once_another_one_listens_in_its_place(tmp_path: Path) -> None:
    async with begun(tmp_path) as scene:
        await scene.until_all_listen(2)
        first = scene.started[:2]
        scene.script = "tell('new')\n" + SERVES
        scene.parent.replace()
        assert [await worker.ended() for worker in first] == [0, 0]
        await scene.until(lambda: "2 lead" in scene.told)
        assert sorted(scene.told) == ["0 lead", "0 new", "0 retire", "1 retire", "2 lead", "2 new"]
        assert scene.told.index("2 new") < scene.told.index("0 retire") < scene.told.index("0 new")
        assert scene.told.index("0 new") < scene.told.index("1 retire")
        await scene.until_all_listen(2)
        assert scene.value("rumbo_worker_restarts_total", 0) == 0


async def test_workers_go_on_where_none_can_take_their_place(tmp_path: Path) -> None:
    async with begun(tmp_path) as scene:
        await scene.until_all_listen(2)
        scene.script = "sys.exit(1)"
        scene.parent.replace()
        await scene.until(lambda: len(scene.started) == 3)
        assert await scene.started[2].ended() == 1
        assert "retire" not in " ".join(scene.told)
        await scene.until_all_listen(2)


async def test_who_does_not_end_is_killed(tmp_path: Path) -> None:
    script = f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVES}"
    async with begun(tmp_path, script, 1, drains_s=0.05) as scene:
        assert await scene.parent.end() == -signal.SIGKILL


async def test_an_end_that_goes_wrong_is_the_status_of_all(tmp_path: Path) -> None:
    script = f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\n{SERVES}"
    async with begun(tmp_path, script) as scene:
        await scene.until_all_listen(2)
        assert await scene.parent.end() == 4
