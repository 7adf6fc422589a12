"""Events as JSON: an object a line, whose keys are the columns."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from service.application.bulk.file import WHOLE, FileRow, is_int64, is_text, text_fault
from service.application.bulk.lines import Lines, TextEvents
from service.decision.reports.events import FieldFault


class _Pairs(tuple[tuple[str, Any], ...]):
    """The keys and values of an object, in their order; a key that stands twice is there twice."""


def json_lines_events(name: str, lines: Lines) -> TextEvents:
    """Texts, numbers, whole numbers and truth values are what they are; null and "" are absent."""
    rows = (_row(number, line) if line.strip() else None for number, line in enumerate(lines, 1))
    return TextEvents(name, lines, rows, is_typed=True)


def _row(number: int, line: str) -> FileRow:
    try:
        read = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, _Pairs):
        return FileRow(number=number, cells={}, fault=FieldFault(field=WHOLE, code="NOT_JSON"))
    cells = {name: cell for name, cell in read if cell not in (None, "") and not isinstance(cell, tuple | list)}
    return FileRow(number=number, cells=cells, fault=_fault(read) or text_fault(cells))


def _fault(read: _Pairs) -> FieldFault | None:
    counts = Counter(name for name, _ in read)
    for name, cell in read:
        if not is_text(name):
            return FieldFault(field=WHOLE, code="NOT_UTF8")
        if counts[name] > 1:
            return FieldFault(field=name, code="DUPLICATE")
        if isinstance(cell, tuple | list):
            return FieldFault(field=name, code="WRONG_TYPE")
        if isinstance(cell, int) and not is_int64(cell):
            return FieldFault(field=name, code="OUT_OF_RANGE")
    return None
