"""The same rows as a file of events in each format."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = Sequence[Mapping[str, Any]]
"""A cell is None, text, a number, a truth value or an instant."""


def as_parquet(folder: Path, rows: Rows) -> Path:
    names = _names(rows)
    pq.write_table(
        pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), folder / "events.parquet"
    )
    return folder / "events.parquet"


def as_csv(folder: Path, rows: Rows) -> Path:
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_names(rows))
        writer.writerows([_text(row.get(name)) for name in _names(rows)] for row in rows)
    return folder / "events.csv"


def as_json_lines(folder: Path, rows: Rows) -> Path:
    lines = (json.dumps({name: _plain(cell) for name, cell in row.items()}) for row in rows)
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "events.jsonl"


def packed(file: Path) -> Path:
    """The file, compressed."""
    packed_file = file.with_name(f"{file.name}.gz")
    packed_file.write_bytes(gzip.compress(file.read_bytes()))
    return packed_file


Write = Callable[[Path, Rows], Path]
FORMATS: Mapping[str, Write] = {
    "parquet": as_parquet,
    "csv": as_csv,
    "csv.gz": lambda folder, rows: packed(as_csv(folder, rows)),
    "jsonl": as_json_lines,
    "jsonl.gz": lambda folder, rows: packed(as_json_lines(folder, rows)),
}


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(_plain(cell))


def _plain(cell: Any) -> Any:
    return cell.astimezone(UTC).isoformat() if isinstance(cell, datetime) else cell
