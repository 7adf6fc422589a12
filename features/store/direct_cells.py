"""Changes a text where Feast keeps it, by a plan and without Feast: rows are as Feast itself would write them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from features.store.opened import Row
from features.store.read_plan import ReadPlan
from features.store.redis_cell import RedisCell
from features.store.sqlite_rows import COLUMNS, SqliteRows, quoted
from features.store.stored_value import stored_text, text_in
from features.store.text_rows import Change, change_redis_cell

WRITTEN: Final = {**COLUMNS, "value_text": "TEXT", "created_ts": "TIMESTAMP"}
"""Of a table, those that are written, and how Feast 0.67 declares them."""


class SqliteCells:
    """Texts in Feast's SQLite store. Other writers wait meanwhile, those of other processes too."""

    def __init__(self, plan: ReadPlan, file: Path) -> None:
        """Raises: as `SqliteRows`."""
        self._plan = plan
        self._rows = SqliteRows(plan, file, WRITTEN)

    def change(self, view: str, feature: str, customer_id: str, change: Change) -> None:
        """As `TextCells.change`."""
        key = self._plan.registered.key_of(view).serialized(customer_id)
        if key is None:
            return
        database = self._rows.database
        database.execute("BEGIN IMMEDIATE")
        try:
            stored = self._stored(view, key)
            row = change(text_in(stored.cells.get(feature)) if stored is not None else "")
            if row is not None:
                at = row.event_time if stored is None else max(row.event_time, stored.event_time)
                cell = (key, feature, stored_text(row.text), row.text, _seconds(at), None)
                database.execute(_upsert(self._plan.views[view].place), cell)
                database.commit()
        finally:
            if database.in_transaction:
                database.rollback()

    def is_replaced(self) -> bool:
        return self._rows.is_replaced()

    def close(self) -> None:
        self._rows.close()

    def _stored(self, view: str, key: bytes) -> Row | None:
        (found,) = self._rows.rows_of(view, [key])
        if isinstance(found, Exception):
            raise found
        return found


class RedisCells:
    """Texts in Feast's Redis store, on Valkey too. `client`: of redis-py."""

    def __init__(self, plan: ReadPlan, client: Any) -> None:
        self._plan = plan
        self._client = client

    def change(self, view: str, feature: str, customer_id: str, change: Change) -> None:
        """As `TextCells.change`."""
        key = self._plan.registered.key_of(view).serialized(customer_id)
        if key is None:
            return
        planned = self._plan.views[view]
        cell = RedisCell(
            client=self._client,
            row=key + self._plan.project.encode(),
            time_field=planned.place,
            value_field=bytes.fromhex(planned.cells[feature]),
            ttl_s=self._plan.ttl_s,
        )
        change_redis_cell(cell, view, change)

    def is_replaced(self) -> bool:
        return False

    def close(self) -> None:
        self._client.close()


def _upsert(table: str) -> str:
    columns = ("entity_key", "feature_name", "value", "value_text", "event_ts", "created_ts")
    updated = ", ".join(f"{column} = excluded.{column}" for column in columns[2:])
    return (
        f"INSERT INTO {quoted(table)} ({', '.join(columns)}) VALUES (?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT(entity_key, feature_name) DO UPDATE SET {updated}"
    )


def _seconds(at: datetime) -> int:
    """How Feast stores a time: as if the clock of UTC were that of the process."""
    return int(at.astimezone(UTC).replace(tzinfo=None).timestamp())
