"""Columns of a log as arrays. Whatever cannot be used is refused by file, row and column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.log.files import LogTable

_NAT = np.iinfo(np.int64).min
"""NaT, as numpy keeps it."""
_SEPARATORS = re.compile(r"[|;,\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column of texts: `codes` (n,) index `levels`, -1 where there is none."""

    codes: NDArray[np.int64]
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedAttributes:
    """A column of attributes by name: `codes` (n,) index `levels`, -1 where nothing is said."""

    codes: NDArray[np.int64]
    levels: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """A column of sets of texts: `rows` and `codes` (m,) say that row `rows[k]` holds `levels[codes[k]]`."""

    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    levels: tuple[str, ...]


def numbers(log: LogTable, column: str) -> NDArray[np.float64]:
    """(n,) the column as numbers, flags as 0 and 1; NaN where it is null.

    Raises: LogInvalid for a column of another type, and for a cell that holds NaN or an infinity.
    """
    values = _combined(log, column)
    kind = values.type
    if pa.types.is_null(kind):
        return np.full(len(values), np.nan)
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        pass
    elif _is_text(kind):
        values = _as_numbers(log, column, values)
    else:
        raise log.fault(f"a column of numbers is needed, this has {_kind(kind)}{_sample(values)}", column=column)
    null = np.asarray(values.is_null())
    found = np.asarray(values.cast(pa.float64()).fill_null(0.0), dtype=np.float64)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise log.fault(f"{found[row]} is no finite number", row=row, column=column)
    return np.where(null, np.nan, found)


def texts(log: LogTable, column: str) -> Coded:
    """The column as texts, levels in order; whole numbers are written without a point.

    Raises: LogInvalid for a column that is none of texts, numbers and flags.
    """
    return _coded(_as_text(log, column, _combined(log, column)))


def instants(log: LogTable, column: str, *, nullable: bool = False) -> NDArray[np.datetime64]:
    """(n,) datetime64[us] in UTC; a day is its beginning, a time without a zone is in UTC; NaT where it is null.

    Raises: LogInvalid where a cell is no time, or null unless `nullable`.
    """
    values = _combined(log, column)
    if values.null_count and not nullable:
        raise log.fault("there is no time", row=_first_null(values), column=column)
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        zone = values.type.tz if pa.types.is_timestamp(values.type) else None
        moments = values.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64()).fill_null(_NAT)
        return np.asarray(moments, dtype=np.int64).astype("datetime64[us]")
    if not (_is_text(values.type) or pa.types.is_null(values.type)):
        raise log.fault(f"a column of times is needed, this has {_kind(values.type)}{_sample(values)}", column=column)
    coded = _coded(values.cast(pa.string()))
    known = np.full(len(coded.levels) + 1, np.datetime64("NaT"), dtype="datetime64[us]")
    for code, text in enumerate(coded.levels):
        moment = _moment(text)
        if moment is None:
            row = int(np.flatnonzero(coded.codes == code)[0])
            raise log.fault(f"{text!r} is no time such as 2026-11-22T09:00:00Z", row=row, column=column)
        known[code] = moment
    return known[coded.codes]


def sets(log: LogTable, column: str) -> Sets:
    """A column of lists of ids, of elements with a `journey_id`, or of texts such as `a|b` or `["a","b"]`.

    Raises: LogInvalid where a cell is null or no such list.
    """
    values = _combined(log, column)
    if values.null_count:
        raise log.fault("there is no set", row=_first_null(values), column=column)
    if _is_text(values.type):
        values = pa.array(_parsed(log, column, values.to_pylist()), type=pa.list_(pa.string()))
    if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        raise log.fault(f"a column of lists is needed, this has {_kind(values.type)}{_sample(values)}", column=column)
    elements, rows = values.flatten(), np.asarray(pc.list_parent_indices(values), dtype=np.int64)
    if pa.types.is_struct(elements.type):
        if elements.type.get_field_index("journey_id") < 0:
            raise log.fault("its elements have no journey_id", column=column)
        elements = pc.struct_field(elements, "journey_id")
    if elements.null_count:
        raise log.fault("a set holds a null", row=int(rows[_first_null(elements)]), column=column)
    coded = _coded(_as_text(log, column, elements))
    return Sets(rows=rows, codes=coded.codes, levels=coded.levels)


def attributes(log: LogTable, column: str) -> CodedAttributes:
    """A column of maps from names to texts; one that holds a null says nothing.

    Raises: LogInvalid for a column of another type.
    """
    values = _combined(log, column)
    if pa.types.is_null(values.type):
        return CodedAttributes(codes=np.full(len(values), -1), levels=())
    if not pa.types.is_map(values.type):
        raise log.fault(f"a column of maps is needed, this has {_kind(values.type)}{_sample(values)}", column=column)
    pairs = pc.binary_join_element_wise(values.keys.cast(pa.string()), values.items.cast(pa.string()), "\x1f")
    written = pc.binary_join(pa.ListArray.from_arrays(values.offsets, pairs), "\x1e")
    found = pc.if_else(values.is_valid(), written, pa.scalar(None, pa.string())).dictionary_encode()
    codes = np.asarray(found.indices.fill_null(-1), dtype=np.int64)
    first = [int(np.argmax(codes == code)) for code in range(len(found.dictionary))]
    return CodedAttributes(codes=codes, levels=tuple(dict(values[row].as_py()) for row in first))


def of_entries(log: LogTable, column: str, name: str) -> pa.Array | None:
    """(m,) what the elements of a column's sets have under this name, in the order of `sets`; None without any."""
    kind = log.table.schema.field(column).type
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not (nested and pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index(name) >= 0):
        return None
    return pc.struct_field(_combined(log, column).flatten(), name)


def _as_numbers(log: LogTable, column: str, values: pa.Array) -> pa.Array:
    """Texts that are numbers. Raises: LogInvalid naming the first that is none."""
    for row, text in enumerate(values.to_pylist()):
        try:
            float(text or 0.0)
        except ValueError as error:
            raise log.fault(f"{text[:40]!r} is no number", row=row, column=column) from error
    return pa.array([float(text) if text else None for text in values.to_pylist()], pa.float64())


def _combined(log: LogTable, column: str) -> pa.Array:
    values = log.table.column(column).combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _as_text(log: LogTable, column: str, values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_floating(kind):
        whole = pc.all(pc.equal(pc.floor(values), values), skip_nulls=True).as_py()
        return values.cast(pa.int64()).cast(pa.string()) if whole is not False else values.cast(pa.string())
    if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise log.fault(f"a column of texts is needed, this has {_kind(kind)}{_sample(values)}", column=column)
    return values.cast(pa.string())


def _coded(values: pa.Array) -> Coded:
    found = values.dictionary_encode()
    levels = [str(level) for level in found.dictionary.to_pylist()]
    order = np.argsort(np.array(levels, dtype=object), kind="stable") if levels else np.empty(0, dtype=np.int64)
    place = np.empty(len(levels) + 1, dtype=np.int64)
    place[order] = np.arange(len(levels))
    place[len(levels)] = -1
    codes = np.asarray(found.indices.fill_null(len(levels)), dtype=np.int64)
    return Coded(codes=place[codes], levels=tuple(levels[i] for i in order))


def _parsed(log: LogTable, column: str, cells: list[str]) -> list[list[str]]:
    """Each cell as a list; most logs have few sets, so each text is read once."""
    known: dict[str, list[str]] = {}
    for row, text in enumerate(cells):
        if text not in known:
            try:
                known[text] = _ids(text)
            except ValueError as error:
                raise log.fault(f"{text!r} is no list such as a|b: {error}", row=row, column=column) from error
    return [known[text] for text in cells]


def _ids(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [part for part in _SEPARATORS.split(text.strip()) if part]
    listed = json.loads(text.replace("'", '"'))
    if not isinstance(listed, list) or not all(isinstance(item, (str, int)) for item in listed):
        raise ValueError("a list of ids is needed")
    return [str(item) for item in listed]


def _moment(text: str) -> np.datetime64 | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return np.datetime64(at.replace(tzinfo=None), "us")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_KINDS: tuple[tuple[Callable[[pa.DataType], Any], str], ...] = (
    (_is_text, "texts"),
    (pa.types.is_boolean, "flags"),
    (pa.types.is_integer, "whole numbers"),
    (pa.types.is_floating, "numbers"),
    (pa.types.is_temporal, "times"),
    (pa.types.is_nested, "lists"),
    (pa.types.is_null, "nulls alone"),
)


def _kind(kind: pa.DataType) -> str:
    return next((words for fits, words in _KINDS if fits(kind)), "values of another type")


def _sample(values: pa.Array) -> str:
    first = next((item.as_py() for item in values if item.is_valid), None)
    plain = isinstance(first, (str, int, float, bool, date, datetime))
    return f", such as {str(first)[:40]!r}" if plain else ""


def _first_null(values: pa.Array) -> int:
    return int(np.flatnonzero(np.asarray(values.is_null()))[0])
