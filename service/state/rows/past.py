"""Rows that are past their time, and how they go: in batches, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.state.engines.session import Locks, Row, Session, Sql, Value, customer_lock, placeholders

IN_TURN = "retention"
"""The key of whoever deletes: two that delete the same rows would wait for each other."""


class Past(Protocol):
    """Rows of one table that are past their time, in batches that each go in a transaction of their own."""

    @property
    def table(self) -> str: ...

    def count(self) -> Sql:
        """A question for how many there are, as `past`."""

    def find(self, after: Row | None, at_most: int) -> Sql:
        """A question for a batch; `after` is the last row of the one before."""

    def needs(self, rows: Iterable[Row]) -> Locks:
        """What others are kept from while these rows go."""

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        """Deletes what of these is still past its time. Returns: how many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRows:
    """Rows for which `where` holds, whatever else there is. Those of a customer go while nothing is decided for her."""

    table: str
    key: tuple[str, ...]
    order: str
    where: str
    values: tuple[Value, ...]
    by_customer: bool = False
    exclusive: frozenset[str] = frozenset()

    def count(self) -> Sql:
        return Sql(f"SELECT count(*) AS past FROM {self.table} WHERE {self.where}", self.values)

    def find(self, after: Row | None, at_most: int) -> Sql:
        columns = ", ".join(dict.fromkeys((*self.key, "customer_id") if self.by_customer else self.key))
        text = f"SELECT {columns} FROM {self.table} WHERE {self.where} ORDER BY {self.order} LIMIT ?"
        return Sql(text, (*self.values, at_most))

    def needs(self, rows: Iterable[Row]) -> Locks:
        customers = (customer_lock(row["customer_id"]) for row in rows) if self.by_customer else ()
        return Locks(exclusive=frozenset({IN_TURN, *self.exclusive, *customers}))

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        """Deletes by the index of the key: CASE hides that of the time, by which all past rows would be read."""
        (gone,) = session.query(
            Sql(
                f"DELETE FROM {self.table} WHERE {self.key[0]} IN {placeholders(range(len(rows)))}"
                f" AND ({', '.join(self.key)}) IN (VALUES {', '.join(placeholders(self.key) for _ in rows)})"
                f" AND CASE WHEN {self.where} THEN 1 ELSE 0 END = 1 RETURNING {self.key[0]}",
                (*(r[self.key[0]] for r in rows), *(r[name] for r in rows for name in self.key), *self.values),
            )
        )
        return len(gone)
