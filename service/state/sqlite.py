"""SQLite as the engine of a store: one file in WAL mode, shared by all processes of one machine."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from service.state.engine import CHUNK, Durability
from service.state.group_commit import GroupCommit
from service.state.inventory import Inventory, StoreStatus, file_inventory
from service.state.port import StatementRefused, StateUnavailable
from service.state.schema import CURRENT, FIRST, HEAD, VERSION_TABLE, migrate, sqlite_statements, to_do
from service.state.session import Row, Session, Sql, Work, carry_out
from service.state.store import SqlState

Result = TypeVar("Result")
APPLICATION_ID = 0x52554D42  # "RUMB": tells a state store from any other SQLite file
VERSION_BEFORE_STEPS = 2
"""The `user_version` of a file whose tables are those of the first step, though it does not say so."""
BUSY_S = 5.0
"""How long a transaction waits for another process to end its own."""
_HAS_STEPS = "SELECT 1 FROM sqlite_schema WHERE name = ?"


class SqliteEngine:
    """A writer and a reader connection, each with its own thread, so that reads do not wait for the disk."""

    def __init__(self, file: Path, durability: Durability = Durability.POWER_SAFE) -> None:
        """Raises: StateUnavailable if the file cannot be opened or is no state store of this version."""
        self._is_closed = False
        self._read = ThreadPoolExecutor(1, thread_name_prefix="state-read")
        try:
            self._writer = _open(file, durability)
            self._reader = self._read.submit(_open, file, durability).result()
        except (sqlite3.Error, OSError) as error:
            self._read.shutdown()
            raise StateUnavailable(f"the state store {file.name} cannot be opened: {error}") from error
        self._writes = GroupCommit(self._transact, "state-write")

    def write(self, work: Work[Result]) -> asyncio.Future[Result]:
        """Runs `work` in a transaction that it may share; the answer comes once it is durable."""
        return self._writes.submit(work)

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work` over one snapshot."""

        def task() -> Result:
            with _answering(), _transaction(self._reader, "BEGIN"):
                return work(SqliteSession(self._reader))

        try:
            running = asyncio.get_running_loop().run_in_executor(self._read, task)
        except RuntimeError as error:
            raise StateUnavailable("the state store is closed") from error
        return await running

    async def scan(self, question: Sql, work: Callable[[Session, Iterator[list[Row]]], Result]) -> Result:
        """Runs `work` over one snapshot, with the rows of `question` in chunks; other reads wait until it is done."""

        def scanning(session: Session) -> Result:
            with closing(self._reader.execute(question.text, question.values)) as cursor:
                return work(session, iter(lambda: cursor.fetchmany(CHUNK), []))

        return await self.read(scanning)

    async def make_room(self, at: datetime) -> None:
        """The decisions of all days lie in one table."""

    async def days_past(self, before: datetime, now: datetime) -> None:
        """There are none."""

    async def drop_day(self, day: date) -> bool:
        """There is none."""
        return False

    async def close(self) -> None:
        """Ends the threads after what they are doing; later calls fail, another `close` does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._read, self._reader.close)
        self._read.shutdown()
        await loop.run_in_executor(None, self._writes.close)
        self._writer.close()

    def _transact(self, works: Sequence[Work[Any]]) -> list[Any]:
        """The file has one writer at a time: the keys only tell what works may be prepared together."""
        with _answering(), _transaction(self._writer, "BEGIN IMMEDIATE"):
            session = SqliteSession(self._writer)
            return carry_out(session, works, [work.keys(session) for work in works])


class SqliteState(SqlState):
    """The state store in one file."""

    def __init__(self, file: Path, durability: Durability = Durability.POWER_SAFE) -> None:
        """Raises: StateUnavailable if the file is no state store, or of another version."""
        super().__init__(SqliteEngine(file, durability))


class SqliteSession:
    """Questions and statements go to the file at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.memo: dict[str, Any] = {}

    def expect(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """There is nobody to wait for."""

    def ask(self, *questions: Sql) -> list[list[Row]]:
        return [self._connection.execute(text, values).fetchall() for text, values in questions]

    def tell(self, *statements: Sql) -> None:
        for text, values in statements:
            self._connection.execute(text, values)


@contextmanager
def _answering() -> Iterator[None]:
    """Errors of the database as those of the store."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StatementRefused(f"the state store refuses a row: {error}") from error
    except sqlite3.Error as error:
        raise StateUnavailable(f"the state store did not answer: {error}") from error


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
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
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
    """Makes the tables in an empty file. Raises: DatabaseError for a file of another program or another version."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables == 0:
        for statement in sqlite_statements():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif owner != APPLICATION_ID:
        raise sqlite3.DatabaseError("it belongs to another program")
    elif (step := _version(connection)) != HEAD:
        raise sqlite3.DatabaseError(f"its tables stand at step {step}, this program knows {HEAD}: {to_do(step)}")


def _version(connection: sqlite3.Connection) -> str:
    """The step that the tables stand at. Raises: DatabaseError if no step begins with what they are."""
    if connection.execute(_HAS_STEPS, (VERSION_TABLE,)).fetchone():
        return str(connection.execute(CURRENT).fetchone()[0])
    (before_steps,) = connection.execute("PRAGMA user_version").fetchone()
    if before_steps != VERSION_BEFORE_STEPS:
        raise sqlite3.DatabaseError(f"its tables are of version {before_steps}, which this program does not know")
    return FIRST


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


def status_of(file: Path) -> str:
    """The step that the tables of a file stand at. Raises: StateUnavailable if it is no state store."""
    with _opened(file) as connection:
        return _version(connection)


def survey_of(file: Path) -> StoreStatus:
    """What a file is and holds. Raises: StateUnavailable if it is no state store."""
    with _opened(file) as connection:
        connection.row_factory = sqlite3.Row
        step = _version(connection)
        inventory = file_inventory(SqliteSession(connection), file) if step <= HEAD else Inventory()
        return StoreStatus(name=str(file), step=step, inventory=inventory)


def migrate_file(file: Path) -> tuple[str, str]:
    """Brings the tables of a file to HEAD; of several processes one does it. Returns: the steps before and after.

    Raises: StateUnavailable if it is no state store, or knows a later step.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    before = status_of(file)
    if before > HEAD:
        raise StateUnavailable(f"{file.name} stands at step {before}, which is later than {HEAD}: {to_do(before)}")
    connect = partial(sqlite3.connect, file, isolation_level=None, timeout=BUSY_S)
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as begun:
            has_steps = begun.exec_driver_sql(_HAS_STEPS, (VERSION_TABLE,)).first() is not None
            migrate(begun, stamped=None if has_steps else FIRST)
    except SQLAlchemyError as error:
        raise StateUnavailable(f"the tables of {file.name} cannot be migrated: {error}") from error
    return before, status_of(file)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """An existing state store, whatever its version."""
    if not file.is_file():
        raise StateUnavailable(f"there is no state store {file}")
    try:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=BUSY_S)) as connection:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            if owner != APPLICATION_ID:
                raise StateUnavailable(f"the state store {file.name} cannot be opened: it belongs to another program")
            yield connection
    except sqlite3.Error as error:
        raise StateUnavailable(f"the state store {file.name} cannot be opened: {error}") from error
