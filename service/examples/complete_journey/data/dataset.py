"""What a prepared company folder holds: which data, moved by how much, until when it reaches, and with which tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from features.errors import RumboError
from features.files import remove, sha256_of, write_text

FILE = "dataset.json"


class HomeNotPrepared(RumboError):
    """The folder has not the data that `rumbo prepare` makes, or not all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The content of dataset.json: it goes before the first table is replaced, and comes last.

    So where it lies, and the tables are what it says, the folder is whole. `tables` has the sha256 of each by its path
    there. `data_end` is the last instant of the data after the shift; `prepared_at` the clock of `rumbo prepare`.
    """

    source: str
    shift_weeks: int
    data_end: datetime
    prepared_at: datetime
    tables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises: HomeNotPrepared when the file is missing or not readable as such."""
        path = folder / FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                source=str(fields["source"]),
                shift_weeks=int(fields["shift_weeks"]),
                data_end=datetime.fromisoformat(fields["data_end"]),
                prepared_at=datetime.fromisoformat(fields["prepared_at"]),
                tables={str(path): str(sha256) for path, sha256 in fields["tables"].items()},
            )
        except FileNotFoundError as error:
            raise HomeNotPrepared(f"{path} does not exist: run `rumbo prepare --company {folder}` first") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HomeNotPrepared(f"{path} cannot be read: run `rumbo prepare --company {folder}` again") from error

    @staticmethod
    def forget(folder: Path) -> None:
        """From now on the folder is not prepared, until a description is saved again."""
        remove(folder / FILE)

    def demand(self, table: str, file: Path) -> None:
        """`table` is its path in the folder, `file` where it is read from.

        Raises: HomeNotPrepared when the file is not what this describes.
        """
        try:
            is_described = self.tables.get(table) == sha256_of(file)
        except OSError as error:
            raise HomeNotPrepared(f"{file} cannot be read ({error.strerror}): run `rumbo prepare` again") from error
        if not is_described:
            raise HomeNotPrepared(f"{file} is not the table that {FILE} describes: run `rumbo prepare` again")

    def save(self, folder: Path) -> None:
        """Writes dataset.json in one step."""
        fields = {
            "source": self.source,
            "shift_weeks": self.shift_weeks,
            "data_end": _rfc3339(self.data_end),
            "prepared_at": _rfc3339(self.prepared_at),
            "tables": dict(self.tables),
        }
        write_text(folder / FILE, json.dumps(fields, indent=1, ensure_ascii=False) + "\n")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
