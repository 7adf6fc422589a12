"""The files of a company's folder: which there are, whether one was changed, and what it holds.

Only regular files within the folder are read, links followed: that is how Kubernetes mounts a ConfigMap.
Whatever else bears such a name is neither waited for nor read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from features.documents.nodes import MAX_BYTES
from features.errors import RumboError

ENDING, WRONG_ENDING = ".yaml", ".yml"
MAX_ENTRIES = 10_000
"""Of a folder of journeys or cases, whatever they are."""
_TRIES = 3

Stamp = tuple[int, int, int] | None
"""When a file was changed, its size and its identity; None if it is not there."""
Stamps = frozenset[tuple[str, Stamp]]


class FileUnfit(RumboError):
    """What is not to be read as a file of a folder, and why."""


def is_named_as_yaml(name: str) -> bool:
    """Whether it is meant to be read. What begins with a dot belongs to an editor, a system or a mount."""
    return name.endswith((ENDING, WRONG_ENDING)) and not name.startswith(".")


def misnamed(name: str) -> str:
    """Why a file that is meant to be read is not; empty if it is. What is left out silently is worse than an error."""
    if not name.isprintable():
        return "a name that cannot be printed"
    return "" if name.endswith(ENDING) else f"name it *{ENDING}"


def printable(name: str) -> str:
    """The name, as far as it can be told."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def listed(folder: Path, name: str) -> dict[str, Stamp]:
    """What is meant to be read of a folder within `folder`, by name and in order, with stamps.

    Raises: FileUnfit if there is far too much, or the folder lies elsewhere; empty if there is none.
    """
    found: list[os.DirEntry[str]] = []
    try:
        _require_within(folder, name)
        with os.scandir(folder / name) as entries:
            for count, entry in enumerate(entries, start=1):
                if count > MAX_ENTRIES:
                    raise FileUnfit(f"more than {MAX_ENTRIES} files")
                if is_named_as_yaml(entry.name):
                    found.append(entry)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileUnfit(f"cannot be read: {error.strerror}") from error
    return {f"{name}/{entry.name}": stamp_of(entry) for entry in sorted(found, key=lambda e: e.name)}


def stamp_of(file: Path | os.DirEntry[str]) -> Stamp:
    try:
        return _stamp(file.stat())
    except OSError:
        return None


def content_of(folder: Path, name: str) -> bytes:
    """What a file holds, read as one. Raises: FileUnfit."""
    for _ in range(_TRIES):
        try:
            content = _read_once(folder, name)
        except FileNotFoundError as error:
            text = "a link to what is not there" if (folder / name).is_symlink() else "the file is missing"
            raise FileUnfit(text) from error
        except OSError as error:
            raise FileUnfit(f"cannot be read: {error.strerror}") from error
        if content is not None:
            return content
    raise FileUnfit("it changes while it is read")


def _read_once(folder: Path, name: str) -> bytes | None:
    """None if it was changed meanwhile."""
    path = _require_within(folder, name)
    _require_fit(path.stat())  # opening a device may do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        _require_fit(before)
        content = file.read(before.st_size + 1)
        is_same = len(content) == before.st_size and _stamp(os.fstat(descriptor)) == _stamp(before)
    return content if is_same else None


def _require_fit(status: os.stat_result) -> None:
    """Raises: FileUnfit."""
    if not stat.S_ISREG(status.st_mode):
        raise FileUnfit("no regular file")
    if status.st_size > MAX_BYTES:
        raise FileUnfit(f"larger than {MAX_BYTES // 1024} kB")


def _require_within(folder: Path, name: str) -> Path:
    """Where it lies, links followed. Raises: FileUnfit if that is not below `folder`; OSError."""
    path = Path(os.path.realpath(folder / name, strict=True))  # `resolve` says of a loop what is no OSError
    if not path.is_relative_to(os.path.realpath(folder)):
        raise FileUnfit("a link that leads out of its folder")
    return path


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
