"""The feature store lost while the service runs, and found again without a restart."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from features.store.connection import Connection
from features.store.online import RETRY_S, OnlineFeatures
from tests.e2e.store_damage import ALL_GONE, FILE, GARBAGE, assert_withheld_for, make_garbage
from tests.e2e.wire import (
    APOLOGY,
    OPEN_DOOR,
    REGULAR,
    SECOND_REGULAR,
    allowed_ids,
    assert_each_accounted_for,
    degraded_of,
    journeys_on,
    offered,
    opened,
    ranked_ids,
)
from tests.example import SCHEMA
from tests.fixtures_features import feast_at
from tests.fixtures_service import Service, running

if TYPE_CHECKING:
    from feast.infra.online_stores.online_store import OnlineStore


class Monotonic:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def pass_the_pause(self) -> None:
        self.now_s += RETRY_S


@pytest.fixture
def seconds() -> Monotonic:
    return Monotonic()


@asynccontextmanager
async def reading_by(home: Path, seconds: Monotonic) -> AsyncIterator[Service]:
    """A service whose reader tries again by the seconds of the test."""
    reader = OnlineFeatures(feast_at(home), SCHEMA, monotonic=seconds)
    async with running(home, features=reader) as service:
        yield service
    reader.close()


@pytest.mark.parametrize("view", ["behaviour", "incidents", "consents", "profile", "purchases", "demographics"])
async def test_a_table_lost_while_serving_makes_that_view_alone_unavailable(
    own_home: Path, seconds: Monotonic, view: str
) -> None:
    async with reading_by(own_home, seconds) as service:
        before = await service.preview(REGULAR)
        with lost_table(own_home, view):
            answer = await service.preview(REGULAR)
            assert degraded_of(answer) == {f"features.{view}": "UNAVAILABLE", "model": "UNAVAILABLE"}
            assert_each_accounted_for(answer, journeys_on("web"))
        seconds.pass_the_pause()
        assert await service.preview(REGULAR) == before


@contextmanager
def lost_table(home: Path, view: str) -> Iterator[None]:
    """The table of a view has another name meanwhile."""
    with closing(sqlite3.connect(feast_at(home) / FILE)) as database:
        (table,) = database.execute("SELECT name FROM sqlite_schema WHERE name LIKE ?", (f"%{view}",)).fetchone()
        database.execute(f"ALTER TABLE {table} RENAME TO lost")
        yield
        database.execute(f"ALTER TABLE lost RENAME TO {table}")


@pytest.mark.parametrize("view", ["incidents", "consents"])
async def test_without_the_situation_in_the_store_the_gates_are_closed(
    own_home: Path, seconds: Monotonic, view: str
) -> None:
    async with reading_by(own_home, seconds) as service:
        assert offered(await service.preview(REGULAR), "web")
        with lost_table(own_home, view):
            assert not offered(await service.preview(REGULAR), "web")


async def test_without_behaviour_a_journey_that_does_not_ask_for_it_goes_on(own_home: Path, seconds: Monotonic) -> None:
    async with reading_by(own_home, seconds) as service:
        with lost_table(own_home, "behaviour"):
            assert allowed_ids(await service.preview(REGULAR)) == {OPEN_DOOR}


async def test_a_file_replaced_while_serving_is_noticed_and_so_is_its_return(
    own_home: Path, seconds: Monotonic, tmp_path: Path
) -> None:
    async with reading_by(own_home, seconds) as service:
        before = await service.preview(REGULAR)
        (feast_at(own_home) / FILE).rename(tmp_path / "aside.db")
        make_garbage(own_home)
        seconds.pass_the_pause()
        assert degraded_of(await service.preview(REGULAR)) == {**ALL_GONE, "model": "UNAVAILABLE"}
        (tmp_path / "aside.db").replace(feast_at(own_home) / FILE)
        assert degraded_of(await service.preview(REGULAR)).keys() > ALL_GONE.keys(), "the pause is not over"
        seconds.pass_the_pause()
        assert await service.preview(REGULAR) == before


async def test_a_store_that_comes_after_the_start_is_found_without_a_restart(
    own_home: Path, seconds: Monotonic, tmp_path: Path
) -> None:
    feast_at(own_home).rename(tmp_path / "feast")
    async with reading_by(own_home, seconds) as service:
        assert not offered(await service.preview(REGULAR), "web")
        (tmp_path / "feast").rename(feast_at(own_home))
        seconds.pass_the_pause()
        assert offered(await service.preview(REGULAR), "web")


@pytest.mark.parametrize("content", [GARBAGE * 400, b"", b"\x00" * 2**25], ids=["garbage", "nothing", "zeros"])
async def test_a_file_overwritten_while_serving_opens_no_gate_and_is_read_again_once_it_is_whole(
    own_home: Path, seconds: Monotonic, content: bytes
) -> None:
    whole = (feast_at(own_home) / FILE).read_bytes()
    async with reading_by(own_home, seconds) as service:
        before = await service.preview(REGULAR)
        (feast_at(own_home) / FILE).write_bytes(content)
        answer = await service.preview(SECOND_REGULAR)
        assert degraded_of(answer) == {**ALL_GONE, "model": "UNAVAILABLE"}
        assert_withheld_for(answer, "web")
        (feast_at(own_home) / FILE).write_bytes(whole)
        seconds.pass_the_pause()
        assert await service.preview(REGULAR) == before


class FailingDisk:
    """Opens a real store whose reads fail while `is_failing`."""

    def __init__(self) -> None:
        self.is_failing = False

    def open(self, repo: Path) -> Connection:
        whole = Connection.open(repo)
        return dataclasses.replace(whole, store=cast("OnlineStore", _Store(whole.store, self)))


class _Store:
    def __init__(self, whole: OnlineStore, disk: FailingDisk) -> None:
        self._whole = whole
        self._disk = disk

    def online_read(self, *asked: Any) -> Any:
        if self._disk.is_failing:
            raise sqlite3.OperationalError("disk I/O error")
        return self._whole.online_read(*asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


async def test_a_read_error_while_serving_withholds_until_it_is_over(own_home: Path, seconds: Monotonic) -> None:
    disk = FailingDisk()
    reader = OnlineFeatures(feast_at(own_home), SCHEMA, monotonic=seconds, connect=disk.open)
    async with running(own_home, features=reader) as service:
        before = await service.preview(REGULAR)
        disk.is_failing = True
        answer = await service.decide(REGULAR, limit=50)
        assert degraded_of(answer) == {**ALL_GONE, "model": "UNAVAILABLE"}
        assert_withheld_for(answer, "web")
        assert ranked_ids(answer) == [OPEN_DOOR]
        await service.tell(opened(SECOND_REGULAR))
        assert ranked_ids(await service.decide(SECOND_REGULAR))[0] == APOLOGY
        disk.is_failing = False
        seconds.pass_the_pause()
        assert await service.preview(REGULAR) == before
    reader.close()
