"""SQLite as the engine of a store: one file in WAL mode, shared by all processes of one machine."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from service.state.engines.engine import CHUNK, Durability
from service.state.engines.group_commit import GroupCommit
from service.state.engines.inventory import Heard, Inventory, StoreStatus, file_inventory, heard_in
from service.state.engines.session import BatchCache, Row, Session, Sql, Transaction, carry_out
from service.state.engines.steps import (
    CURRENT,
    FIRST,
    HEAD,
    STORE_ID,
    VERSION_TABLE,
    another_store,
    migrate,
    sqlite_statements,
    to_do,
)
from service.state.engines.store_file import FolderInUse, LivingServices, OpenFiles
from service.state.port import StatementRefused, StateUnavailable

Result = TypeVar("Result")
APPLICATION_ID = 0x52554D42  # "RUMB": tells a state store from any other SQLite file
VERSION_BEFORE_STEPS = 2
"""The `user_version` of a file whose tables are those of the first step, though it does not say so."""
BUSY_S = 5.0
"""How long a transaction waits for another process to end its own."""
MIGRATED_S = 60.0
"""How long one that migrates waits for another that does."""
SERVICES = "services"
"""The folder beside the file where running services are found."""
_HAS_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = ?"


class SqliteEngine:
    """A writer and a reader connection, each with its own thread, so that reads do not wait for the disk."""

    def __init__(
        self, file: Path, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
    ) -> None:
        """`expected`: the id of the store that must be there; without it, one is made if there is none.

        Raises: StateUnavailable if the file cannot be opened, is no state store of this version, or another one.
        """
        self._is_closed = False
        self._file, self._durability = file, durability
        self._scan = ThreadPoolExecutor(1, thread_name_prefix="state-scan")
        self._read = ThreadPoolExecutor(1, thread_name_prefix="state-read")
        with ExitStack() as undo:
            undo.callback(self._read.shutdown)
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._in_use = FolderInUse(file.parent)
                undo.callback(self._in_use.leave)
                demand_there(file, expected)
                self._writer = _open(file, durability)
                undo.callback(self._writer.close)
                self._reader = self._read.submit(_open, file, durability).result()
                undo.callback(self._reader.close)
                self._files = OpenFiles(file, self._writer)
            except (sqlite3.Error, OSError) as error:
                raise StateUnavailable(f"the state store {file.name} cannot be opened: {error}") from error
            self.store_id = _store_id(self._writer)
            if self.store_id != (expected or _store_id(self._reader)):
                raise StateUnavailable(another_store(file, self.store_id, expected))
            undo.pop_all()
        self._services = LivingServices(file.parent / SERVICES)
        self._writes = GroupCommit(self._transact, "state-write")
        self._reading = threading.Lock()

    def write(self, transaction: Transaction[Result]) -> asyncio.Future[Result]:
        """Runs it in a transaction of the database that it may share; the answer comes once it is durable."""
        return self._writes.submit(transaction)

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work` over one snapshot."""
        return await _in_thread(self._read, partial(self.read_here, work))

    def read_here(self, work: Callable[[Session], Result]) -> Result:
        """As `read`, in the caller's own thread, which waits for its turn."""
        with self._reading:
            if self._is_closed:
                raise StateUnavailable("the state store is closed")
            with _answering(), _transaction(self._reader, "BEGIN"):
                result = work(SqliteSession(self._reader))
                self._demand_same(self._reader)
                return result

    def write_here(self, transactions: Sequence[Transaction[Result]]) -> list[Result | BaseException]:
        """What each came to, or its error, once it is durable; in the caller's own thread, which waits for its turn."""
        return self._writes.carry_out_apart(transactions)

    async def scan(self, question: Sql, work: Callable[[Session, Iterator[list[Row]]], Result]) -> Result:
        """Runs `work` over one snapshot, with the rows of `question` in chunks; no other read waits for it."""

        def task() -> Result:
            with (
                _answering(),
                closing(_open_to_read(self._file)) as connection,
                _transaction(connection, "BEGIN"),
                closing(connection.execute(question.text, question.values)) as cursor,
            ):
                self._demand_same(connection)
                return work(SqliteSession(connection), iter(lambda: cursor.fetchmany(CHUNK), []))

        return await _in_thread(self._scan, task)

    async def demand_service(self) -> None:
        """Whoever could open the file has all that is needed."""

    def do_first(self, transaction: Transaction[Any]) -> None:
        """The file stays the same one."""

    async def make_room(self, at: datetime) -> None:
        """The decisions of all days lie in one table."""

    def make_room_here(self, at: datetime) -> None:
        """As `make_room`."""

    async def days_past(self, before: datetime, now: datetime) -> None:
        """There are none."""

    async def drop_day(self, day: date) -> bool:
        """There is none."""
        return False

    async def close(self) -> None:
        """Ends the threads after what they are doing; later calls fail, another `close` does nothing."""
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._read, self._close_reader)
        self._read.shutdown()
        await loop.run_in_executor(None, self._scan.shutdown)
        await loop.run_in_executor(None, self._writes.close)
        self._writer.close()
        self._services.leave()
        self._in_use.leave()

    def _close_reader(self) -> None:
        with self._reading:
            self._is_closed = True
            self._reader.close()

    def _transact(self, transactions: Sequence[Transaction[Any]]) -> list[Any]:
        """The file has one writer at a time: the keys only tell what transactions may be prepared together.

        Whether it is still the file that others find is asked before the commit, so that nothing is written in vain,
        and after it, before anybody is told.
        """
        is_short = self._durability is not Durability.POWER_SAFE and any(work.is_durable for work in transactions)
        with _answering(), _power_safe(self._writer) if is_short else nullcontext():
            with _transaction(self._writer, "BEGIN IMMEDIATE"):
                session = SqliteSession(self._writer)
                results = carry_out(session, transactions, [work.locks(session) for work in transactions])
                self._demand_same(self._writer)
            self._files.check(self._writer)
        return results

    def _demand_same(self, connection: sqlite3.Connection) -> None:
        """Raises: StateUnavailable if another store has taken the place of this one."""
        self._files.check(connection)
        if (found := _store_id(connection)) != self.store_id:
            raise StateUnavailable(
                f"the file was given another store, {found}, while this process used {self.store_id}"
            )

    async def join(self, service_id: str) -> None:
        try:
            await asyncio.to_thread(self._services.join, service_id)
        except OSError as error:
            raise StateUnavailable(f"the service cannot be announced: {error}") from error

    async def living(self, service_ids: Collection[str]) -> frozenset[str]:
        try:
            return await asyncio.to_thread(self._services.living)
        except OSError as error:
            raise StateUnavailable(f"which services run cannot be told: {error}") from error


async def _in_thread(threads: ThreadPoolExecutor, task: Callable[[], Result]) -> Result:
    try:
        running = asyncio.get_running_loop().run_in_executor(threads, task)
    except RuntimeError as error:
        raise StateUnavailable("the state store is closed") from error
    return await running


class SqliteSession:
    """Questions and statements go to the file at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.cache = BatchCache()

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """There is nobody to wait for."""

    def query(self, *questions: Sql) -> list[list[Row]]:
        return [self._connection.execute(text, values).fetchall() for text, values in questions]

    def execute(self, *statements: Sql) -> None:
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


@contextmanager
def _power_safe(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction within survives the loss of power, as others of this connection do not."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


def demand_there(file: Path, expected: str | None) -> None:
    """Raises: StateUnavailable if there is nothing where this store is expected, for SQLite would make it anew."""
    if expected is None or (file.is_file() and file.stat().st_size > 0):
        return
    gone = "is empty" if file.exists() else "is gone"
    raise StateUnavailable(
        f"{file} {gone}, which held the store {expected} of this home: put it back, or a backup by"
        " `rumbo state restore`, or begin anew by `rumbo state init`"
    )


def _store_id(connection: sqlite3.Connection) -> str:
    rows = connection.execute(STORE_ID).fetchall()
    return str(rows[0][0]) if rows else "without an id"


def _open(file: Path, durability: Durability) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
    try:
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability is Durability.POWER_SAFE else 'NORMAL'}")
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            sqlite_statements()  # which takes a while the first time: nobody waits for a transaction meanwhile
        with _transaction(connection, "BEGIN IMMEDIATE"):
            _demand_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_to_read(file: Path) -> sqlite3.Connection:
    """Makes nothing if there is none."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_S)
    connection.row_factory = sqlite3.Row
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
    if connection.execute(_HAS_TABLE, (VERSION_TABLE,)).fetchone():
        return str(connection.execute(CURRENT).fetchone()[0])
    (before_steps,) = connection.execute("PRAGMA user_version").fetchone()
    if before_steps != VERSION_BEFORE_STEPS:
        raise sqlite3.DatabaseError(f"its tables are of version {before_steps}, which this program does not know")
    return FIRST


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns on the write-ahead log. Tried again, for SQLite fails at once while another process does the same."""
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
    with opened(file) as connection:
        return _version(connection)


def store_in(file: Path) -> str | None:
    """The id of the store in a file; None if there is nothing. Raises: StateUnavailable, also at another step."""
    if not file.is_file() or not file.stat().st_size:
        return None
    with opened(file) as connection:
        if (step := _version(connection)) != HEAD:
            raise StateUnavailable(f"the tables of {file} stand at step {step}: {to_do(step)}")
        return _store_id(connection)


def survey_of(file: Path) -> StoreStatus:
    """What a file is and holds. Raises: StateUnavailable if it is no state store."""
    with opened(file) as connection:
        connection.row_factory = sqlite3.Row
        step = _version(connection)
        inventory = file_inventory(SqliteSession(connection), file) if step <= HEAD else Inventory()
        return StoreStatus(name=str(file), step=step, inventory=inventory)


def heard_by(file: Path) -> Heard:
    """What a store at the last step was told. Raises: StateUnavailable."""
    with opened(file) as connection:
        connection.row_factory = sqlite3.Row
        return heard_in(SqliteSession(connection))


def migrate_file(file: Path) -> tuple[str, str]:
    """Brings the tables of a file to HEAD; of several processes one does it. Returns: the steps before and after.

    Raises: StateUnavailable if it is no state store, or knows a later step.
    """
    import alembic.command  # noqa: F401 - takes a second: not while others wait for the file
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    before = status_of(file)
    if before > HEAD:
        raise StateUnavailable(f"{file.name} stands at step {before}, which is later than {HEAD}: {to_do(before)}")
    connect = partial(sqlite3.connect, file, isolation_level=None, timeout=MIGRATED_S)
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as begun:
            has_steps = begun.exec_driver_sql(_HAS_TABLE, (VERSION_TABLE,)).first() is not None
            migrate(begun, stamped=None if has_steps else FIRST)
    except SQLAlchemyError as error:
        raise StateUnavailable(f"the tables of {file.name} cannot be migrated: {error}") from error
    return before, status_of(file)


def step_and_id(connection: sqlite3.Connection) -> tuple[str, str | None]:
    """The step that the tables stand at, and the id of the store if that step has one.

    Raises: DatabaseError if no step begins with what they are.
    """
    step = _version(connection)
    has_id = connection.execute(_HAS_TABLE, ("store",)).fetchone() is not None
    return step, _store_id(connection) if has_id else None


@contextmanager
def opened(file: Path, wait_s: float = BUSY_S) -> Iterator[sqlite3.Connection]:
    """An existing state store, whatever its version. Errors within are StateUnavailable."""
    if not file.is_file():
        raise StateUnavailable(f"there is no state store {file}")
    try:
        uri = f"{file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=wait_s)) as connection:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            if owner != APPLICATION_ID:
                raise StateUnavailable(f"the state store {file.name} cannot be opened: it belongs to another program")
            yield connection
    except sqlite3.Error as error:
        raise StateUnavailable(f"the state store {file.name} cannot be opened: {error}") from error
