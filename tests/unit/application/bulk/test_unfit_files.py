"""What is wrong with a file of events itself is told by file, row and column, before or when it is met."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.application.bulk.file import EventFileUnfit, FileRow
from service.application.bulk.formats import open_events
from service.application.bulk.lines import MAX_LINE
from tests.event_files import as_parquet

HEADER = "customer_id,source,type,occurred_at,note"
ROW = "1,crm,purchase,2018-01-03T12:00:00Z,x"
TOLD = {"customer_id": "1", "source": "crm", "type": "purchase", "occurred_at": datetime(2018, 1, 3, 12, tzinfo=UTC)}
Place = tuple[int, str, str]
"""(row, column, code)"""


def rows_of(file: Path) -> list[FileRow]:
    with open_events(file) as opened:
        return [row for batch in opened.batches() for row in batch]


def refused(file: Path) -> list[Place]:
    """What the file is refused for. Each fault is named with the file in the text of the error."""
    with pytest.raises(EventFileUnfit) as error:
        rows_of(file)
    assert all(f"{file.name}" in str(fault) and str(fault) in str(error.value) for fault in error.value.faults)
    return [(fault.row, fault.column, fault.code) for fault in error.value.faults]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


HEADERS: Mapping[str, tuple[str, list[tuple[str, str]]]] = {
    "a column that is missing": (HEADER.replace(",source", ""), [("source", "MISSING")]),
    "two that are missing": ("customer_id,source", [("type", "MISSING"), ("occurred_at", "MISSING")]),
    "another case": (HEADER.replace("type", "Type"), [("type", "MISSING")]),
    "a name that stands twice": (HEADER + ",note", [("note", "DUPLICATE")]),
    "a column without a name": ("," + HEADER, [("", "MISSING")]),
    "semicolons": (
        HEADER.replace(",", ";"),
        [(c, "MISSING") for c in ("customer_id", "source", "type", "occurred_at")],
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lacks_something_is_refused_by_column(tmp_path: Path, name: str) -> None:
    header, faults = HEADERS[name]
    assert refused(written(tmp_path, "e.csv", f"{header}\n{ROW}\n")) == [(0, *fault) for fault in faults]


FILES: Mapping[str, tuple[str, str | bytes, Place]] = {
    "nothing": ("e.csv", "", (0, "customer_id", "MISSING")),
    "UTF-16": ("e.csv", f"{HEADER}\n{ROW}\n".encode("utf-16"), (0, "*", "NOT_UTF8")),
    "UTF-16 of JSON": ("e.jsonl", '{"type": "purchase"}\n'.encode("utf-16"), (0, "*", "NOT_UTF8")),
    "a header that is no UTF-8": ("e.csv", f"{HEADER},año\n".encode("latin-1"), (0, "*", "NOT_UTF8")),
    "a quote that is not closed": ("e.csv", f'{HEADER}\n{ROW}\n{ROW[:-1]}"x\n{ROW}\n', (2, "*", "UNREADABLE")),
    "a quote within": ("e.csv", f'{HEADER}\n{ROW[:-1]}"x"y\n', (1, "*", "UNREADABLE")),
    "no gzip": ("e.csv.gz", f"{HEADER}\n{ROW}\n", (0, "*", "UNREADABLE")),
    "a gzip that is cut": ("e.csv.gz", gzip.compress(f"{HEADER}\n{ROW}\n".encode())[:-9], (1, "*", "UNREADABLE")),
    "a line without an end": ("e.jsonl", b"x" * MAX_LINE, (1, "*", "UNREADABLE")),
    "no Parquet": ("e.parquet", f"{HEADER}\n{ROW}\n", (0, "*", "UNREADABLE")),
    "no format": ("e.xlsx", b"PK", (0, "*", "UNKNOWN_FORMAT")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_refused_by_the_row_that_was_read(tmp_path: Path, name: str) -> None:
    file, content, place = FILES[name]
    assert refused(written(tmp_path, file, content))[0] == place


def table(**columns: pa.Array) -> pa.Table:
    told = {name: pa.array([cell]) for name, cell in TOLD.items()}
    return pa.table({**told, **columns})


COLUMNS: Mapping[str, tuple[str, pa.Array]] = {
    "days": ("occurred_at", pa.array([17534], pa.date32())),
    "times as numbers": ("occurred_at", pa.array([1514980800])),
    "customers as fractions": ("customer_id", pa.array([1.0])),
    "types as numbers": ("type", pa.array([1])),
    "bytes": ("note", pa.array([b"x"])),
    "lists": ("note", pa.array([["x"]])),
    "objects": ("note", pa.array([{"x": 1}])),
    "times of day": ("note", pa.array([1], pa.time64("us"))),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_parquet_that_no_event_has_is_refused_by_name(tmp_path: Path, name: str) -> None:
    column, cells = COLUMNS[name]
    pq.write_table(table(**{column: cells}), tmp_path / "e.parquet")
    assert refused(tmp_path / "e.parquet") == [(0, column, "WRONG_TYPE")]


def test_times_of_parquet_that_have_no_zone_are_refused_by_their_column(tmp_path: Path) -> None:
    pq.write_table(table(occurred_at=pa.array([0], pa.timestamp("us"))), tmp_path / "e.parquet")
    assert refused(tmp_path / "e.parquet") == [(0, "occurred_at", "NO_ZONE")]


def test_where_a_row_stood_in_a_table_of_pandas_is_no_attribute(tmp_path: Path) -> None:
    """Else the same row of two tables would be two events."""
    pd.DataFrame({**TOLD, "note": "x"}, index=[7]).to_parquet(tmp_path / "e.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "e.parquet").names
    (row,) = rows_of(tmp_path / "e.parquet")
    assert row.cells == {**TOLD, "note": "x"}


def test_a_parquet_file_whose_names_stand_twice_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([*table().columns, pa.array(["x"])], names=[*table().column_names, "type"])
    pq.write_table(twice, tmp_path / "e.parquet")
    assert refused(tmp_path / "e.parquet") == [(0, "type", "DUPLICATE")]


def test_a_parquet_file_that_is_damaged_within_is_refused_at_the_row_that_was_read(tmp_path: Path) -> None:
    file = as_parquet(tmp_path, [{**TOLD, "note": f"a note of row {i}"} for i in range(20_000)])
    content = bytearray(file.read_bytes())
    content[len(content) // 8 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 8)
    file.write_bytes(content)
    ((_, column, code),) = refused(file)
    assert (column, code) == ("*", "UNREADABLE")


KINDS: Mapping[str, tuple[pa.Array, Any]] = {
    "text": (pa.array(["0042"]), "0042"),
    "large text": (pa.array(["x"], pa.large_string()), "x"),
    "text by reference": (pa.array(["x"], pa.string_view()), "x"),
    "text of a dictionary": (pa.array(["x"]).dictionary_encode(), "x"),
    "small number": (pa.array([0.5], pa.float32()), 0.5),
    "decimal": (pa.array([Decimal("12.50")]), 12.5),
    "small whole number": (pa.array([7], pa.uint8()), 7),
    "truth": (pa.array([False]), False),
    "time": (pa.array([TOLD["occurred_at"]]), TOLD["occurred_at"]),
    "time in nanoseconds": (
        pa.array([1_001], pa.timestamp("ns", tz="America/Lima")),
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=1),
    ),
    "time without a zone": (pa.array([1], pa.timestamp("s")), "1970-01-01T00:00:01"),
    "day": (pa.array([17534], pa.date32()), "2018-01-03"),
    "nothing": (pa.array([None]), None),
    "not a number": (pa.array([None], pa.float64()), None),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_cell_of_parquet_is_what_its_column_says(tmp_path: Path, name: str) -> None:
    cells, expected = KINDS[name]
    pq.write_table(table(note=cells), tmp_path / "e.parquet")
    (row,) = rows_of(tmp_path / "e.parquet")
    assert (row.number, row.fault) == (1, None)
    assert row.cells.get("note") == expected
    assert type(row.cells.get("note")) is type(expected)


BAD_CELLS: Mapping[str, tuple[pa.Array, str]] = {
    "a whole number of 64 bits and no sign": (pa.array([2**63], pa.uint64()), "OUT_OF_RANGE"),
    "a year of five digits": (pa.array([2**40], pa.timestamp("s", tz="UTC")), "OUT_OF_RANGE"),
    "a year of no calendar": (pa.array([2**60], pa.timestamp("ms", tz="UTC")), "OUT_OF_RANGE"),
    "text that is no UTF-8": (
        pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")),
        "NOT_UTF8",
    ),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_cell_of_parquet_that_cannot_be_told_is_the_fault_of_its_row(tmp_path: Path, name: str) -> None:
    cells, code = BAD_CELLS[name]
    columns = {name: pa.array([cell] * 2) for name, cell in TOLD.items()}
    note = pa.concat_arrays([pa.nulls(1, cells.type), cells])
    pq.write_table(pa.table({**columns, "note": note}), tmp_path / "e.parquet")
    sound, bad = rows_of(tmp_path / "e.parquet")
    assert sound.fault is None
    assert bad.fault is not None
    assert (bad.fault.field, bad.fault.code) == ("note", code)


BAD_ROWS: Mapping[str, tuple[str, bytes, tuple[str, str]]] = {
    "too many cells": ("e.csv", b"1,crm,purchase,2018-01-03T12:00:00Z,x,y", ("*", "TOO_MANY_CELLS")),
    "too few cells": ("e.csv", b"1,crm,purchase,2018-01-03T12:00:00Z", ("*", "TOO_FEW_CELLS")),
    "a cell in Latin-1": ("e.csv", b"1,crm,purchase,2018-01-03T12:00:00Z,a\xf1o", ("note", "NOT_UTF8")),
    "no JSON": ("e.jsonl", b"{", ("*", "NOT_JSON")),
    "no object": ("e.jsonl", b"[1]", ("*", "NOT_JSON")),
    "deep": ("e.jsonl", b"[" * 100_000, ("*", "NOT_JSON")),
    "a number of 5,000 digits": ("e.jsonl", b'{"note": ' + b"9" * 5000 + b"}", ("*", "NOT_JSON")),
    "a key that stands twice": ("e.jsonl", b'{"note": "x", "type": "a", "note": "x"}', ("note", "DUPLICATE")),
    "a list": ("e.jsonl", b'{"note": [1]}', ("note", "WRONG_TYPE")),
    "an empty object": ("e.jsonl", b'{"note": {}}', ("note", "WRONG_TYPE")),
    "a number of 65 bits": ("e.jsonl", b'{"note": 9223372036854775808}', ("note", "OUT_OF_RANGE")),
    "half of a surrogate pair": ("e.jsonl", b'{"note": "\\ud800"}', ("note", "NOT_UTF8")),
    "half of a pair in a name": ("e.jsonl", b'{"\\ud800": "x"}', ("*", "NOT_UTF8")),
    "text in Latin-1": ("e.jsonl", b'{"note": "a\xf1o"}', ("note", "NOT_UTF8")),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_row_that_cannot_be_read_has_a_fault_and_the_next_is_read(tmp_path: Path, name: str) -> None:
    file, line, (column, code) = BAD_ROWS[name]
    sound = b'{"note": "x"}' if file.endswith("l") else ROW.encode()
    head = b"" if file.endswith("l") else HEADER.encode() + b"\n"
    bad, good = rows_of(written(tmp_path, file, head + line + b"\n" + sound))
    assert bad.fault is not None
    assert (bad.number, bad.fault.field, bad.fault.code) == (1, column, code)
    assert (good.number, good.fault, good.cells["note"]) == (2, None, "x")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_line_ends_empty_lines_and_cells_of_several_lines_are_read(tmp_path: Path, mark: str, end: str) -> None:
    cell = f'"a ""b"",{end}c"'
    lines = [mark + HEADER, "", ROW[:-1] + cell, "", ROW]
    rows = rows_of(written(tmp_path, "e.CSV", end.join(lines)))
    assert [(row.number, row.cells["note"]) for row in rows] == [(2, f'a "b",{end}c'), (4, "x")]
    assert rows[0].cells["customer_id"] == "1"


def test_a_cell_of_a_quarter_of_a_megabyte_is_read_and_left_to_the_check_of_its_row(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path, "e.csv", f"{HEADER}\n{ROW[:-1]}{'x' * 250_000}\n"))
    assert len(str(row.cells["note"])) == 250_000


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_large_rows_come_in_smaller_batches_and_no_more_of_a_file_is_read_than_they_need(
    tmp_path: Path, name: str
) -> None:
    text = "x" * 1_000_000
    lines = [f'{{"note": "{text}"}}'] * 20 if name == "e.jsonl" else [HEADER, *[ROW[:-1] + text] * 20]
    with open_events(written(tmp_path, name, "\n".join(lines))) as opened:
        batches = opened.batches()
        assert len(next(batches)) == 5, "4 MB at most, and the row that passes it"
        assert opened.done < 6_000_000 < opened.size
        assert sum(map(len, batches)) == 15
        assert opened.done == opened.size


def test_no_more_of_a_parquet_file_is_in_memory_than_a_batch_and_its_group(tmp_path: Path) -> None:
    columns = {name: pa.array([cell] * 50_000) for name, cell in TOLD.items()}
    note = pa.array([f"{i:0100d}" for i in range(50_000)])
    pq.write_table(pa.table({**columns, "note": note}), tmp_path / "e.parquet", row_group_size=1_000)
    del columns, note
    before = pa.total_allocated_bytes()
    with open_events(tmp_path / "e.parquet") as opened:
        held = [pa.total_allocated_bytes() - before for _ in opened.batches()]
    assert len(held) == 50
    assert max(held) < 1_000_000, "the notes alone are 5 MB"
