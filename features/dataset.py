"""What a prepared home folder holds: which data, moved by how much, and until when it reaches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from features.errors import HomeNotPrepared
from features.files import write_text

FILE = "dataset.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The content of HOME/dataset.json, written last: where it lies, the home is whole.

    `data_end` is the last instant of the data after the shift; `prepared_at` the clock of `rumbo prepare`.
    """

    source: str
    shift_weeks: int
    data_end: datetime
    prepared_at: datetime

    @classmethod
    def load(cls, home: Path) -> Self:
        """Raises: HomeNotPrepared when the file is missing or not readable as such."""
        path = home / FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                source=str(fields["source"]),
                shift_weeks=int(fields["shift_weeks"]),
                data_end=datetime.fromisoformat(fields["data_end"]),
                prepared_at=datetime.fromisoformat(fields["prepared_at"]),
            )
        except FileNotFoundError as error:
            raise HomeNotPrepared(f"{path} does not exist: run `rumbo prepare --home {home}` first") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HomeNotPrepared(f"{path} cannot be read: run `rumbo prepare --home {home}` again") from error

    def save(self, home: Path) -> None:
        """Writes HOME/dataset.json in one step."""
        fields = {
            "source": self.source,
            "shift_weeks": self.shift_weeks,
            "data_end": _rfc3339(self.data_end),
            "prepared_at": _rfc3339(self.prepared_at),
        }
        write_text(home / FILE, json.dumps(fields, indent=1, ensure_ascii=False) + "\n")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
