"""Reads Feast's SQLite store by its own tables: one statement a view for all customers of a batch.

A table has a row a feature: entity_key, feature_name, value, event_ts. As Feast gives it, a customer's row in a view
is as old as the last of them in the order of the statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from features.errors import LayoutUnknown, StoreUnavailable, ValueUnfit
from features.store.customer_key import CustomerKey
from features.store.opened import Found, Registered, Row, Wanted, Way, identity_of
from features.store.read_plan import ReadPlan

COLUMNS: Final = {"entity_key": "BLOB", "feature_name": "TEXT", "value": "BLOB", "event_ts": "TIMESTAMP"}
"""Of a table, those that are read, and how Feast 0.67 declares them."""
_KEPT_STATEMENTS = 1024
_KEPT_INSTANTS = 4096


class SqliteRows:
    """An open file. Its own transactions end with each statement, so writers do not wait for it."""

    way = Way.DIRECT

    def __init__(self, plan: ReadPlan, file: Path, columns: Mapping[str, str] = COLUMNS) -> None:
        """`columns`: that each table must have.

        Raises: StoreUnavailable if there is no file; LayoutUnknown if a table is not Feast's; sqlite3.Error.
        """
        if not file.is_file():
            raise StoreUnavailable(f"there is no {file.name}")
        self._registered: Registered = plan.registered
        self._tables = {name: view.place for name, view in plan.views.items()}
        self._file = file
        self._identity = identity_of(file)
        self._database = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw",  # a journal that a killed writer left is played back; none is made
            uri=True,
            check_same_thread=False,
            cached_statements=_KEPT_STATEMENTS,
        )
        self._instants: dict[int, datetime] = {}
        try:
            self._demand_layout(columns)
        except BaseException:
            self._database.close()
            raise

    def questions(self, wanted: Wanted) -> SqliteRows:
        """It asks for whole rows, whatever is wanted of them."""
        return self

    def ask(self, customer_ids: Sequence[str]) -> _Asked:
        return _Asked(self, customer_ids)

    def rows_of(self, view: str, keys: Sequence[bytes | None]) -> list[Found]:
        """A row a key, in one statement. Raises: StoreUnavailable as `Registered.key_of`; sqlite3.Error."""
        asked = [key for key in keys if key is not None]
        if not asked:
            return [None] * len(keys)
        cells: dict[bytes, dict[str, bytes]] = {}
        seconds: dict[bytes, int] = {}
        size = 1 << (len(asked) - 1).bit_length()  # statements are kept by their text, so there are few
        question = _question(self._tables[view], size)
        for key, feature, value, at in self._database.execute(question, asked + asked[-1:] * (size - len(asked))):
            row = cells.get(key)
            if row is None:
                row = cells[key] = {}
            row[feature] = value
            seconds[key] = at
        found = {key: self._row(row, seconds[key]) for key, row in cells.items()}
        return [None if key is None else found.get(key) for key in keys]

    def key_of(self, view: str) -> CustomerKey:
        """Raises: StoreUnavailable as `Registered.key_of`."""
        return self._registered.key_of(view)

    def demand_key(self, view: str, key: CustomerKey) -> None:
        self._registered.demand_key(view, key)

    def has_feature(self, view: str, feature: str) -> bool:
        return self._registered.has_feature(view, feature)

    @property
    def database(self) -> sqlite3.Connection:
        """The open file, for who writes to it or watches its statements."""
        return self._database

    def is_replaced(self) -> bool:
        return identity_of(self._file) != self._identity

    def close(self) -> None:
        self._database.close()

    def _row(self, cells: dict[str, bytes], seconds: int) -> Found:
        at = self._instants.get(seconds)
        if at is None:
            try:
                at = instant_of(seconds)
            except ValueUnfit as error:
                return error
            if len(self._instants) >= _KEPT_INSTANTS:
                self._instants.clear()
            self._instants[seconds] = at
        return Row(at, cells)

    def _demand_layout(self, columns: Mapping[str, str]) -> None:
        """A table that is missing is told by the question to it, as one that is lost later."""
        for table in self._tables.values():
            declared = {
                str(name): str(kind).upper()
                for _, name, kind, *_ in self._database.execute(f"PRAGMA table_info({quoted(table)})")
            }
            if declared and not columns.items() <= declared.items():
                raise LayoutUnknown(f"the table {table} of {self._file.name} has other columns than Feast's")


class _Asked:
    """The customers of one batch; their keys are written once a type of key."""

    def __init__(self, store: SqliteRows, customer_ids: Sequence[str]) -> None:
        self._store = store
        self._customer_ids = customer_ids
        self._keys: dict[CustomerKey, list[bytes | None]] = {}

    def of(self, view: str) -> Sequence[Found]:
        key = self._store.key_of(view)
        keys = self._keys.get(key)
        if keys is None:
            keys = self._keys[key] = [key.serialized(customer_id) for customer_id in self._customer_ids]
        return self._store.rows_of(view, keys)


def instant_of(seconds: object) -> datetime:
    """A stored time. Feast counts seconds as if the clock of UTC were that of the process, both ways.

    Raises: ValueUnfit for what is no such number.
    """
    if not isinstance(seconds, int):
        raise ValueUnfit("the time of a row is no number of seconds")
    try:
        return datetime.fromtimestamp(seconds).replace(tzinfo=UTC)  # noqa: DTZ006 - as Feast's converter does
    except (ValueError, OverflowError, OSError) as error:
        raise ValueUnfit("the time of a row is no instant") from error


def quoted(name: str) -> str:
    """An identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


@cache
def _question(table: str, size: int) -> str:
    marks = ",".join("?" * size)
    return (
        f"SELECT entity_key, feature_name, value, event_ts FROM {quoted(table)}"
        f" WHERE entity_key IN ({marks}) ORDER BY entity_key"
    )
