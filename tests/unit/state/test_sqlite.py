"""The SQLite engine: all or nothing, whoever else writes, and a refusal to open what is not its own."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from service.state.engines.engine import Durability
from service.state.engines.session import Session, Sql, Transaction
from service.state.engines.sqlite import SqliteEngine
from service.state.port import StatementRefused, StateUnavailable
from tests.stores import sqlite_state

FAST = Durability.PROCESS_SAFE
CUSTOMERS = Sql("SELECT customer_id FROM customers ORDER BY customer_id")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    opened = SqliteEngine(tmp_path / "state.db", FAST)
    yield opened
    await opened.close()


def add(customer_id: str) -> Sql:
    return Sql("INSERT INTO customers (customer_id) VALUES (?)", (customer_id,))


def adding(*customer_ids: str) -> Transaction[None]:
    return Transaction(lambda session: session.execute(*map(add, customer_ids)))


async def done(engine: SqliteEngine, work: Transaction[None]) -> None:
    await engine.write(work)


async def customers(engine: SqliteEngine) -> list[str]:
    (rows,) = await engine.read(lambda session: session.query(CUSTOMERS))
    return [row["customer_id"] for row in rows]


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StateUnavailable, match=r"state\.db cannot be opened: file is not a database"):
        sqlite_state(file)
    assert file.read_bytes() == b"this is no database" * 1000


def test_a_folder_or_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "state.db"):
        with pytest.raises(StateUnavailable):
            sqlite_state(place)


def test_a_refusal_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(StateUnavailable):
        sqlite_state(tmp_path)
    assert threading.active_count() == before


async def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    await sqlite_state(tmp_path / "a" / "b" / "state.db", FAST).close()
    assert (tmp_path / "a" / "b" / "state.db").is_file()


@pytest.mark.parametrize("round_", range(20))
def test_several_may_open_a_new_file_at_once(tmp_path: Path, round_: int) -> None:
    """SQLite answers "locked" without waiting to all but one that turn a new file to WAL."""
    barrier, failures = threading.Barrier(6), []

    async def open_and_close() -> None:
        await sqlite_state(tmp_path / "state.db", FAST).close()

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
    engine = SqliteEngine(tmp_path / "state.db", durability)
    pragmas = Sql("PRAGMA synchronous"), Sql("PRAGMA journal_mode")
    answers = await engine.write(Transaction(lambda session: session.query(*pragmas)))
    await engine.close()
    assert [tuple(row) for (row,) in answers] == [(synchronous,), ("wal",)]


async def test_a_store_is_power_safe_unless_told_otherwise(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "state.db")
    ((row,),) = await engine.write(Transaction(lambda session: session.query(Sql("PRAGMA synchronous"))))
    await engine.close()
    assert row["synchronous"] == 2


async def test_work_that_fails_is_undone_and_the_next_work_is_not_hindered(engine: SqliteEngine) -> None:
    def fail(session: Session) -> None:
        session.execute(add("1"))
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        await done(engine, Transaction(fail))
    assert await customers(engine) == []
    await done(engine, adding("2"))
    assert await customers(engine) == ["2"]


async def test_a_row_that_the_tables_refuse_is_refused_and_all_of_its_work_undone(engine: SqliteEngine) -> None:
    with pytest.raises(StatementRefused, match="refuses a row: UNIQUE constraint failed"):
        await done(engine, adding("1", "1"))
    assert await customers(engine) == []


async def test_works_handed_in_at_once_are_done_but_for_the_one_that_is_refused(engine: SqliteEngine) -> None:
    works = [adding("1"), adding("2"), adding("2"), adding("3")]
    results = await asyncio.gather(*(done(engine, work) for work in works), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), StatementRefused, type(None)]
    assert await customers(engine) == ["1", "2", "3"]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """No file of this process grows beyond this size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_commit_that_the_disk_refuses_acknowledges_nothing_and_does_not_hinder_the_next(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """What a transaction changed reaches the disk with its commit; SQLite leaves a transaction open that cannot."""
    await done(engine, adding("1"))
    with no_file_beyond((tmp_path / "state.db-wal").stat().st_size):
        for works in ([adding("2")], [adding("3"), adding("4")]):
            results = await asyncio.gather(*(done(engine, work) for work in works), return_exceptions=True)
            assert [type(result) for result in results] == [StateUnavailable] * len(works)
        assert await customers(engine) == ["1"]
    await done(engine, adding("5"))
    assert await customers(engine) == ["1", "5"]


async def test_a_writer_waits_for_another_process_to_end_its_transaction(engine: SqliteEngine, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO customers (customer_id) VALUES ('1')")
        waiting = asyncio.create_task(done(engine, adding("2")))
        assert await customers(engine) == []  # a read does not wait
        assert not waiting.done()
        other.execute("COMMIT")
        await waiting
    assert await customers(engine) == ["1", "2"]


@pytest.mark.slow
async def test_a_writer_that_another_process_never_lets_in_is_unavailable_and_goes_on_once_it_may(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateUnavailable, match="database is locked"):
            await done(engine, adding("1"))
        other.execute("ROLLBACK")
    await done(engine, adding("2"))
    assert await customers(engine) == ["2"]


async def test_a_read_is_of_one_snapshot_whatever_is_written_between_its_questions(engine: SqliteEngine) -> None:
    loop = asyncio.get_running_loop()

    def read(session: Session) -> list[int]:
        first = session.query(CUSTOMERS)[0]
        asyncio.run_coroutine_threadsafe(done(engine, adding("1")), loop).result()
        return [len(first), len(session.query(CUSTOMERS)[0])]

    assert await engine.read(read) == [0, 0]
    assert await customers(engine) == ["1"]


async def test_closing_twice_is_closing_once_and_later_calls_are_unavailable(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "state.db", FAST)
    await engine.close()
    await engine.close()
    with pytest.raises(StateUnavailable, match="closed"):
        await customers(engine)
    with pytest.raises(StateUnavailable, match="closed"):
        await done(engine, adding("1"))


async def test_closing_does_what_was_handed_in_and_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    engine = SqliteEngine(tmp_path / "state.db", FAST)
    answers = [engine.write(adding(str(i))) for i in range(200)]
    await engine.close()
    assert await asyncio.gather(*answers) == [None] * 200
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("state-")] == []


async def test_tables_that_disappear_under_a_running_store_are_unavailable_not_a_crash(engine: SqliteEngine) -> None:
    await done(engine, Transaction(lambda session: session.execute(Sql("DROP TABLE customers"))))
    with pytest.raises(StateUnavailable, match="no such table"):
        await customers(engine)
    with pytest.raises(StateUnavailable, match="no such table"):
        await done(engine, adding("1"))


async def test_what_must_be_durable_waits_for_the_disk_though_others_do_not(engine: SqliteEngine) -> None:
    question = Sql("PRAGMA synchronous")

    def asked(session: Session) -> int:
        return int(session.query(question)[0][0]["synchronous"])

    normal, full = 1, 2
    found = [await engine.write(Transaction(asked, is_durable=durable)) for durable in (False, True, False)]
    assert found == [normal, full, normal]
