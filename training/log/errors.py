"""What can be wrong with a log."""

from __future__ import annotations

from pathlib import Path

from features.errors import RumboError


class LogInvalid(RumboError):
    """A log, or what was asked of it, that cannot be used: the text names file, row and column where it has them."""

    exit_code = 2

    def __init__(self, place: Path | str, why: str, *, row: int | None = None, column: str | None = None) -> None:
        """`row`: counted from 0, the heading of a CSV file aside."""
        parts = [str(place), *([] if row is None else [f"row {row}"]), *([] if column is None else [column])]
        super().__init__(f"{': '.join(parts)}: {why}")
        self.row = row
        self.column = column
