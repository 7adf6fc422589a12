"""The rows of a file that were refused, as a file of comma-separated values for people and spreadsheets."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from features.files import demand_writable, remove, replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """Which row, by its number and its event's id ("" if it has none), which column, and why."""

    row: int
    event_id: str
    field: str
    code: str


class RefusedFile:
    """Is there once the block within which rows are written ends well, and if there was one; an earlier one goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Raises: CannotWrite."""
        demand_writable(self.path.parent)
        return self

    def write(self, refused: RefusedRow) -> None:
        """Raises: CannotWrite."""
        if self._writer is None:
            draft = self._opened.enter_context(replacing(self.path))
            text = draft.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            self._writer = csv.writer(self._opened.enter_context(text))
            self._writer.writerow([field.name for field in fields(RefusedRow)])
        self._writer.writerow(astuple(refused))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
        if error is None and self._writer is None:
            remove(self.path)
