"""Writes situation facts to the push-fed views, never older over newer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.connection import Connection
from features.errors import RumboError, StoreUnavailable
from features.situation import Fact, merge, parse, render

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey


class SituationWriter:
    """Pushes incidents and consents to Feast's online store. Calls take turns; one writer a process is enough."""

    def __init__(self, repo: Path, *, connect: Callable[[Path], Connection] = Connection.open) -> None:
        """Opens nothing yet. `repo` is the folder with feature_store.yaml (HOME/feast)."""
        self._repo = repo
        self._connect = connect
        self._connection: Connection | None = None
        self._turn = threading.Lock()

    def write(self, customer_id: str, facts: Sequence[Fact]) -> None:
        """Merges `facts`, all of one kind, into what is stored of the customer.

        Per incident (per purpose and channel) what is stored with a later time stays, as does what another source
        alone knows. The row's event time is that of its latest fact.

        Raises: StoreUnavailable when the store cannot be opened, read or written; SituationUnreadable when the stored
            list cannot be read, which is left as it is: a gate that it may hold closed stays closed.
        """
        if not facts:
            return
        with self._turn:
            try:
                connection = self._open()
                with _exclusive(connection):
                    _merge(connection, customer_id, facts)
            except RumboError:
                self._drop()
                raise
            except Exception as error:
                self._drop()
                raise StoreUnavailable(f"situation facts were not pushed: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Lets go of the store; a later `write` opens it again."""
        with self._turn:
            self._drop()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.is_replaced():
            self._drop()
            self._connection = self._connect(self._repo)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _merge(connection: Connection, customer_id: str, facts: Sequence[Fact]) -> None:
    """Reads, merges and writes back one row, unless it already says all of this, or can be of nobody."""
    from feast.protos.feast.types.Value_pb2 import Value

    kind = type(facts[0])
    key = connection.entity_key(kind.view, customer_id)
    if key is None:
        return
    row = connection.read(kind.view, customer_id)
    stored = row.values[kind.feature].string_val if row is not None and kind.feature in row.values else ""
    merged = merge(parse(kind, stored) if stored else (), facts)
    text = render(merged)
    if text == stored:
        return
    values = {kind.feature: Value(string_val=text)}
    event_time = max(fact.at for fact in merged)
    rows: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]] = [(key, values, event_time, None)]
    connection.store.online_write_batch(connection.config, connection.views[kind.view], rows, None)


@contextmanager
def _exclusive(connection: Connection) -> Iterator[None]:
    """Keeps other processes from writing between the read and the write, where the store is a SQLite file.

    Feast's own write then joins this transaction and commits it.
    """
    if connection.file is None:
        yield
        return
    database: sqlite3.Connection = connection.store._get_conn(connection.config)  # type: ignore[attr-defined]
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if database.in_transaction:
            database.rollback()
