"""Changes a text that Feast's online store keeps of a customer, so that no other writer's change is lost.

Feast's own write does not serve: it looks and writes in two steps, and its Redis store leaves out a row whose time is
not later than the stored one's, although a list grows by an older fact too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from features.errors import StoreUnavailable
from features.store.connection import Connection
from features.store.feast_internals import redis_cell, sqlite_database
from features.store.redis_cell import RedisCell
from features.store.stored_value import text_in

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

ATTEMPTS: Final = 100
"""So often in a row another writer may come first; each time it has got on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A text, and when what it says was true (aware); a row's time never goes back."""

    text: str
    event_time: datetime


Change = Callable[[str], TextRow | None]
"""What becomes of a stored text, which is empty where there is none; None: it stays. May be asked more than once."""


class TextCells(Protocol):
    """The texts that an open store keeps of customers; not to be shared between threads."""

    def change(self, view: str, feature: str, customer_id: str, change: Change) -> None:
        """Reads, asks `change`, and writes, as if nobody else wrote; nothing of whom no key can be written.

        Raises: StoreUnavailable if the registry has no such view of customers, others always came first, or the store
            did not keep it; the store's own errors.
        """

    def is_replaced(self) -> bool:
        """Whether the file of an embedded store is no longer the one that was opened."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FeastCells:
    """Texts in a store that Feast has opened."""

    connection: Connection

    @classmethod
    def open(cls, repo: Path) -> FeastCells:
        """Raises: as `Connection.open`."""
        return cls(Connection.open(repo))

    def change(self, view: str, feature: str, customer_id: str, change: Change) -> None:
        """As `TextCells.change`."""
        key = self.connection.entity_key(view, customer_id)
        if key is not None:
            cell = TextCell(connection=self.connection, view=view, feature=feature, customer_id=customer_id, key=key)
            cell.change(change)

    def is_replaced(self) -> bool:
        return self.connection.is_replaced()

    def close(self) -> None:
        self.connection.close()


def change_redis_cell(cell: RedisCell, view: str, change: Change) -> None:
    """Compares and writes in one step of the server, and begins again if another writer came first.

    Raises: StoreUnavailable if others always did.
    """
    for _ in range(ATTEMPTS):
        stored = cell.read()
        row = change(text_in(stored[1]))
        if row is None or cell.replace(stored, row.text, row.event_time):
            return
    raise StoreUnavailable(f"the view {view!r} is written by others all the time")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCell:
    """One text feature of one customer in an open store."""

    connection: Connection
    view: str
    feature: str
    customer_id: str
    key: EntityKey

    def change(self, change: Change) -> None:
        """Reads, asks `change`, and writes, as if nobody else wrote.

        On stores other than SQLite and Redis only writers of this process wait for each other.
        Raises: StoreUnavailable if others always came first, or the store did not keep it; its own errors.
        """
        match self.connection.config.online_store.type:
            case "sqlite":
                self._in_transaction(change)
            case "redis":
                self._unless_overtaken(change)
            case _:
                self._and_look_again(change)

    def _in_transaction(self, change: Change) -> None:
        """Other processes wait. Feast's own write joins this transaction and commits it."""
        database = sqlite_database(self.connection.store, self.connection.config)
        database.execute("BEGIN IMMEDIATE")
        try:
            text, stored_at = self._stored()
            row = change(text)
            if row is not None:
                self._write(row.text, row.event_time if stored_at is None else max(row.event_time, stored_at))
        finally:
            if database.in_transaction:
                database.rollback()

    def _unless_overtaken(self, change: Change) -> None:
        connection = self.connection
        view = connection.views[self.view]
        change_redis_cell(
            redis_cell(connection.store, connection.config, view, self.feature, self.key), self.view, change
        )

    def _and_look_again(self, change: Change) -> None:
        """Writes as the store can, with a time later than the stored one's, and sees whether it was kept."""
        text, stored_at = self._stored()
        row = change(text)
        if row is None:
            return
        later = row.event_time if stored_at is None else max(row.event_time, stored_at + timedelta(microseconds=1))
        self._write(row.text, later)
        if self._stored()[0] != row.text:
            raise StoreUnavailable(f"the view {self.view!r} was not kept as it was written")

    def _stored(self) -> tuple[str, datetime | None]:
        row = self.connection.read(self.view, self.customer_id)
        if row is None:
            return "", None
        text = row.values[self.feature].string_val if self.feature in row.values else ""
        at = row.event_time
        return text, at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    def _write(self, text: str, event_time: datetime) -> None:
        from feast.protos.feast.types.Value_pb2 import Value

        values = {self.feature: Value(string_val=text)}
        rows: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]] = [
            (self.key, values, event_time, None)
        ]
        connection = self.connection
        connection.store.online_write_batch(connection.config, connection.views[self.view], rows, None)
