"""Copies of a SQLite store: made while it is used, and put back while it is not.

backup   store ──SQLite's own copy, one snapshot──> draft ──checked, on the disk──> FILE
restore  FILE ──the same copy──> draft beside the store ──checked, on the disk──> the store; what was there: aside
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from service.state.engines.session import optional_instant
from service.state.engines.sqlite import opened, step_and_id
from service.state.engines.steps import HEAD, to_do
from service.state.engines.store_file import FolderInUse, parts, set_aside
from service.state.home import HomeStore
from service.state.port import StateUnavailable

_LATEST = (
    "SELECT max(at) FROM (SELECT max(received_at) AS at FROM events UNION ALL SELECT max(received_at) FROM outcomes"
    " UNION ALL SELECT max(decided_at) FROM decisions)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupContents:
    """The contents of a backup. `store_id` is None if it is older than store ids; `until`: the last receipt."""

    store_id: str | None
    step: str
    until: datetime | None
    kills: Mapping[str, str]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """The backup that was restored. `aside`: where the store was moved that was there before; None if there was none.

    `kills_before`: its kill list by target, as far as it could be read.
    """

    copied: BackupContents
    aside: Path | None
    kills_before: Mapping[str, str]


def back_up(file: Path, target: Path, *, overwrites: bool = False) -> BackupContents:
    """Copies the store at one instant, whoever writes meanwhile. `target` appears whole or not at all.

    Raises: StateUnavailable.
    """
    if target.resolve() in {part.resolve() for part in parts(file)}:
        raise StateUnavailable(f"{target} belongs to the store itself: name another file")
    if target.exists() and (not overwrites or not target.is_file()):
        told = "and --overwrite replaces files only" if overwrites else "use another name, or --overwrite"
        raise StateUnavailable(f"{target} is there already: {told}")
    if not file.parent.is_dir():
        raise StateUnavailable(f"there is no state store {file}")
    with ExitStack() as undo:
        undo.callback(FolderInUse(file.parent).leave)
        draft = undo.enter_context(_draft(target))
        with opened(file) as store:
            _copy(store, draft)
        copied = _checked(draft)
        _publish(draft, target, overwrites=overwrites)
    return copied


def restore(backup: Path, file: Path) -> RestoreResult:
    """Puts a copy in the place of the store of a home, whose own store is kept beside it.

    Raises: StateUnavailable, with everything as it was, if the store is in use or the copy is not whole.
    """
    if not backup.is_file():
        raise StateUnavailable(f"there is no backup {backup}")
    if backup.resolve() in {part.resolve() for part in parts(file)}:
        raise StateUnavailable(f"{backup} is the store itself: name a copy of it")
    with ExitStack() as undo:
        file.parent.mkdir(parents=True, exist_ok=True)
        undo.callback(FolderInUse(file.parent, is_alone=True).leave)
        _demand_unused(file)
        draft = undo.enter_context(_draft(file))
        with opened(backup) as store:
            _copy(store, draft)
        copied, kills_before = _checked(draft), _kills_of(file)
        aside = _put(draft, file, copied)
    return RestoreResult(copied=copied, aside=aside, kills_before=kills_before)


def _put(draft: Path, file: Path, copied: BackupContents) -> Path | None:
    """Whatever ends it half-way, the home refuses to begin anew, and can be restored again."""
    home = file.parent
    try:
        known = HomeStore.of(home)
    except StateUnavailable:
        known = HomeStore()
    replace(known, embedded=known.embedded or copied.store_id or "that was to be restored").save(home)
    aside = set_aside(file)
    _publish(draft, file, overwrites=True)
    replace(known, embedded=copied.store_id).save(home)
    return aside


def _copy(store: sqlite3.Connection, draft: Path) -> None:
    """All in one step, which holds nobody up: whoever writes meanwhile writes to the log."""
    try:
        with closing(sqlite3.connect(draft)) as copy:
            store.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whatever the store is
    except sqlite3.Error as error:
        raise StateUnavailable(f"the copy cannot be made: {error}") from error


def _checked(draft: Path) -> BackupContents:
    """Raises: StateUnavailable unless it is a whole store that this program can use or migrate."""
    with opened(draft) as copy:
        (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise StateUnavailable(f"the copy is not whole: {found}")
        step, store_id = step_and_id(copy)
        if step > HEAD:
            raise StateUnavailable(f"its tables stand at step {step}, which is later than {HEAD}: {to_do(step)}")
        (until,) = copy.execute(_LATEST).fetchone()
        kills = dict(copy.execute("SELECT target, why FROM kills ORDER BY target").fetchall())
    until_at = optional_instant(until)
    return BackupContents(store_id=store_id, step=step, until=until_at, kills=kills, size_bytes=draft.stat().st_size)


def _kills_of(file: Path) -> Mapping[str, str]:
    """The kill list of a store; empty if that is gone or damaged."""
    try:
        with opened(file) as store:
            return dict(store.execute("SELECT target, why FROM kills ORDER BY target").fetchall())
    except StateUnavailable:
        return {}


def _demand_unused(file: Path) -> None:
    """Neither by programs that know nothing of the lock of the folder. Raises: StateUnavailable."""
    try:
        with opened(file, wait_s=0.0) as store:
            store.execute("PRAGMA locking_mode = EXCLUSIVE")
            store.execute("BEGIN IMMEDIATE")
            store.execute("ROLLBACK")
    except StateUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StateUnavailable(f"{file} is in use by another program: end that first") from error


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty file beside the target, readable by its owner alone; removed in the end, unless it became the target."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield draft
    except (OSError, sqlite3.Error) as error:
        raise StateUnavailable(f"{target} cannot be written: {error}") from error
    finally:
        for part in (*parts(draft), draft.with_name(f"{draft.name}-journal")):
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _publish(draft: Path, target: Path, *, overwrites: bool) -> None:
    """Puts the draft in place atomically and durably. Raises: OSError, also if the target was made meanwhile."""
    _sync(draft)
    if overwrites or not _link(draft, target):
        draft.replace(target)
    _sync(target.parent)


def _link(draft: Path, target: Path) -> bool:
    """Returns: whether the file system knows links, which replace nothing. Raises: FileExistsError."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
