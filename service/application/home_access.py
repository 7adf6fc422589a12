"""Checks who else may read or write a home, which tells of customers and decides what they are shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from features.errors import RumboError

OWN_ONLY = 0o077
MOST_NAMED = 3


class HomeUnsafe(RumboError):
    """Others can write what this service would believe."""


@contextmanager
def private_files() -> Iterator[None]:
    """What is made within, by programs that are started too, is for its owner alone."""
    before = os.umask(OWN_ONLY)
    os.umask(before | OWN_ONLY)
    try:
        yield
    finally:
        os.umask(before)


def demand_own(home: Path, *, trusts_group: bool = False) -> list[str]:
    """Looks at the home, its stores and their folders. Returns: what an operator should know, a line each.

    Args:
        trusts_group: others of its group may write, as where a volume is made writable for a group.
    Raises: HomeUnsafe if others can write any of them.
    """
    found = {path: path.stat() for path in _kept_in(home)}
    others = stat.S_IWOTH if trusts_group else stat.S_IWOTH | stat.S_IWGRP
    if writable := [path for path, is_ in found.items() if is_.st_mode & others]:
        whom = "o-w" if trusts_group else "go-w"
        group = "" if trusts_group else ", or set RUMBO_TRUST_GROUP=true if only its group can and that is meant"
        raise HomeUnsafe(f"others can write {_named(writable)}: run `chmod {whom}` on it{group}")
    told = []
    if readable := [path for path, is_ in found.items() if is_.st_mode & (stat.S_IROTH | stat.S_IXOTH)]:
        told.append(f"others can read {_named(readable)}, which tells of customers: run `chmod -R o-rwx {home}`")
    if foreign := [path for path, is_ in found.items() if is_.st_uid not in (0, os.geteuid())]:
        told.append(f"another user owns {_named(foreign)}, and can write it")
    return told


def _kept_in(home: Path) -> list[Path]:
    """The home, what lies in it, and what lies in its folders, where links lead; without what is gone meanwhile."""
    first = [home, *_entries(home)]
    listed = [*first, *(entry for folder in first[1:] for entry in _entries(folder))]
    beside_links = [path.resolve().parent for path in listed if path.is_symlink()]
    return [path for path in dict.fromkeys((*listed, *beside_links)) if path.exists()]


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _named(paths: Iterable[Path]) -> str:
    listed = list(map(str, paths))
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
