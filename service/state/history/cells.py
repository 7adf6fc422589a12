"""The cells of a column of Arrow as plain values of a wanted type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def cells_of(array: pa.Array, wanted: pa.DataType) -> tuple[list[Any], list[int]]:
    """The values of a column, and the places of those that do not fit."""
    try:
        return _cast(array, wanted), []
    except ValueError:  # text that is no UTF-8 too
        bad = [i for i in range(len(array)) if not _is_castable(array.slice(i, 1), wanted)]
        unfit = frozenset(bad)
        return [None if i in unfit else _cast(array.slice(i, 1), wanted)[0] for i in range(len(array))], bad


def _is_castable(array: pa.Array, wanted: pa.DataType) -> bool:
    try:
        _cast(array, wanted)
    except ValueError:
        return False
    return True


def _cast(array: pa.Array, wanted: pa.DataType) -> list[Any]:
    """What is finer than a microsecond is cut off."""
    if pa.types.is_timestamp(wanted):
        is_coarse = pa.types.is_timestamp(array.type) and array.type.unit in ("s", "ms")
        cast = array.cast(wanted, safe=is_coarse).cast(pa.int64())
    elif pa.types.is_nested(wanted) and not pa.types.is_map(wanted):
        cast = array.cast(wanted).cast(_without_times(wanted))
    else:
        cast = array.cast(wanted)
    listed: list[Any] = cast.to_pylist()
    return listed


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _without_times(f.type), f.nullable) for f in kind.fields])
    return pa.int64() if pa.types.is_timestamp(kind) else kind
