"""The SQLite file: exact times, all or nothing, and a refusal to open what is not its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.state.database import SCHEMA_VERSION, Database, Durability, instant, micros, optional_instant
from service.state.port import StateUnavailable
from service.state.sqlite import SqliteState

FAST = Durability.PROCESS_SAFE
TIMES = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))]),
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "state.db", FAST)
    yield opened
    await opened.close()


def add(customer_id: str) -> str:
    return f"INSERT INTO customers (customer_id) VALUES ('{customer_id}')"


async def customers(database: Database) -> list[str]:
    rows = await database.read(lambda db: db.execute("SELECT customer_id FROM customers").fetchall())
    return sorted(row[0] for row in rows)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TIMES)
def test_an_instant_comes_back_exact_in_utc(at: datetime) -> None:
    again = instant(micros(at))
    assert again == at
    assert again.tzinfo is UTC


@given(TIMES, TIMES)
def test_micros_are_ordered_as_the_instants_are(one: datetime, other: datetime) -> None:
    assert (micros(one) < micros(other)) == (one < other)


def test_micros_count_from_1970() -> None:
    assert micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert micros(datetime(1970, 1, 2, 0, 0, 0, 1, tzinfo=UTC)) == 86_400_000_001
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert optional_instant(None) is None
    assert optional_instant(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StateUnavailable, match=r"state\.db cannot be opened: file is not a database"):
        SqliteState(file)
    assert file.read_bytes() == b"this is no database" * 1000


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, -1, 99])
async def test_a_file_of_another_schema_version_is_refused(tmp_path: Path, version: int) -> None:
    file = tmp_path / "state.db"
    await SqliteState(file, FAST).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    refusal = f"its schema has version {version}, this program knows {SCHEMA_VERSION}"
    with pytest.raises(StateUnavailable, match=refusal):
        SqliteState(file)


def test_a_folder_or_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "state.db"):
        with pytest.raises(StateUnavailable):
            SqliteState(place)


def test_a_refusal_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(StateUnavailable):
        SqliteState(tmp_path)
    assert threading.active_count() == before


async def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    await SqliteState(tmp_path / "a" / "b" / "state.db", FAST).close()
    assert (tmp_path / "a" / "b" / "state.db").is_file()


@pytest.mark.parametrize("round_", range(20))
def test_several_may_open_a_new_file_at_once(tmp_path: Path, round_: int) -> None:
    """SQLite answers "locked" without waiting to all but one that turn a new file to WAL."""
    barrier, failures = threading.Barrier(6), []

    async def open_and_close() -> None:
        await SqliteState(tmp_path / "state.db", FAST).close()

    def run() -> None:
        barrier.wait()
        try:
            asyncio.run(open_and_close())
        except StateUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(("durability", "synchronous"), [(Durability.PROCESS_SAFE, 1), (Durability.POWER_SAFE, 2)])
async def test_the_durability_asked_for_is_set_on_a_file_in_wal_mode(
    tmp_path: Path, durability: Durability, synchronous: int
) -> None:
    """1 is NORMAL, 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous."""
    database = Database(tmp_path / "state.db", durability)
    modes = await database.write(
        lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    )
    await database.close()
    assert modes == [synchronous, "wal"]


async def test_work_that_fails_is_undone_and_the_next_work_is_not_hindered(database: Database) -> None:
    def work(db: sqlite3.Connection) -> None:
        db.execute(add("1"))
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        await database.write(work)
    assert await customers(database) == []
    await database.write(lambda db: db.execute(add("2")))
    assert await customers(database) == ["2"]


async def test_what_sqlite_refuses_is_unavailable_and_undone(database: Database) -> None:
    def work(db: sqlite3.Connection) -> None:
        db.execute(add("1"))
        db.execute(add("1"))

    with pytest.raises(StateUnavailable, match="did not answer"):
        await database.write(work)
    assert await customers(database) == []


async def test_a_commit_that_fails_acknowledges_nothing_and_does_not_hinder_the_next(database: Database) -> None:
    """The commit is refused once, as a full disk would; SQLite leaves that transaction open."""
    refusals = iter([True])

    def refuse_once(action: int, first: str | None, *_: str | None) -> int:
        is_commit = action == sqlite3.SQLITE_TRANSACTION and first == "COMMIT"
        return sqlite3.SQLITE_DENY if is_commit and next(refusals, False) else sqlite3.SQLITE_OK

    def work(db: sqlite3.Connection) -> None:
        db.set_authorizer(refuse_once)
        db.execute(add("1"))

    with pytest.raises(StateUnavailable):
        await database.write(work)
    await database.write(lambda db: db.execute(add("2")))
    assert await customers(database) == ["2"]


async def test_a_writer_waits_for_another_process_to_end_its_transaction(database: Database, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute(add("1"))
        waiting = asyncio.create_task(database.write(lambda db: db.execute(add("2"))))
        assert await customers(database) == []  # a read does not wait
        other.execute("COMMIT")
        await waiting
    assert await customers(database) == ["1", "2"]


async def test_closing_twice_is_closing_once_and_later_calls_are_unavailable(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", FAST)
    await database.close()
    await database.close()
    with pytest.raises(StateUnavailable, match="closed"):
        await customers(database)
    with pytest.raises(StateUnavailable, match="closed"):
        await database.write(lambda db: db.execute(add("1")))


async def test_rows_that_disappear_under_a_running_store_are_unavailable_not_a_crash(database: Database) -> None:
    await database.write(lambda db: db.execute("DROP TABLE customers"))
    with pytest.raises(StateUnavailable, match="no such table"):
        await customers(database)
