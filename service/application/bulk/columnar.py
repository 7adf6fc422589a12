"""Events as Parquet: each column has a type of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.values import Scalar
from service.application.bulk.file import (
    CUSTOMER_ID,
    EVENT_ID,
    OCCURRED_AT,
    REQUIRED,
    ROWS_AT_ONCE,
    WHOLE,
    EventFileUnfit,
    FileRow,
    batched,
    demand_columns,
)
from service.decision.reports.events import FieldFault
from service.state.engines.session import from_micros
from service.state.history.cells import cells_of
from service.state.history.faults import RowFault

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas writes of the index of a table: where its rows stood, which says nothing of them."""
_INSTANT, _LOCAL = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
_EXPECTED = {
    CUSTOMER_ID: "text or whole numbers",
    EVENT_ID: "text or whole numbers",
    OCCURRED_AT: "times with their zone, or text",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the cells of a column become: `wanted` of Arrow, then what `told` makes of it."""

    wanted: pa.DataType
    told: Callable[[Any], Scalar] = lambda cell: cell


_TEXT, _WHOLE_NUMBER = _Kind(pa.string()), _Kind(pa.int64())
_TIME = _Kind(_INSTANT, from_micros)
_TIME_OF_NO_ZONE = _Kind(_LOCAL, lambda cell: from_micros(cell).replace(tzinfo=None).isoformat())


class ParquetEvents:
    """Decimals become numbers, days and times without a zone become text in ISO 8601."""

    is_typed = True

    def __init__(self, file: Path, opened: pq.ParquetFile) -> None:
        """Raises: EventFileUnfit."""
        self.name, self.size, self.done = file.name, opened.metadata.num_rows, 0
        self._opened = opened
        columns = [field for field in opened.schema_arrow if not _INDEX.fullmatch(field.name)]
        demand_columns(self.name, [field.name for field in columns])
        kinds = {field.name: _kind_of(field.name, field.type) for field in columns}
        faults = [_unfit(self.name, field.name, field.type) for field in columns if kinds[field.name] is None]
        if faults:
            raise EventFileUnfit(*faults)
        self._kinds: Mapping[str, _Kind] = {name: kind for name, kind in kinds.items() if kind is not None}

    def batches(self) -> Iterator[Sequence[FileRow]]:
        with reading_parquet(self.name, lambda: self.done + 1):
            yield from batched(self._rows())

    def _rows(self) -> Iterator[FileRow]:
        for batch in self._opened.iter_batches(ROWS_AT_ONCE, columns=list(self._kinds), use_threads=False):
            yield from self._rows_of(batch)

    def _rows_of(self, batch: pa.RecordBatch) -> Iterator[FileRow]:
        cells: list[dict[str, Scalar]] = [{} for _ in range(batch.num_rows)]
        faults: dict[int, FieldFault] = {}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            kind = self._kinds[name]
            values, bad = _values(array, kind)
            for row, value in enumerate(values):
                if value is not None and value != "":
                    cells[row][name] = value
            code = "NOT_UTF8" if kind is _TEXT else "OUT_OF_RANGE"
            for row in bad:
                faults.setdefault(row, FieldFault(field=name, code=code))
        for row, named in enumerate(cells):
            self.done += 1
            yield FileRow(number=self.done, cells=named, fault=faults.get(row))


@contextmanager
def parquet_events(file: Path) -> Iterator[ParquetEvents]:
    """Raises: EventFileUnfit."""
    with reading_parquet(file.name, lambda: 0):
        opened = pq.ParquetFile(file)
    with opened:
        yield ParquetEvents(file, opened)


@contextmanager
def reading_parquet(file: str, row: Callable[[], int]) -> Iterator[None]:
    """As `reading`."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        fault = RowFault(file=file, row=row(), column=WHOLE, code="UNREADABLE", expected="a whole Parquet file")
        raise EventFileUnfit(fault) from error


def _kind_of(name: str, given: pa.DataType) -> _Kind | None:
    """None: no event has such a column."""
    kind = _attribute_kind(given)
    if name not in (*REQUIRED, EVENT_ID):
        return kind
    fitting = {CUSTOMER_ID: (_TEXT, _WHOLE_NUMBER), EVENT_ID: (_TEXT, _WHOLE_NUMBER), OCCURRED_AT: (_TEXT, _TIME)}
    is_day = pa.types.is_date(given)
    return kind if kind in fitting.get(name, (_TEXT,)) and not is_day else None


def _attribute_kind(given: pa.DataType) -> _Kind | None:
    types = pa.types
    if types.is_dictionary(given):
        return _attribute_kind(given.value_type)
    if types.is_string(given) or types.is_large_string(given) or types.is_date(given) or types.is_null(given):
        return _TEXT
    if given == pa.string_view():
        return _TEXT
    if types.is_boolean(given):
        return _Kind(pa.bool_())
    if types.is_integer(given):
        return _WHOLE_NUMBER
    if types.is_floating(given) or types.is_decimal(given):
        return _Kind(pa.float64())
    if types.is_timestamp(given):
        return _TIME_OF_NO_ZONE if given.tz is None else _TIME
    return None


def _unfit(file: str, name: str, given: pa.DataType) -> RowFault:
    expected = _EXPECTED.get(name, "text" if name in REQUIRED else "text, numbers, truth values or times")
    is_local = name == OCCURRED_AT and pa.types.is_timestamp(given)
    return RowFault(file=file, row=0, column=name, code="NO_ZONE" if is_local else "WRONG_TYPE", expected=expected)


def _values(array: pa.Array, kind: _Kind) -> tuple[list[Scalar | None], list[int]]:
    """The cells of a column, and the places of those that cannot be told."""
    listed, bad = cells_of(array, kind.wanted)
    values: list[Scalar | None] = []
    for row, cell in enumerate(listed):
        try:
            values.append(None if cell is None else kind.told(cell))
        except OverflowError:
            values.append(None)
            bad.append(row)
    return values, bad
