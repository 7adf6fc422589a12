"""The kill list, and its version: every decision that read an earlier one is made again."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from service.state.database import instant, micros
from service.state.port import Kill


def keep_kill(db: sqlite3.Connection, target: str, why: str, now: datetime) -> None:
    """The version stays if the list says the same already."""
    changed = db.execute(
        "INSERT INTO kills VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET why = excluded.why WHERE why <> excluded.why",
        (target, micros(now), why),
    )
    if changed.rowcount:
        _raise_version(db)


def drop_kill(db: sqlite3.Connection, target: str) -> bool:
    """Returns: whether it was on the list."""
    is_dropped = db.execute("DELETE FROM kills WHERE target = ?", (target,)).rowcount > 0
    if is_dropped:
        _raise_version(db)
    return is_dropped


def list_kills(db: sqlite3.Connection) -> list[Kill]:
    rows = db.execute("SELECT target, since, why FROM kills ORDER BY target")
    return [Kill(target=row["target"], since=instant(row["since"]), why=row["why"]) for row in rows]


def read_kills_version(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT version FROM versions WHERE name = 'kills'").fetchone()
    return 0 if row is None else int(row[0])


def _raise_version(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO versions VALUES ('kills', 1) ON CONFLICT DO UPDATE SET version = version + 1")
