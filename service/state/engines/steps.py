"""The version of the tables: what this program knows, what a store has, and the way from one to the other.

Alembic carries out the steps in `service/state/migrations`. It is imported only where a store is made or changed.
"""

from __future__ import annotations

import sqlite3
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIRST, HEAD = "0001", "0011"
"""The last step that this program knows."""
VERSION_TABLE = "schema_version"
CURRENT = f"SELECT version_num FROM {VERSION_TABLE}"
STORE_ID = "SELECT store_id FROM store"
NEW_STORE = "INSERT INTO store (store_id) VALUES (lower(hex(randomblob(16))))"
"""In a SQLite file."""
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it is doing in variables of its modules, which all threads share."""


def steps() -> list[tuple[str, str]]:
    """Every step and what it does, in their order."""
    from alembic.script import ScriptDirectory

    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return [(step.revision, step.doc.split(".")[0]) for step in reversed(list(walked))]


def to_do(step: str | None) -> str:
    """What must be done before this program can use tables that stand there; "" if nothing."""
    if step == HEAD:
        return ""
    if step is not None and step > HEAD:
        return "a later program made these tables: use that one"
    return "run `rumbo state migrate`"


def another_store(place: Path | str, found: str, expected: str | None) -> str:
    """What to say of a place where a store is that the home does not know."""
    return (
        f"{place} holds the store {found}, and this home belongs to {expected}: put that one back, or let the home"
        " have this one by `rumbo state init`"
    )


def migrate(connection: Connection, *, stamped: str | None = None, to: str = HEAD) -> None:
    """Brings the tables to a step in the transaction of this connection. `stamped`: where they stand, unsaid."""
    from alembic import command

    config = _config(connection)
    with _ONE_AT_A_TIME:
        if stamped is not None:
            command.stamp(config, stamped)
        command.upgrade(config, to)


@cache
def sqlite_statements() -> tuple[str, ...]:
    """What makes an empty SQLite file a store at HEAD."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        migrate(connection)
        driver: Any = connection.connection.driver_connection
        made = _tables_of(driver)
    engine.dispose()
    return made


def _tables_of(database: sqlite3.Connection) -> tuple[str, ...]:
    rows = database.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    return (*(str(sql) for (sql,) in rows), f"INSERT INTO {VERSION_TABLE} VALUES ('{HEAD}')", NEW_STORE)


def _config(connection: Connection | None = None) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    return config
