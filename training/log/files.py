"""A log at rest: one Parquet or CSV file, or a folder of them, as one table in the order of the files' names."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.files import sha256_of
from training.log.errors import LogInvalid

Read = TypeVar("Read")
PARQUET = ".parquet"
CSV = ".csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTable:
    """The columns that were asked for, and which rows are of which file: file i begins at row `begins[i]`.

    `origin`: of some rows alone, where each stood among all; None of all.
    """

    table: pa.Table
    path: Path
    files: tuple[Path, ...]
    begins: NDArray[np.int64]
    origin: NDArray[np.int64] | None = None

    def where(self, rows: NDArray[np.bool_]) -> LogTable:
        """These rows of a whole table alone."""
        return replace(self, table=self.table.filter(pa.array(rows)), origin=np.flatnonzero(rows))

    def fault(self, why: str, *, row: int | None = None, column: str | None = None) -> LogInvalid:
        """An error that names the file and the row in it of a row of the table."""
        if row is None:
            return LogInvalid(self.path, why, column=column)
        row = row if self.origin is None else int(self.origin[row])
        file = int(np.searchsorted(self.begins, row, side="right")) - 1
        return LogInvalid(self.files[file], why, row=row - int(self.begins[file]), column=column)

    def demand_all(self, holds: NDArray[np.bool_], known: NDArray[np.bool_], column: str, why: str) -> None:
        """Raises: LogInvalid naming the first row that is known where it does not hold."""
        broken = known & ~holds
        if broken.any():
            raise self.fault(why, row=int(np.flatnonzero(broken)[0]), column=column)


class LogFiles:
    """The files of a log, and the columns that all of them have; `some` are those of others that some have."""

    def __init__(self, path: Path) -> None:
        """Raises: LogInvalid where there is no such file, none in the folder, or one that is no table."""
        self.path = path
        self.files = _files_at(path)
        headings = [_heading(file) for file in self.files]
        self.columns: tuple[str, ...] = tuple(
            name for name in headings[0] if all(name in heading for heading in headings[1:])
        )
        self.some = frozenset(name for heading in headings for name in heading).difference(self.columns)

    def fingerprint(self) -> str:
        """The sha256 of its one file; of several, that of theirs in order."""
        of_each = [sha256_of(file) for file in self.files]
        return of_each[0] if len(of_each) == 1 else hashlib.sha256("".join(of_each).encode()).hexdigest()

    def demand(self, column: str, option: str) -> None:
        """Raises: LogInvalid unless every file has this column, which `option` names."""
        if column not in self.columns:
            known = ", ".join(self.columns) or "none"
            raise LogInvalid(self.path, f"there is no such column ({option}); it has: {known}", column=column)

    def read(self, columns: Collection[str], texts: Collection[str] = (), sparse: Collection[str] = ()) -> LogTable:
        """All rows of these columns; in CSV files those of `texts` are taken as text.

        Of `sparse` those too that some files alone have; they are null in the rows of the others.

        Raises: LogInvalid, also where a file has no row at all in it.
        """
        wanted = [name for name in self.columns if name in set(columns)]
        added = sorted(self.some.intersection(sparse))
        tables = [_read(file, [*wanted, *_had(file, added)], texts) for file in self.files]
        try:
            table = pa.concat_tables(tables, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise LogInvalid(self.path, f"the files differ in the types of their columns ({_first(error)})") from error
        if table.num_rows == 0:
            raise LogInvalid(self.path, "there is no row in it")
        begins = np.concatenate([[0], np.cumsum([t.num_rows for t in tables])[:-1]]).astype(np.int64)
        return LogTable(table=table, path=self.path, files=self.files, begins=begins)


def _files_at(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        if not path.is_file():
            raise LogInvalid(path, "there is no such file or folder")
        return (path,)
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix in (PARQUET, CSV)
        and file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise LogInvalid(path, f"there is no {PARQUET} or {CSV} file in this folder")
    return tuple(found)


def _had(file: Path, columns: Sequence[str]) -> list[str]:
    """Those of the columns that the file has."""
    heading = _heading(file) if columns else ()
    return [name for name in columns if name in heading]


def _heading(file: Path) -> tuple[str, ...]:
    names = _reading(file, _csv_heading if file.suffix == CSV else _parquet_heading)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LogInvalid(file, "two columns have this name", column=twice)
    return tuple(names)


def _parquet_heading(file: Path) -> Sequence[str]:
    names: Sequence[str] = pq.read_schema(file).names
    return names


def _csv_heading(file: Path) -> Sequence[str]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        names = next(csv.reader(lines), None)
    if not names:
        raise pa.ArrowInvalid("it is empty")
    return names


def _read(file: Path, columns: Sequence[str], texts: Collection[str]) -> pa.Table:
    if file.suffix != CSV:
        return _reading(file, lambda path: pq.ParquetFile(path).read(columns=list(columns)))
    types: Mapping[str, pa.DataType] = {name: pa.string() for name in columns if name in set(texts)}
    options = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(columns))
    # In one thread, for only so a line that is not whole is counted.
    reading = pyarrow.csv.ReadOptions(use_threads=False)
    return _reading(file, lambda path: pyarrow.csv.read_csv(path, read_options=reading, convert_options=options))


def _reading(file: Path, read: Callable[[Path], Read]) -> Read:
    try:
        return read(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        kind = "CSV" if file.suffix == CSV else "Parquet"
        raise _unreadable(file, kind, _first(error)) from error


def _unreadable(file: Path, kind: str, said: str) -> LogInvalid:
    """Arrow counts the lines of a CSV file from 1, the heading among them."""
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", said)
    if ragged is None:
        return LogInvalid(file, f"this is no table in {kind}")
    row, expected, got = map(int, ragged.groups())
    return LogInvalid(file, f"it has {got} cells, the heading {expected}", row=row - 2)


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0]
