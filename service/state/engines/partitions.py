"""The days of decisions on PostgreSQL: one partition each, made ahead, dropped as a whole.

A day is made beside its table and attached, which waits for nobody's reading or writing. Dropping one needs the table
to itself for a moment: if it cannot be had at once, the day stays, and nobody is kept waiting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from service.state.engines.session import micros
from service.state.port import StateUnavailable

Connection = psycopg.Connection[dict[str, Any]]
LOCK_MS = 300
"""How long dropping a day waits for its locks: so long may a commit be held up behind it."""
_NAME = re.compile(r"decisions_(\d{8})")
_DAYS = (
    "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'decisions'::regclass"
)


def make_day(connection: Connection, day: date, key: int) -> None:
    """Makes the partition of a day, unless it is there. `key`: of an advisory lock, so that one does it at a time.

    It is made durable whatever the durability of decisions is: processes remember that they made it.
    """
    name, (first, last) = _name(day), _bounds(day)
    with _turn(connection, key, "synchronous_commit = on"):
        if not _is_there(connection, day):
            connection.execute(f"CREATE TABLE {name} (LIKE decisions INCLUDING ALL)")
            connection.execute(f"ALTER TABLE decisions ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")


def days_past(connection: Connection, before: date, now: datetime) -> dict[date, int]:
    """The days of which no decision is valid any more, oldest first, and how many decisions each has."""
    named = (_NAME.fullmatch(row["name"]) for row in connection.execute(_DAYS).fetchall())
    days = sorted(date.fromisoformat(name[1]) for name in named if name is not None)
    counted = {day: _counted(connection, day) for day in days if day < before}
    return {day: found[0] for day, found in counted.items() if found is not None and found[1] <= micros(now)}


def drop_day(connection: Connection, day: date, key: int) -> bool:
    """Returns: whether it was there. Raises: StateUnavailable if somebody uses the decisions all the while."""
    try:
        with _turn(connection, key, f"lock_timeout = {LOCK_MS}"):
            is_there = _is_there(connection, day)
            if is_there:
                connection.execute(f"DROP TABLE {_name(day)}")
        return is_there
    except psycopg.errors.LockNotAvailable as error:
        raise StateUnavailable(f"the decisions of {day} are in use: they can be dropped later") from error


def _counted(connection: Connection, day: date) -> tuple[int, int] | None:
    """How many decisions a day has, and until when one of them is valid; None if another has just dropped it."""
    question = f"SELECT count(*) AS decisions, coalesce(max(valid_until), 0) AS valid_until FROM {_name(day)}"
    try:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            (row,) = connection.execute(question).fetchall()
    except psycopg.errors.UndefinedTable:
        return None
    return row["decisions"], row["valid_until"]


@contextmanager
def _turn(connection: Connection, key: int, setting: str) -> Iterator[None]:
    """A transaction under this advisory lock, in which each statement sees what was committed before it.

    `setting`: what is set for it, in SQL.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.execute(f"SET LOCAL {setting}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        yield


def _is_there(connection: Connection, day: date) -> bool:
    """Whether pg_inherits has its row; `to_regclass` may still find a table that was dropped while this one waited."""
    return bool(connection.execute(f"{_DAYS} AND c.relname = %s", (_name(day),)).fetchall())


def _name(day: date) -> str:
    return f"decisions_{day:%Y%m%d}"


def _bounds(day: date) -> tuple[int, int]:
    begins = datetime.combine(day, time(), UTC)
    return micros(begins), micros(begins + timedelta(days=1))
