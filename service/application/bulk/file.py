"""A file of events: rows in their order, a batch at a time, so that files of any length need the same memory."""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from features.errors import RumboError
from features.values import Scalar
from service.decision.reports.events import FieldFault
from service.state.history.faults import RowFault

CUSTOMER_ID, SOURCE, TYPE, OCCURRED_AT, EVENT_ID = "customer_id", "source", "type", "occurred_at", "event_id"
REQUIRED = (CUSTOMER_ID, SOURCE, TYPE, OCCURRED_AT)
"""Every other column but the event's id is an attribute."""
ROWS_AT_ONCE, CHARACTERS_AT_ONCE = 1000, 4 * 1024 * 1024
"""The most of a batch, as of a call on the wire."""
WHOLE = "*"
"""In place of a column, for what is of no single one."""


class EventFileUnfit(RumboError):
    """A file that cannot be read as events, from a row on or at all (row 0)."""

    def __init__(self, *faults: RowFault) -> None:
        super().__init__("the file cannot be taken as events:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One row; the first has the number 1. A null or empty cell is absent. `fault`: why it cannot be read as a row."""

    number: int
    cells: Mapping[str, Scalar]
    fault: FieldFault | None = None


class EventFile(Protocol):
    """A file that is open. `size` is what there is to read, `done` what was, in a unit of its own.

    `is_typed`: whether its cells have types of their own, or are all text.
    """

    name: str
    is_typed: bool
    size: int

    @property
    def done(self) -> int: ...

    def batches(self) -> Iterator[Sequence[FileRow]]:
        """Every row, none read before it is asked for. Raises: EventFileUnfit."""
        ...


def batched(rows: Iterable[FileRow]) -> Iterator[Sequence[FileRow]]:
    """Rows by ROWS_AT_ONCE; by fewer, if they are large."""
    batch: list[FileRow] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += sum(len(cell) for cell in row.cells.values() if isinstance(cell, str))
        if len(batch) >= ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def demand_columns(file: str, names: Sequence[str]) -> None:
    """Raises: EventFileUnfit, unless the columns that are required are there, and each is named once."""
    faults = [
        RowFault(file=file, row=0, column=name, code="MISSING", expected=f"the file has {', '.join(names)[:500]}")
        for name in REQUIRED
        if name not in names
    ]
    for name, count in Counter(names).items():
        if count > 1:
            faults.append(RowFault(file=file, row=0, column=name, code="DUPLICATE", expected="each column once"))
        if not name:
            expected = f"column {names.index(name) + 1} has no name"
            faults.append(RowFault(file=file, row=0, column=name, code="MISSING", expected=expected))
    if faults:
        raise EventFileUnfit(*faults)


@contextmanager
def reading(file: str, row: Callable[[], int]) -> Iterator[None]:
    """What makes a file unreadable within is an EventFileUnfit that names the row which is read by then."""
    try:
        yield
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise EventFileUnfit(
            RowFault(file=file, row=row(), column=WHOLE, code="UNREADABLE", expected=cause.partition("\n")[0])
        ) from error


def text_fault(cells: Mapping[str, Scalar]) -> FieldFault | None:
    """The first cell whose text is no UTF-8, or half of a surrogate pair."""
    for name, cell in cells.items():
        if isinstance(cell, str) and not is_text(cell):
            return FieldFault(field=name, code="NOT_UTF8")
    return None


def is_int64(number: int) -> bool:
    return -(2**63) <= number < 2**63


def is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
