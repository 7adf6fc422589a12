"""Reads a table of history from Parquet files, a batch at a time, as plain values of the exported table's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.state.export.table import REQUIRED
from service.state.history.cells import cells_of
from service.state.history.faults import HistoryInvalid, RowFault

BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row: the values of its file's known columns. Times are microseconds since 1970."""

    file: str
    number: int
    cells: Mapping[str, Any]

    def fault(self, column: str, code: str, expected: str = "") -> RowFault:
        return RowFault(file=self.file, row=self.number, column=column, code=code, expected=expected)


class HistoryTable:
    """All Parquet files of a folder, in the order of their names, or one file."""

    def __init__(self, place: Path, schema: pa.Schema) -> None:
        """Raises: HistoryInvalid if there is no file, or one that cannot be read or lacks a column."""
        self._place = place
        self._schema = schema
        self._files = _files(place)
        self.ignored: tuple[str, ...] = ()
        """Columns that mean nothing here."""
        self.rows = 0
        faults = [fault for file in self._files for fault in self._look_at(file)]
        if not self._files:
            faults = [RowFault(file=str(place), row=0, column="*", code="MISSING", expected="a Parquet file")]
        if faults:
            raise HistoryInvalid(faults, len(faults))

    def read(self) -> Iterator[TableRow | RowFault]:
        """Every row, in order; a row whose values do not fit their types is a fault."""
        for file in self._files:
            number = 0
            with pq.ParquetFile(file) as opened:
                known = [name for name in opened.schema_arrow.names if name in self._schema.names]
                for batch in opened.iter_batches(BATCH, columns=known):
                    yield from self._rows(self._name(file), number, batch)
                    number += batch.num_rows

    def _rows(self, file: str, before: int, batch: pa.RecordBatch) -> Iterator[TableRow | RowFault]:
        columns: dict[str, list[Any]] = {}
        faulty: dict[int, list[str]] = {}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            columns[name], bad = cells_of(array, self._schema.field(name).type)
            for i in bad:
                faulty.setdefault(i, []).append(name)
        for i in range(batch.num_rows):
            for name in faulty.get(i, ()):
                kind = str(self._schema.field(name).type)
                yield RowFault(file=file, row=before + i + 1, column=name, code="OUT_OF_RANGE", expected=kind)
            if i not in faulty:
                cells = {name: values[i] for name, values in columns.items()}
                yield TableRow(file=file, number=before + i + 1, cells=cells)

    def _look_at(self, file: Path) -> Iterator[RowFault]:
        name = self._name(file)
        try:
            with pq.ParquetFile(file) as opened:
                given = opened.schema_arrow
                self.rows += opened.metadata.num_rows
        except (OSError, pa.ArrowException):
            yield RowFault(file=name, row=0, column="*", code="UNREADABLE", expected="a Parquet file")
            return
        self.ignored = tuple(sorted({*self.ignored, *(set(given.names) - set(self._schema.names))}))
        for required in REQUIRED:
            if required not in given.names:
                yield RowFault(file=name, row=0, column=required, code="MISSING")
        for field in given:
            if field.name in self._schema.names and not _fits(field.type, self._schema.field(field.name).type):
                kind = str(self._schema.field(field.name).type)
                yield RowFault(file=name, row=0, column=field.name, code="WRONG_TYPE", expected=kind)

    def _name(self, file: Path) -> str:
        return file.name if file == self._place else str(file.relative_to(self._place))


def _files(place: Path) -> Sequence[Path]:
    """Names that begin with a dot or an underscore are no data, as everywhere in the world of Parquet."""
    if place.is_file():
        return [place]
    found = sorted(place.rglob("*.parquet"))
    return [f for f in found if not any(part.startswith((".", "_")) for part in f.relative_to(place).parts)]


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of one type may stand for another's without a guess. A time says its zone."""
    if pa.types.is_null(given) or given == wanted:
        return True
    if pa.types.is_dictionary(given):
        return _fits(given.value_type, wanted)
    if pa.types.is_timestamp(wanted):
        return bool(pa.types.is_timestamp(given) and given.tz is not None)
    if pa.types.is_string(wanted):
        return bool(pa.types.is_large_string(given) or given == pa.string_view())
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(given) or pa.types.is_integer(given))
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(given))
    return _fits_nested(given, wanted)


def _fits_nested(given: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_map(wanted):
        return pa.types.is_map(given) and _fits(given.key_type, pa.string()) and _fits(given.item_type, pa.string())
    if pa.types.is_list(wanted):
        return (pa.types.is_list(given) or pa.types.is_large_list(given)) and _fits(given.value_type, wanted.value_type)
    if pa.types.is_struct(wanted) and pa.types.is_struct(given):
        names = [given.field(i).name for i in range(given.num_fields)]
        return all(_fits(given.field(f.name).type, f.type) if f.name in names else f.nullable for f in wanted.fields)
    return False
