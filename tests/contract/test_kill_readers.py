"""Which services that run have read the kill list; one that ended, however it ended, is waited for by nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore

ROOT = Path(__file__).parents[2]
JOINED = """
import asyncio, sys
from pathlib import Path
from tests.builders import NOW
from tests.contract.adapters import ADAPTERS

async def main():
    store = await ADAPTERS[sys.argv[1]](Path(sys.argv[2]))
    await store.join("other", "a service of its own", NOW)
    print("joined", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()

asyncio.run(main())
"""


@contextmanager
def other_process(adapter: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """A service that has read the list once, and does not again; it ends when its input does."""
    command = [sys.executable, "-c", JOINED, adapter, str(place)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
        try:
            yield process
        finally:
            process.kill()


async def kill(state: Store, target: str = "news") -> int:
    """The version of the list afterwards."""
    await state.kill(target, "a test", NOW)
    return (await state.kill_list()).version


async def test_a_service_is_behind_from_a_change_of_the_list_until_it_reads_it(
    state: Store, open_store: OpenStore
) -> None:
    other = await open_store()
    assert (await other.join("s1", "first", NOW)).kills == ()
    assert await state.behind((await state.kill_list()).version) == []
    version = await kill(state)
    assert await state.behind(version) == ["first"]
    assert [one.target for one in (await other.read_kills("s1", "first", NOW)).kills] == ["news"]
    assert await state.behind(version) == []
    await state.unkill("news")
    assert await state.behind(version) == []
    assert await state.behind(version + 1) == ["first"]


async def test_each_service_is_named_and_one_that_read_a_later_list_has_read_this_one(
    state: Store, open_store: OpenStore
) -> None:
    first, second = await open_store(), await open_store()
    await first.join("s1", "first", NOW)
    await second.join("s2", "second", NOW)
    version = await kill(state)
    assert await state.behind(version) == ["first", "second"]
    await kill(state, "other")
    await second.read_kills("s2", "second", NOW)
    assert await state.behind(version) == ["first"]


async def test_a_service_that_left_or_closed_is_not_waited_for(state: Store, open_store: OpenStore) -> None:
    left, closed = await open_store(), await open_store()
    await left.join("s1", "first", NOW)
    await closed.join("s2", "second", NOW)
    await left.leave("s1")
    await left.close()
    await closed.close()
    assert await state.behind(await kill(state)) == []


async def test_a_process_that_was_killed_is_not_waited_for(state: Store, adapter: str, place: Path) -> None:
    with other_process(adapter, place) as process:
        version = await kill(state)
        assert await state.behind(version) == ["a service of its own"]
        process.kill()
        process.wait()
        while await state.behind(version):  # until the server has noticed
            pass
    assert await state.behind(version) == []


async def test_a_process_that_stands_still_is_named(state: Store, adapter: str, place: Path) -> None:
    with other_process(adapter, place) as process:
        process.send_signal(signal.SIGSTOP)
        assert await state.behind(await kill(state)) == ["a service of its own"]


async def test_a_service_that_the_store_forgot_is_known_again_when_it_reads(
    state: Store, open_store: OpenStore
) -> None:
    """As after the connection broke that showed it to live, and somebody asked meanwhile."""
    other = await open_store()
    await other.join("s1", "first", NOW)
    await state.leave("s1")
    await other.read_kills("s1", "first", NOW)
    assert await state.behind(await kill(state)) == ["first"]


@pytest.mark.parametrize("adapter", ["sqlite"], indirect=True)
async def test_a_service_of_which_the_file_knows_nothing_is_named_by_its_lock(
    state: Store, open_store: OpenStore
) -> None:
    """As after an earlier copy of the file was put where it reads no more."""
    other = await open_store()
    await other.join("s1", "first", NOW)
    await state.leave("s1")
    assert await state.behind(await kill(state)) == ["s1"]
