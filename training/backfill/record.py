"""What a folder that was filled in says of itself: `_backfill.json`, which is no part of the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from features.errors import CannotWrite
from features.files import write_text

RECORD: Final = "_backfill.json"
REPLACED: Final = "replaced"


def write_record(folder: Path, document: Mapping[str, object]) -> None:
    """Raises: CannotWrite."""
    write_text(folder / RECORD, json.dumps(document, indent=1, sort_keys=True) + "\n")


def replaced_in(log: Path) -> frozenset[str]:
    """The features of a log of which what was served gave way to the history; none of one that was not filled in."""
    try:
        said = json.loads((log / RECORD).read_text(encoding="utf-8"))
        return frozenset(map(str, said[REPLACED]))
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def demand_place(out: Path, log: Path) -> None:
    """Raises: CannotWrite for a folder that holds something else, or where one of both lies in the other.

    Both are whole paths.
    """
    if out == log or out in log.parents or log in out.parents:
        raise CannotWrite(f"{out} and the log {log} lie in each other: name another folder")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise CannotWrite(f"{out} is not empty, and no log that was filled in: name a folder that does not exist")
    if out.exists() and not out.is_dir():
        raise CannotWrite(f"{out} is no folder")
