"""Events as comma-separated values: a header, then a row a line; in quotes a cell may go over several."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from service.application.bulk.file import (
    WHOLE,
    EventFileUnfit,
    FileRow,
    batched,
    demand_columns,
    is_text,
    reading,
    text_fault,
)
from service.application.bulk.lines import MAX_LINE, Lines
from service.decision.reports.events import FieldFault
from service.state.history.faults import RowFault


class CommaSeparatedEvents:
    """Every cell is text; that which is empty is absent, in quotes or not."""

    is_typed = False

    def __init__(self, name: str, lines: Lines) -> None:
        """Raises: EventFileUnfit."""
        self.name, self.size = name, lines.size
        self._lines = lines
        self._number = 0
        csv.field_size_limit(MAX_LINE)  # what is too large for a cell is told by its row; this is of the process
        self._records = csv.reader(iter(lines), strict=True)
        with reading(name, lambda: 0):
            self._header = next(self._records, [])
        if not all(map(is_text, self._header)):
            raise EventFileUnfit(RowFault(file=name, row=0, column=WHOLE, code="NOT_UTF8"))
        demand_columns(name, self._header)

    @property
    def done(self) -> int:
        return self._lines.done

    def batches(self) -> Iterator[Sequence[FileRow]]:
        with reading(self.name, lambda: self._number + 1):
            yield from batched(self._rows())

    def _rows(self) -> Iterator[FileRow]:
        for number, cells in enumerate(self._records, 1):
            self._number = number
            if cells:  # a line is not empty
                yield self._row(number, cells)

    def _row(self, number: int, cells: Sequence[str]) -> FileRow:
        named = {name: cell for name, cell in zip(self._header, cells, strict=False) if cell}
        if len(cells) != len(self._header):
            code = "TOO_MANY_CELLS" if len(cells) > len(self._header) else "TOO_FEW_CELLS"
            return FileRow(number=number, cells=named, fault=FieldFault(field=WHOLE, code=code))
        return FileRow(number=number, cells=named, fault=text_fault(named))
