"""The ids that a table has shown so far, however many there are."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from features.files import writing


class SeenIds:
    """A set of names in a file without a name, which goes when it is closed."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, name: str) -> bool:
        """Whether it is new. Raises: CannotWrite."""
        with writing(Path(tempfile.gettempdir())):
            return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (name,)).rowcount == 1

    def close(self) -> None:
        self._database.close()
