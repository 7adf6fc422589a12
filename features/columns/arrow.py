"""Facts from an Arrow table, whatever types its columns came with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

from features.columns.facts import FeatureColumns, Instants, TextColumn
from features.errors import RumboError

_FIRST, _END = np.datetime64("0001-01-01"), np.datetime64("10000-01-01")
"""What a datetime can be."""


class ColumnUnfit(RumboError):
    """A column of a table from which a feature or a moment cannot be read. `row`: from 0, where one is to blame."""

    def __init__(self, column: str, fault: str, row: int | None = None) -> None:
        super().__init__(f"column {column!r}{'' if row is None else f', row {row}'}: {fault}")
        self.column = column
        self.fault = fault
        self.row = row


class _Kind(StrEnum):
    NUMBER = "number"
    TEXT = "text"
    INSTANT = "instant"


def columns_of(table: pa.Table, names: Sequence[str], at: str, categorical: Collection[str] = ()) -> FeatureColumns:
    """The named columns of a table, and the moment of each row.

    Integers, floats, decimals and flags are numbers; strings are texts; timestamps and dates are instants, in UTC where
    they have no zone, with what is below a microsecond cut off. Dictionaries are read as what they hold. Nulls, NaN,
    infinities and years that no datetime has are not PRESENT.

    Args:
        at: the column of the moments.
        categorical: those of `names` that are texts, whatever they hold: 3 and 3.0 are "3", a flag is "true" or
            "false", an instant or a date is as in RFC 3339.
    Raises: ColumnUnfit for a column that the table lacks, has twice or holds something else in, and for a row without
        a moment.
    """
    moments = _column(table, at)
    if _kind(at, moments.type) is not _Kind.INSTANT:
        raise ColumnUnfit(at, f"holds {moments.type}, not the moments of the decisions")
    numbers, texts, instants = {}, {}, {}
    for name in names:
        column = _column(table, name)
        kind = _kind(name, column.type)
        if kind is _Kind.TEXT or name in categorical:
            texts[name] = _texts(column)
        elif kind is _Kind.NUMBER:
            numbers[name] = _numbers(column)
        else:
            instants[name] = _instants(column)
    return FeatureColumns(at=_present(at, _instants(moments)), numbers=numbers, texts=texts, instants=instants)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """What a dictionary stands for is written out."""
    places = table.schema.get_all_field_indices(name)
    if len(places) != 1:
        raise ColumnUnfit(name, "stands in the table more than once" if places else "is not in the table")
    column = table.column(places[0])
    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column


def _kind(name: str, given: pa.DataType) -> _Kind:
    if types.is_string(given) or types.is_large_string(given) or types.is_string_view(given):
        return _Kind.TEXT
    if types.is_timestamp(given) or types.is_date(given):
        return _Kind.INSTANT
    number = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_null)
    if any(is_one(given) for is_one in number):
        return _Kind.NUMBER
    raise ColumnUnfit(name, f"holds {given}: expected numbers, flags, texts, timestamps or dates")


def _present(name: str, moments: Instants) -> Instants:
    lacking = np.flatnonzero(np.isnat(moments))
    if lacking.size:
        raise ColumnUnfit(name, "there is no moment", row=int(lacking[0]))
    return moments


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Each is the nearest float. Arrow scales decimals in floats, so they are read from their digits."""
    plain = column.cast(pa.string()) if types.is_decimal(column.type) else column
    found: NDArray[np.float64] = plain.cast(pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(found), found, np.nan)


def _instants(column: pa.ChunkedArray) -> Instants:
    given: Instants = column.to_numpy()
    if given.dtype != np.dtype("datetime64[ns]"):  # which cannot be outside, nor hold the bounds
        first, end = _FIRST.astype(given.dtype), _END.astype(given.dtype)
        given = np.where((given >= first) & (given < end), given, np.datetime64("NaT"))
    return given.astype("datetime64[us]")


def _texts(column: pa.ChunkedArray) -> TextColumn:
    """Levels are sorted; values that are written alike are one level."""
    codes, values = _distinct(column)
    written = [_written(value) for value in values]
    levels = tuple(sorted({text for text in written if text is not None}))
    code_of: dict[str | None, int] = {None: -1, **{level: i for i, level in enumerate(levels)}}
    table = np.array([*(code_of[text] for text in written), -1], dtype=np.int32)
    return TextColumn(codes=table[codes], levels=levels)


def _distinct(column: pa.ChunkedArray) -> tuple[NDArray[np.integer[Any]], list[Any]]:
    """(n,) codes and the values that they stand for; what is null has -1, or the code of None."""
    if types.is_temporal(column.type):
        instants, codes = np.unique(_instants(column), return_inverse=True)
        return codes, instants.astype("datetime64[D]" if types.is_date(column.type) else instants.dtype).tolist()
    if types.is_null(column.type) or types.is_float16(column.type):  # Arrow finds no distinct ones of these
        column = column.cast(pa.float32())
    encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    values = encoded.dictionary
    is_float = types.is_floating(column.type)  # numpy writes a float32 in its own few digits
    return encoded.indices.fill_null(-1).to_numpy(), list(values.to_numpy()) if is_float else values.to_pylist()


def _written(value: Any) -> str | None:
    """A value as a level; None for what is not PRESENT."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return f"{value.isoformat()}Z"
        case date():
            return value.isoformat()
        case float() | np.floating():
            return (str(int(value)) if value.is_integer() else str(value)) if np.isfinite(value) else None
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").removesuffix(".") if "." in text else text
    return None if value is None else str(value)
