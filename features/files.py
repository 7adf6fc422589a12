"""Files that are either whole or as they were before: written beside their place, then renamed into it.

A file that was replaced survives a loss of power from then on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import CannotWrite

if TYPE_CHECKING:
    import pyarrow as pa


def made_durable(folder: Path, *, above: Path) -> None:
    """What lies in `folder`, and the names that lead to it from `above`, survives a loss of power from now on."""
    for path in (*sorted(folder.iterdir()), folder, *folder.parents):
        _sync(path)
        if path == above:
            return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to; when the block ends well it becomes `path`, else it is removed. Makes the folder.

    Raises: CannotWrite.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            yield draft
            _sync(draft)
            draft.replace(path)
            _sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; when the block ends well it becomes `path`, in place of what was there, else it is
    removed.

    Raises: CannotWrite.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    former = path.with_name(f".{path.name}.former.{os.getpid()}.draft")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            draft.mkdir()
            yield draft
            for inner in sorted(draft.rglob("*"), reverse=True):  # what lies in a folder before the folder
                _sync(inner)
            _sync(draft)
            if path.exists():
                path.rename(former)
            draft.rename(path)
            _sync(path.parent)
        finally:
            for gone in (draft, former):
                shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever the disk, or a database on it, refuses within is CannotWrite with this path."""
    try:
        yield
    except CannotWrite:
        raise
    except (OSError, sqlite3.Error) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise CannotWrite(f"{path} cannot be written: {cause.partition(chr(10))[0]}") from error


def demand_writable(folder: Path) -> None:
    """Makes the folder where it is missing. Raises: CannotWrite, before anything was worked for."""
    with replacing(folder / ".writable") as draft:
        draft.write_bytes(b"")
    remove(folder / ".writable")


def demand_writable_at(folder: Path) -> None:
    """The same of a folder that may be missing, and is not made. Raises: CannotWrite."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    with writing(folder), tempfile.TemporaryFile(dir=place):
        pass


def _sweep(path: Path) -> None:
    """Removes what was written for `path` by processes that were killed."""
    for draft in path.parent.glob(f".{escape(path.name)}.*.draft"):
        pid = draft.name.split(".")[-2]
        if not pid.isdecimal() or _lives(int(pid)):
            continue
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def remove(path: Path) -> None:
    """If it is there; gone for good, also after a loss of power."""
    if path.exists():
        path.unlink()
        _sync(path.parent)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_regular(path: Path, *, within: Path, at_most: int) -> bytes:
    """What a file holds that lies, links followed, inside the folder `within`.

    Raises: OSError, whose `strerror` says what is wrong; also for what is no regular file, or larger than `at_most`.
    """
    try:
        target = path.resolve(strict=True)
        inside = target.is_relative_to(within.resolve())
    except (ValueError, RuntimeError) as error:  # a NUL in the name; links that lead to each other
        raise OSError(errno.EINVAL, f"no name of a file: {error}") from error
    if not inside:
        raise OSError(errno.EPERM, f"it lies outside of {within}")
    # Without waiting, for what became a pipe meanwhile.
    with os.fdopen(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"it is larger than {at_most:,} bytes")
    return content


def write_text(path: Path, text: str) -> None:
    """UTF-8, in one step."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes the file in one step."""
    import pyarrow.parquet as pq

    with replacing(path) as draft:
        pq.write_table(table, draft)
