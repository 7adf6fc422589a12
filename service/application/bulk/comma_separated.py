"""Events as comma-separated values: a header, then a row a line; in quotes a cell may go over several."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from service.application.bulk.file import (
    WHOLE,
    EventFileUnfit,
    FileRow,
    demand_columns,
    is_text,
    reading,
    text_fault,
)
from service.application.bulk.lines import MAX_LINE, Lines, TextEvents
from service.decision.reports.events import FieldFault
from service.state.history.faults import RowFault


def comma_separated_events(name: str, lines: Lines) -> TextEvents:
    """Every cell is text; that which is empty is absent, in quotes or not. Raises: EventFileUnfit."""
    csv.field_size_limit(MAX_LINE)  # what is too large for a cell is told by its row; this is of the process
    records = csv.reader(iter(lines), strict=True)
    with reading(name, lambda: 0):
        header = next(records, [])
    if not all(map(is_text, header)):
        raise EventFileUnfit(RowFault(file=name, row=0, column=WHOLE, code="NOT_UTF8"))
    demand_columns(name, header)
    rows = (_row(number, header, cells) if cells else None for number, cells in enumerate(records, 1))
    return TextEvents(name, lines, rows, is_typed=False)


def _row(number: int, header: Sequence[str], cells: Sequence[str]) -> FileRow:
    named = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    if len(cells) != len(header):
        code = "TOO_MANY_CELLS" if len(cells) > len(header) else "TOO_FEW_CELLS"
        return FileRow(number=number, cells=named, fault=FieldFault(field=WHOLE, code=code))
    return FileRow(number=number, cells=named, fault=text_fault(named))
