"""The files of a SQLite store: who uses their folder, and whether they still lie where everybody looks for them.

A connection goes on writing to files that were removed or replaced, and nobody would ever find what it wrote.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from itertools import count
from pathlib import Path
from threading import Lock

from service.state.port import StateUnavailable

_SUFFIXES = ("", "-wal", "-shm")


def parts(file: Path) -> tuple[Path, ...]:
    """The file itself, its log, and the index of its log."""
    return tuple(file.with_name(f"{file.name}{suffix}") for suffix in _SUFFIXES)


def set_aside(file: Path) -> Path | None:
    """Moves what there is of a store out of the way, the file before its log. Returns: where the file would now lie."""
    found = [part for part in parts(file) if part.exists()]
    if not found:
        return None
    number = next(n for n in count(1) if not any(part.exists() for part in parts(_aside(file, n))))
    for part, aside in zip(parts(file), parts(_aside(file, number)), strict=True):
        if part in found:
            part.rename(aside)
    return _aside(file, number)


def _aside(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.aside-{number}")


class OpenFiles:
    """The files that connections have open: in WAL mode all three stay as long as one connection does."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        """To be made once `connection` has read. Raises: StateUnavailable if they are gone already."""
        self._file = file
        self._paths = parts(file.absolute())
        found = self._found()
        self._open = [(one.st_ino, one.st_dev) for one in found]
        self._size = found[0].st_size
        self._cookie = _cookie(connection)
        self._one_at_a_time = Lock()

    def check(self, connection: sqlite3.Connection) -> None:
        """Raises: StateUnavailable unless whoever opens the store by its path now gets these files."""
        with self._one_at_a_time:
            found = self._found()
            if [(one.st_ino, one.st_dev) for one in found] != self._open:
                raise StateUnavailable(f"{self._file} is not the file that this process has open: it {_MOVED}")
            size = found[0].st_size
            if size < self._size:  # VACUUM changes the cookie, and nothing else makes a store smaller
                if (cookie := _cookie(connection)) == self._cookie:
                    raise StateUnavailable(f"{self._file} was cut short or written over: it {_MOVED}")
                self._cookie = cookie
            self._size = size

    def _found(self) -> list[os.stat_result]:
        try:
            return [path.stat() for path in self._paths]
        except OSError as error:
            raise StateUnavailable(f"{self._file} is not where this process opened it: it {_MOVED}") from error


_MOVED = "was removed or replaced while it was in use; stop the service, and put the store back"


def _cookie(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


class FolderInUse:
    """Held by whoever has the store of a folder open, shared; by whoever replaces the store, alone.

    It lies on the folder itself, which nobody removes by mistake, and ends with the process, however that ends.
    """

    def __init__(self, folder: Path, *, is_alone: bool = False) -> None:
        """Raises: StateUnavailable if the folder cannot be had at once."""
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StateUnavailable(_used(folder, is_alone=is_alone)) from error

    def leave(self) -> None:
        os.close(self._descriptor)


def _used(folder: Path, *, is_alone: bool) -> str:
    if is_alone:
        return f"the store of {folder} is in use: stop its services, and end other commands, first"
    return f"the store of {folder} is being replaced: try again when that is done"


class LivingServices:
    """A file for each service that runs, locked as long as it lives; whoever finds one unlocked removes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: dict[str, int] = {}

    def join(self, service_id: str) -> None:
        """Raises: OSError."""
        self._folder.mkdir(exist_ok=True)
        file = self._folder / service_id
        while service_id not in self._own:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, file):
                self._own[service_id] = descriptor
            else:  # somebody took it for one that was left behind
                os.close(descriptor)

    def living(self) -> frozenset[str]:
        """Raises: OSError."""
        if not self._folder.is_dir():
            return frozenset()
        return frozenset(file.name for file in self._folder.iterdir() if file.name in self._own or _is_held(file))

    def leave(self) -> None:
        """All that joined here."""
        for service_id, descriptor in self._own.items():
            (self._folder / service_id).unlink(missing_ok=True)
            os.close(descriptor)
        self._own.clear()


def _is_held(file: Path) -> bool:
    """If it is not, it is removed."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
