"""PostgreSQL as the engine of a store: shared by any number of processes on any number of machines.

    write ──> group ──> BEGIN · keys in sorted order · work, work, … · COMMIT    one connection, in pipelines
    read  ──> one pipeline, which is one implicit transaction over one snapshot  a few connections

The keys are advisory locks, held until the transaction ends and taken before anything is read, so that what a work
reads is what it changes. Under READ COMMITTED each statement sees all that was committed before it began.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from service.state.engine import CHUNK, Durability
from service.state.group_commit import GroupCommit
from service.state.partitions import days_past, drop_day, make_day
from service.state.port import StateUnavailable
from service.state.postgres_schema import CONNECT_S, demand_schema, demand_store
from service.state.postgres_session import (
    Again,
    Connection,
    PostgresSession,
    answering,
    array,
    checked,
    locks,
    number,
    same_store,
    statement,
)
from service.state.session import Row, Session, Sql, Work, carry_out
from service.state.store import SqlState

Result = TypeVar("Result")
READERS = 4
STATEMENT_MS = 5000
"""How long a statement may run or wait for a lock before the store counts as away."""
IDLE_MS = 20_000
"""How long a process that stands still in a transaction may keep others waiting, before the server ends it."""
CLOSE_S = 10.0
"""How long closing waits for a server that does not answer."""
_LIVELINESS: Mapping[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A machine that is gone without a word is noticed in about ten seconds."""
_ONE_SNAPSHOT = "-c default_transaction_isolation=repeatable\\ read"
_BEGIN = Sql("BEGIN ISOLATION LEVEL READ COMMITTED")
_DURABLE = Sql("SET LOCAL synchronous_commit = on")
_JOIN = "SELECT pg_advisory_lock_shared(?::bigint)"
_LIVING = (
    "SELECT DISTINCT s.key FROM unnest(?::bigint[]) AS s (key) JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted"
    " AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = s.key"
    " WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class PostgresEngine:
    """One connection for writes and `READERS` for reads, each opened when it is needed, and again after it broke."""

    def __init__(
        self, url: str, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
    ) -> None:
        """`expected`: the id of the store that must be there.

        Raises: StateUnavailable if the database cannot be reached, its tables are of another version, or another store.
        """
        self._url = checked(url)
        self._durability = durability
        self._is_closed = False
        self._writer: Connection | None = None
        self._readers = threading.local()
        self._opened: list[Connection] = []
        self._opening = threading.Lock()
        self._days: set[date] = set()
        self._read = ThreadPoolExecutor(READERS, thread_name_prefix="state-read")
        with answering(), self._connect(None) as connection:
            demand_schema(connection)
            self.store_id = demand_store(connection, expected)
        self._joined: dict[str, int] = {}
        self._writes = GroupCommit(self._transact, "state-write")

    def write(self, work: Work[Result]) -> asyncio.Future[Result]:
        """Runs `work` in a transaction that it may share; the answer comes once it is durable."""
        return self._writes.submit(work)

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work`; what it asks at once is of one snapshot."""

        return await self._in_reader(lambda: self._asked(lambda reader: work(self._session(reader))))

    async def scan(self, question: Sql, work: Callable[[Session, Iterator[list[Row]]], Result]) -> Result:
        """Runs `work` over one snapshot, with the rows of `question` in chunks; no statement of it is timed out."""

        def task() -> Result:
            with answering(), self._reader().transaction(), self._reader().cursor("scan") as cursor:
                self._demand_same(self._reader())
                self._reader().execute("SET LOCAL statement_timeout = 0")
                self._reader().execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                cursor.execute(statement(question.text), question.values)
                return work(self._session(self._reader()), iter(lambda: list[Row](cursor.fetchmany(CHUNK)), []))

        return await self._in_reader(task)

    async def make_room(self, at: datetime) -> None:
        """Makes the partition of the day's decisions, once."""
        day = at.astimezone(UTC).date()
        if day not in self._days:
            await self._in_reader(lambda: self._asked_here(lambda reader: make_day(reader, day, number("partitions"))))
            self._days.add(day)

    async def days_past(self, before: datetime, now: datetime) -> dict[date, int]:
        """The days of decisions that ended by then and of which none is valid, and how many decisions each has."""
        last = before.astimezone(UTC).date()
        return await self._in_reader(lambda: self._asked_here(lambda reader: days_past(reader, last, now)))

    async def drop_day(self, day: date) -> bool:
        """Drops all decisions of a day. Returns: whether they were there. Raises: StateUnavailable, also if in use."""
        self._days.discard(day)
        return await self._in_reader(
            lambda: self._asked_here(lambda reader: drop_day(reader, day, number("partitions")))
        )

    async def join(self, service_id: str) -> None:
        """By a lock of the connection for writes, which ends with it and is taken again with the next one."""
        key = self._joined[service_id] = number(f"service:{service_id}")
        await self.write(Work(lambda session: session.ask(Sql(_JOIN, (key,)))))

    async def living(self, service_ids: Collection[str]) -> frozenset[str]:
        keys = {number(f"service:{service_id}"): service_id for service_id in service_ids}
        question = Sql(_LIVING, (array(keys),))
        (rows,) = await self.read(lambda session: session.ask(question))
        return frozenset(keys[row["key"]] for row in rows)

    async def close(self) -> None:
        """Ends the threads after what they are doing; later calls fail, another `close` does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        ended = asyncio.get_running_loop().run_in_executor(None, self._end_threads)
        await asyncio.wait({ended}, timeout=CLOSE_S)
        if not ended.done():
            for connection in self._opened:
                _cut(connection)
        await ended
        for connection in self._opened:
            connection.close()

    def _end_threads(self) -> None:
        self._writes.close()
        self._read.shutdown()

    async def _in_reader(self, task: Callable[[], Result]) -> Result:
        try:
            running = asyncio.get_running_loop().run_in_executor(self._read, task)
        except RuntimeError as error:
            raise StateUnavailable("the state store is closed") from error
        return await running

    def _transact(self, works: Sequence[Work[Any]]) -> list[Any]:
        """Once more if the connection turned out to be broken, or the server ended a deadlock, before the commit."""
        with answering():
            try:
                return self._once(works)
            except Again:
                return self._once(works)

    def _once(self, works: Sequence[Work[Any]]) -> list[Any]:
        if self._writer is None or self._writer.closed:
            self._writer = self._connect(self._writer)
            for key in self._joined.values():
                self._writer.execute(statement(_JOIN), (key,))
        session = PostgresSession(self._writer)
        try:
            session.tell(_BEGIN, same_store(self.store_id))
            if any(work.is_durable for work in works):
                session.tell(_DURABLE)
            keys = [work.keys(session) for work in works]
            session.lock(locks(keys))
            results = carry_out(session, works, keys)
            session.commit()
        except BaseException as error:
            is_lost = _roll_back(self._writer)
            if isinstance(error, psycopg.errors.DeadlockDetected) or (is_lost and not session.is_committing):
                raise Again from error
            raise
        return results

    def _asked(self, work: Callable[[Connection], Result]) -> Result:
        """Once more if the connection turned out to be broken: the server was away meanwhile, and may be back.

        After an error it is not used again: of statements that were being prepared nobody knows whether they are.
        """
        with answering():
            reader = self._reader()
            try:
                return work(reader)
            except psycopg.Error:
                is_lost = reader.closed
                reader.close()
                if not is_lost:
                    raise
            return work(self._reader())

    def _asked_here(self, work: Callable[[Connection], Result]) -> Result:
        """Not of another store, whose days are its own."""

        def task(reader: Connection) -> Result:
            self._demand_same(reader)
            return work(reader)

        return self._asked(task)

    def _demand_same(self, reader: Connection) -> None:
        guard = same_store(self.store_id)
        reader.execute(statement(guard.text), guard.values)

    def _session(self, reader: Connection) -> PostgresSession:
        """Of a read, whose first question is answered only by the store that was opened."""
        session = PostgresSession(reader)
        session.tell(same_store(self.store_id))
        return session

    def _reader(self) -> Connection:
        """The connection of this thread."""
        connection: Connection | None = getattr(self._readers, "connection", None)
        if connection is None or connection.closed:
            connection = self._readers.connection = self._connect(connection, _ONE_SNAPSHOT)
        return connection

    def _connect(self, lost: Connection | None, more: str = "") -> Connection:
        """After one was lost the server may be another, of which days may have to be made again."""
        if lost is not None:
            self._days.clear()
        is_safe = self._durability is Durability.POWER_SAFE
        connection: Connection = psycopg.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_S,
            **_LIVELINESS,
            application_name="rumbo",
            options=f"-c synchronous_commit={'on' if is_safe else 'off'} -c statement_timeout={STATEMENT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_MS} {more}",
        )
        with self._opening:
            self._opened = [c for c in self._opened if not c.closed] + [connection]
        return connection


class PostgresState(SqlState):
    """The state store in a PostgreSQL database."""

    def __init__(
        self, url: str, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
    ) -> None:
        """Raises: StateUnavailable as the engine does."""
        super().__init__(PostgresEngine(url, durability, expected=expected))


def _roll_back(connection: Connection) -> bool:
    """Returns: whether the connection is lost."""
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()
    return bool(connection.closed)


def _cut(connection: Connection) -> None:
    """Wakes the thread that waits for an answer over this connection: there will be none."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
