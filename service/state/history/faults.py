"""What may be wrong with a table of history, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from features.errors import RumboError

LISTED = 20
"""How many faults an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row cannot be taken: its file, its number from 1 (0: the whole file), the column, and a code.

    `expected` says what would be right; the value itself may be personal, so it is not told.
    """

    file: str
    row: int
    column: str
    code: str
    expected: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.row else self.file
        return f"{place}, column {self.column}: {self.code}" + (f" ({self.expected})" if self.expected else "")


class HistoryInvalid(RumboError):
    """A table that cannot be taken as history; nothing of it was. `faults` are the first of `count`."""

    def __init__(self, faults: Sequence[RowFault], count: int) -> None:
        self.faults = tuple(faults)
        self.count = count
        shown = "\n".join(f"  {fault}" for fault in faults[:LISTED])
        more = f"\n  and {count - LISTED} more" if count > LISTED else ""
        super().__init__(f"the table is no history that can be taken, nothing was imported:\n{shown}{more}")
