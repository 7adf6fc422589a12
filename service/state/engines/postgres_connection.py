"""A connection to PostgreSQL as a store needs it: what its session must have set is set by statement, and looked at.

Settings are not sent with the start of a connection, where a pooler may drop them. Whether they hold is asked in a
second transaction: a pooler that gives each transaction another session is found and refused.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.rows import dict_row

from service.state.engines.engine import Durability
from service.state.engines.postgres_session import Connection
from service.state.engines.postgres_url import PostgresUrl
from service.state.port import StateUnavailable

Settings = Mapping[str, str]
STATEMENT_MS = 5000
"""How long a statement may run or wait for a lock before the store counts as away."""
IDLE_MS = 20_000
"""How long a process that stands still in a transaction may keep others waiting, before the server ends it."""
_SINCE: Mapping[str, int] = {"idle_session_timeout": 140000, "transaction_timeout": 170000}
"""Settings that earlier servers do not know."""
_SET = (
    "SELECT pg_backend_pid() AS pid, name, set_config(name, value, false) AS value"
    " FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)"
)
_LOOK = "SELECT pg_backend_pid() AS pid, name, current_setting(name) AS value FROM unnest(%s::text[]) AS wanted (name)"
_BACKEND = (
    "SELECT pid || ' since ' || extract(epoch FROM backend_start) AS backend"
    " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
)
USE_SESSIONS = (
    "a pooler before PostgreSQL gives a connection no session of its own: set it to session mode"
    " (PgBouncer: pool_mode = session), or let RUMBO_STATE_URL name PostgreSQL itself"
)


def session_settings(durability: Durability, isolation: str) -> dict[str, str]:
    """What a session of a service has set, whatever its role, database or pooler would have it be."""
    return {
        **unhurried(isolation),
        "synchronous_commit": "on" if durability is Durability.POWER_SAFE else "off",
        "statement_timeout": str(STATEMENT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_MS),
    }


def unhurried(isolation: str = "read committed") -> dict[str, str]:
    """The settings of a session that may take its time, as migrating does.

    `row_security` off: what a policy would hide from this role is an error, not missing.
    """
    return {
        "synchronous_commit": "on",
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
        "default_transaction_isolation": isolation,
        "default_transaction_deferrable": "off",
        "row_security": "off",
        "extra_float_digits": "1",
    }


def connect(url: PostgresUrl, settings: Settings) -> Connection:
    """Raises: StateUnavailable if the database keeps text as no UTF-8 or the settings do not hold; psycopg.Error."""
    parameters: Mapping[str, Any] = url.parameters
    connection: Connection = psycopg.connect("", autocommit=True, row_factory=dict_row, **parameters)
    try:
        with in_time(connection, url.connect_s):
            _demand_utf8(connection)
            _demand(connection, {**url.settings, **settings})
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def connected(url: PostgresUrl) -> Iterator[Connection]:
    """A connection for one task without a time limit."""
    with connect(url, unhurried()) as connection:
        yield connection


def is_full(error: psycopg.OperationalError) -> bool:
    """Whether the server, or a pooler, has no connection more to give. It says so in words alone."""
    return re.search(r"too many|connection slots|no more connections", str(error)) is not None


def is_pooled(connection: Connection) -> bool:
    """Whether what answers is not what was connected to."""
    return not backend_of(connection).startswith(f"{connection.info.backend_pid} ")


def backend_of(connection: Connection) -> str:
    """The process of the server that answers, which no other connection may have; numbers come again, so since when."""
    (found,) = connection.execute(_BACKEND).fetchall()
    return str(found["backend"])


def demand_own_sessions(one: Connection, other: Connection, seconds: int) -> None:
    """Raises: StateUnavailable if a pooler does not serve `one` as before while `other` is in a transaction."""
    with in_time(one, seconds), in_time(other, seconds):
        before = backend_of(one)
        with other.transaction():
            if backend_of(other) == before or backend_of(one) != before:
                raise StateUnavailable(USE_SESSIONS)


@contextmanager
def in_time(connection: Connection, seconds: int) -> Iterator[None]:
    """Cuts the connection if this takes longer: behind a pooler even the first question may wait for minutes."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        cut(connection)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if is_late.is_set():
            raise StateUnavailable(
                f"the state store did not answer a new connection within {seconds} s;"
                " behind a pooler its pool may be full: a service takes 2 to 5 connections"
            ) from error
        raise
    finally:
        timer.cancel()


def cut(connection: Connection) -> None:
    """Wakes the thread that waits for an answer over this connection: there will be none."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)


def _demand_utf8(connection: Connection) -> None:
    found = connection.execute("SHOW server_encoding").fetchone()
    encoding = None if found is None else found["server_encoding"]
    if encoding != "UTF8":
        raise StateUnavailable(
            f"the database {connection.info.dbname} keeps text as {encoding}: make one with"
            " CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
        )


def _demand(connection: Connection, settings: Settings) -> None:
    known = {name: value for name, value in settings.items() if connection.info.server_version >= _SINCE.get(name, 0)}
    names = list(known)
    as_set = connection.execute(_SET, (names, list(known.values()))).fetchall()
    try:
        with connection.transaction():
            as_found = connection.execute(_LOOK, (names,)).fetchall()
    except psycopg.errors.ProtocolViolation as error:  # as PgBouncer refuses transactions in its statement mode
        raise StateUnavailable(USE_SESSIONS) from error
    if as_set != as_found:
        raise StateUnavailable(USE_SESSIONS)
