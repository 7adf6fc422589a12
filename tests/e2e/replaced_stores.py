"""Ways in which another store, or none, comes to lie where a running service has its own open."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import psycopg

from service.state.engines.engine import Durability
from service.state.engines.postgres_schema import migrate_database
from service.state.engines.sqlite import SqliteEngine
from service.state.engines.store_file import parts
from tests.fixtures_service import STATE_URL

Replacement = Callable[[Path], None]
"""Is given the home of the service."""


def removed(home: Path) -> None:
    for part in parts(home / "state.db"):
        part.unlink()


def file_removed(home: Path) -> None:
    (home / "state.db").unlink()


def log_removed(home: Path) -> None:
    (home / "state.db-wal").unlink()


def index_removed(home: Path) -> None:
    (home / "state.db-shm").unlink()


def own_copy_moved_over(home: Path) -> None:
    """The same store, as it was a moment before."""
    _copy(home / "state.db", home / "copy.db").replace(home / "state.db")


def own_copy_with_a_log_moved_over(home: Path) -> None:
    """Everything at once, as a copy of the folder has it."""
    for part in parts(home / "state.db"):
        copy = home / "copy"
        shutil.copy(part, copy)
        copy.replace(part)


def other_store_moved_over(home: Path) -> None:
    _made(home / "other.db").replace(home / "state.db")


def copied_over(home: Path) -> None:
    """The file stays, and its content is an earlier and smaller one."""
    small = _made(home / "other.db").read_bytes()
    size = (home / "state.db").stat().st_size
    (home / "state.db").write_bytes(small[: min(size - 4096, len(small))])


def emptied(home: Path) -> None:
    os.truncate(home / "state.db", 0)


def written_through(home: Path) -> None:
    """As a shell of SQLite restores a backup: with every lock that there is."""
    with (
        closing(sqlite3.connect(_made(home / "other.db"))) as other,
        closing(sqlite3.connect(home / "state.db")) as own,
    ):
        other.backup(own)


def home_moved_away(home: Path) -> None:
    home.rename(home.with_name("away"))


def home_swapped(home: Path) -> None:
    home.rename(home.with_name("away"))
    shutil.copytree(home.with_name("away"), home)


def link_turned(home: Path) -> None:
    """The home is a link to a folder, and now to a copy of it."""
    shutil.copytree(home, home.with_name("another"))
    home.unlink()
    home.symlink_to(home.with_name("another"))


def tables_made_again(home: Path) -> None:
    """Everything is dropped, and migrated, while connections live."""
    url = (home / STATE_URL).read_text()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    migrate_database(url)


def other_store_loaded(home: Path) -> None:
    with psycopg.connect((home / STATE_URL).read_text()) as connection:
        connection.execute("UPDATE store SET store_id = 'another'")


IN_FILE: Mapping[str, Replacement] = {
    made.__name__: made
    for made in (
        removed,
        file_removed,
        log_removed,
        index_removed,
        own_copy_moved_over,
        own_copy_with_a_log_moved_over,
        other_store_moved_over,
        copied_over,
        emptied,
        written_through,
        home_moved_away,
        home_swapped,
        link_turned,
    )
}
IN_DATABASE: Mapping[str, Replacement] = {made.__name__: made for made in (tables_made_again, other_store_loaded)}


def _copy(file: Path, to: Path) -> Path:
    with closing(sqlite3.connect(file)) as own, closing(sqlite3.connect(to)) as copy:
        own.backup(copy)
    return to


def _made(file: Path) -> Path:
    """Another store, without rows."""
    engine = SqliteEngine(file, Durability.PROCESS_SAFE)
    engine._writer.close()
    engine._read.submit(engine._reader.close).result()
    return file
