"""One SQLite file: how it is opened, and the threads that alone may touch it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from service.state.port import StateUnavailable

Result = TypeVar("Result")
SCHEMA_VERSION = 2
APPLICATION_ID = 0x52554D42  # "RUMB": tells a state store from any other SQLite file
BUSY_S = 5.0
"""How long a transaction waits for another process to end its own."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Durability(StrEnum):
    """What an acknowledged write survives: the death of the process, or also of the machine's power."""

    PROCESS_SAFE = "process-safe"
    POWER_SAFE = "power-safe"


class Database:
    """A writer and a reader connection, each with its own thread, so that reads do not wait for the disk."""

    def __init__(self, file: Path, durability: Durability) -> None:
        """Raises: StateUnavailable if the file cannot be opened or is no state store of this version."""
        self._is_closed = False
        self._write = ThreadPoolExecutor(1, thread_name_prefix="state-write")
        self._read = ThreadPoolExecutor(1, thread_name_prefix="state-read")
        try:
            self._writer = self._write.submit(_open, file, durability).result()
            self._reader = self._read.submit(_open, file, durability).result()
        except (sqlite3.Error, OSError) as error:
            self._write.shutdown()
            self._read.shutdown()
            raise StateUnavailable(f"the state store {file.name} cannot be opened: {error}") from error

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `work` in one transaction that is durable when this returns; any error rolls it back."""
        return await self._run(self._write, self._writer, "BEGIN IMMEDIATE", work)

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `work` over one snapshot."""
        return await self._run(self._read, self._reader, "BEGIN", work)

    async def _run(
        self,
        thread: ThreadPoolExecutor,
        connection: sqlite3.Connection,
        begin: str,
        work: Callable[[sqlite3.Connection], Result],
    ) -> Result:
        def task() -> Result:
            try:
                with _transaction(connection, begin):
                    return work(connection)
            except sqlite3.Error as error:
                raise StateUnavailable(f"the state store did not answer: {error}") from error

        try:
            running = asyncio.get_running_loop().run_in_executor(thread, task)
        except RuntimeError as error:
            raise StateUnavailable("the state store is closed") from error
        return await running

    async def close(self) -> None:
        """Ends the threads after what they are doing; later calls fail, another `close` does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._read, self._reader.close)
        await loop.run_in_executor(self._write, self._writer.close)
        self._read.shutdown()
        self._write.shutdown()


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open(file: Path, durability: Durability) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=True, timeout=BUSY_S)
    try:
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability is Durability.POWER_SAFE else 'NORMAL'}")
        with _transaction(connection, "BEGIN IMMEDIATE"):
            _demand_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _demand_schema(connection: sqlite3.Connection) -> None:
    """Makes the schema in an empty file. Raises: DatabaseError for a file of another program or another version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables == 0:
        _create(connection)
    elif owner != APPLICATION_ID:
        raise sqlite3.DatabaseError("it belongs to another program")
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"its schema has version {version}, this program knows {SCHEMA_VERSION}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Of several that open a new file at once SQLite lets one through and ends the others without waiting."""
    until_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(0.005)


def _create(connection: sqlite3.Connection) -> None:
    """Statement by statement, for `executescript` would end the transaction."""
    statement = ""
    for line in Path(__file__).with_name("schema.sql").read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def micros(at: datetime) -> int:
    """Whole microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def optional_instant(at: int | None) -> datetime | None:
    return None if at is None else instant(at)
