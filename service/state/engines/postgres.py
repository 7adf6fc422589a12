"""PostgreSQL as the engine of a store: shared by any number of processes on any number of machines.

    write ──> group ──> BEGIN · keys in sorted order · work, work, … · COMMIT    one connection, in pipelines
    read  ──> one pipeline, which is one implicit transaction over one snapshot  a few connections

The keys are advisory locks, held until the transaction ends and taken before anything is read, so that what a work
reads is what it changes. Under READ COMMITTED each statement sees all that was committed before it began.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar

import psycopg

from service.state.engines.engine import CHUNK, Durability
from service.state.engines.group_commit import GroupCommit
from service.state.engines.partitions import days_past, drop_day, make_day
from service.state.engines.postgres_connection import (
    USE_SESSIONS,
    backend_of,
    connect,
    cut,
    demand_own_sessions,
    is_full,
    is_pooled,
    session_settings,
)
from service.state.engines.postgres_readers import Readers
from service.state.engines.postgres_rights import demand_rights
from service.state.engines.postgres_schema import demand_schema, demand_store
from service.state.engines.postgres_session import (
    Again,
    Connection,
    PostgresSession,
    advisory_key,
    answering,
    array,
    numbered,
    same_store,
    statement,
)
from service.state.engines.postgres_url import PostgresUrl
from service.state.engines.session import Row, Session, Sql, Transaction, carry_out
from service.state.port import StateUnavailable

log = logging.getLogger(__name__)

Result = TypeVar("Result")
READERS = 4
CLOSE_S = 10.0
"""How long closing waits for a server that does not answer."""
LEAVING_S = 1.0
"""How long a server may take to notice that a connection was left."""
_BEGIN = Sql("BEGIN ISOLATION LEVEL READ COMMITTED")
_DURABLE = Sql("SET LOCAL synchronous_commit = on")
_JOIN = "SELECT pg_advisory_lock_shared(?::bigint)"
_LIVING = (
    "SELECT DISTINCT s.key FROM unnest(?::bigint[]) AS s (key) JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted"
    " AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = s.key"
    " WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_PASSING = (
    psycopg.DataError,
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.QueryCanceled,
)
"""Errors after which the writer's connection and what is known of the database are as good as before."""


class PostgresEngine:
    """One connection for writes and at most `READERS` for reads, opened when needed, and again after they broke."""

    def __init__(
        self, url: str, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
    ) -> None:
        """`expected`: the id of the store that must be there.

        Raises: StateUnavailable if the database cannot be reached or used, is of another version, or another store.
        """
        self._url = PostgresUrl.read(url)
        self._durability = durability
        self._is_closed = False
        self._opened: dict[Connection, str] = {}
        self._opening = threading.Lock()
        self._days: set[date] = set()
        self._first: Transaction[Any] | None = None
        self._left_at_s = 0.0
        self._readers = Readers(self._connect_reader, READERS)
        self._read = ThreadPoolExecutor(READERS, thread_name_prefix="state-read")
        self._joined: dict[str, int] = {}
        try:
            with answering():
                self._writer = self._connect("read committed")
                self.store_id = demand_store(self._writer, expected)
                self._demand_sessions()
        except BaseException:
            self._read.shutdown()
            self._close_all()
            raise
        self._writes = GroupCommit(self._transact, "state-write")

    async def demand_service(self) -> None:
        """Raises: StateUnavailable if the role lacks rights, or no connection beside the writer's can be had."""
        await self._in_reader(lambda: self._asked(demand_rights))

    def do_first(self, transaction: Transaction[Any]) -> None:
        """Is done in each connection for writes before anything else: the database may be another then."""
        self._first = transaction

    def write(self, transaction: Transaction[Result]) -> asyncio.Future[Result]:
        """Runs it in a transaction of the database that it may share; the answer comes once it is durable."""
        return self._writes.submit(transaction)

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work`; what it asks at once is of one snapshot."""
        return await self._in_reader(partial(self.read_here, work))

    def read_here(self, work: Callable[[Session], Result]) -> Result:
        """As `read`, in the caller's own thread."""
        return self._asked(lambda reader: work(self._session(reader)))

    def write_here(self, transactions: Sequence[Transaction[Result]]) -> list[Result | BaseException]:
        """What each came to, or its error, once it is durable; in the caller's own thread, which waits for its turn."""
        return self._writes.carry_out_apart(transactions)

    async def scan(self, question: Sql, work: Callable[[Session, Iterator[list[Row]]], Result]) -> Result:
        """Runs `work` over one snapshot, with the rows of `question` in chunks; no statement of it is timed out."""

        def task() -> Result:
            with answering(), self._readers.one() as reader, reader.transaction(), reader.cursor("scan") as cursor:
                self._demand_same(reader)
                reader.execute("SET LOCAL statement_timeout = 0")
                reader.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                cursor.execute(statement(question.text), question.values)
                return work(self._session(reader), iter(lambda: list[Row](cursor.fetchmany(CHUNK)), []))

        return await self._in_reader(task)

    async def make_room(self, at: datetime) -> None:
        """Makes the partition of the day's decisions, once."""
        if at.astimezone(UTC).date() not in self._days:
            await self._in_reader(partial(self.make_room_here, at))

    def make_room_here(self, at: datetime) -> None:
        """As `make_room`, in the caller's own thread."""
        day = at.astimezone(UTC).date()
        if day not in self._days:
            self._asked_here(lambda reader: make_day(reader, day, advisory_key("partitions")))
            self._days.add(day)

    async def days_past(self, before: datetime, now: datetime) -> dict[date, int]:
        """The days of decisions that ended by then and of which none is valid, and how many decisions each has."""
        last = before.astimezone(UTC).date()
        return await self._in_reader(lambda: self._asked_here(lambda reader: days_past(reader, last, now)))

    async def drop_day(self, day: date) -> bool:
        """Drops all decisions of a day. Returns: whether they were there. Raises: StateUnavailable, also if in use."""
        self._days.discard(day)
        return await self._in_reader(
            lambda: self._asked_here(lambda reader: drop_day(reader, day, advisory_key("partitions")))
        )

    async def join(self, service_id: str) -> None:
        """Takes a lock for it on the connection for writes, which ends with that; the next one takes it again."""
        key = self._joined[service_id] = advisory_key(f"service:{service_id}")
        await self.write(Transaction(lambda session: session.query(Sql(_JOIN, (key,)))))

    async def living(self, service_ids: Collection[str]) -> frozenset[str]:
        keys = {advisory_key(f"service:{service_id}"): service_id for service_id in service_ids}
        question = Sql(_LIVING, (array(keys),))
        (rows,) = await self.read(lambda session: session.query(question))
        return frozenset(keys[row["key"]] for row in rows)

    async def close(self) -> None:
        """Ends the threads after what they are doing; later calls fail, another `close` does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        ended = asyncio.get_running_loop().run_in_executor(None, self._end_threads)
        await asyncio.wait({ended}, timeout=CLOSE_S)
        if not ended.done():
            with self._opening:
                for connection in self._opened:
                    cut(connection)
        await ended
        self._close_all()

    def _close_all(self) -> None:
        with self._opening:
            for connection in self._opened:
                connection.close()

    def _end_threads(self) -> None:
        self._writes.close()
        self._read.shutdown()
        self._readers.close()

    async def _in_reader(self, task: Callable[[], Result]) -> Result:
        try:
            running = asyncio.get_running_loop().run_in_executor(self._read, task)
        except RuntimeError as error:
            raise StateUnavailable("the state store is closed") from error
        return await running

    def _transact(self, transactions: Sequence[Transaction[Any]]) -> list[Any]:
        """Once more if the connection turned out to be broken, or the server ended a deadlock, before the commit."""
        with answering():
            try:
                return self._once(transactions)
            except Again:
                return self._once(transactions)

    def _once(self, transactions: Sequence[Transaction[Any]]) -> list[Any]:
        self._demand_writer()
        session = PostgresSession(self._writer)
        try:
            session.execute(_BEGIN, same_store(self.store_id))
            if any(work.is_durable for work in transactions):
                session.execute(_DURABLE)
            locks = [one.locks(session) for one in transactions]
            session.lock(numbered(locks))
            results = carry_out(session, transactions, locks)
            session.commit()
        except BaseException as error:
            is_lost = self._roll_back(error)
            if isinstance(error, psycopg.errors.DeadlockDetected) or (is_lost and not session.is_committing):
                raise Again from error
            raise
        return results

    def _demand_writer(self) -> None:
        """Opens it again after it was lost. Where the server gives no connection more, one for reads makes room."""
        if not self._writer.closed:
            return
        try:
            self._writer = self._connect("read committed")
        except psycopg.Error:
            if not self._readers.give_up_one():
                raise
            self._left_at_s = time.monotonic()
            self._writer = self._connect("read committed")
        for key in self._joined.values():
            self._writer.execute(statement(_JOIN), (key,))
        if self._first is not None:
            self._carry_out_first(self._first)

    def _carry_out_first(self, transaction: Transaction[Any]) -> None:
        try:
            self._once([transaction])
        except BaseException:
            self._forget(self._writer)
            raise

    def _roll_back(self, error: BaseException) -> bool:
        """After most errors of the database the connection is not used again: they may be of what was known of it.

        Returns: whether the connection was lost by itself.
        """
        try:
            self._writer.rollback()
        except psycopg.Error:
            self._writer.close()
        is_lost = self._writer.closed
        if is_lost or (isinstance(error, psycopg.Error) and not isinstance(error, _PASSING)):
            self._forget(self._writer)
        return is_lost

    def _asked(self, work: Callable[[Connection], Result]) -> Result:
        """Once more if the connection turned out to be broken: the server was away meanwhile, and may be back.

        After an error it is not used again: of statements that were being prepared nobody knows whether they are.
        """
        with answering():
            try:
                return self._asked_once(work)
            except Again:
                return self._asked_once(work)

    def _asked_once(self, work: Callable[[Connection], Result]) -> Result:
        with self._readers.one() as reader:
            try:
                return work(reader)
            except psycopg.Error as error:
                is_lost = reader.closed
                self._forget(reader)
                if is_lost:
                    self._readers.close_idle()
                    raise Again from error
                raise

    def _asked_here(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` on a connection to the store that was opened, not to another one in its place."""

        def task(reader: Connection) -> Result:
            self._demand_same(reader)
            return work(reader)

        return self._asked(task)

    def _demand_same(self, reader: Connection) -> None:
        guard = same_store(self.store_id)
        reader.execute(statement(guard.text), guard.values)

    def _session(self, reader: Connection) -> PostgresSession:
        """A session for a read. Its first query is answered only by the store that was opened."""
        session = PostgresSession(reader)
        session.execute(same_store(self.store_id))
        return session

    def _forget(self, connection: Connection) -> None:
        """The server of the next connection may be another, of which days may have to be made again."""
        connection.close()
        self._left_at_s = time.monotonic()
        self._days.clear()

    def _connect_reader(self) -> Connection:
        with answering():
            return self._connect("repeatable read")

    def _connect(self, isolation: str) -> Connection:
        """Tries again while the server may not have noticed yet that we left another connection."""
        settings = session_settings(self._durability, isolation)
        while True:
            try:
                connection = connect(self._url, settings)
                break
            except psycopg.OperationalError as error:
                if not (is_full(error) and time.monotonic() < self._left_at_s + LEAVING_S):
                    raise
                time.sleep(0.01)
        try:
            demand_schema(connection)
            self._note(connection, backend_of(connection))
        except BaseException:
            connection.close()
            raise
        return connection

    def _note(self, connection: Connection, backend: str) -> None:
        with self._opening:
            self._opened = {opened: own for opened, own in self._opened.items() if not opened.closed}
            if self._is_closed:
                raise StateUnavailable("the state store is closed")
            if backend in self._opened.values():
                raise StateUnavailable(USE_SESSIONS)
            self._opened[connection] = backend

    def _demand_sessions(self) -> None:
        """Asked of a pooler while nobody uses the connections."""
        if is_pooled(self._writer):
            with self._readers.one() as reader:
                demand_own_sessions(self._writer, reader, self._url.connect_s)
            log.info("a pooler stands before PostgreSQL; it gives each connection a session of its own")
