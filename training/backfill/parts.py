"""An exported log, read a part at a time and written again in the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.store.history import Asked
from training.log import cells
from training.log.errors import LogInvalid
from training.log.files import PARQUET, LogFiles, LogTable
from training.log.options import EXPORTED, is_exported

CUSTOMER, DECIDED_AT, ABSENT = "customer_id", "decided_at", "absent_features"
PART_ROWS: Final = 10_000
"""As many as a row group of the export has."""
AT_ONCE: Final = 50_000
"""Rows of one question to the history: what is held at once, and a part more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one file that stand together; `log` names file and row in its faults."""

    file: Path
    log: LogTable

    @property
    def rows(self) -> int:
        return int(self.log.table.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """Parts that are joined at once: the pairs of customer and instant in them, each once.

    `pair_of` has an (n,) array for each part: the pair of each of its rows.
    """

    parts: Sequence[Part]
    asked: Asked
    pair_of: Sequence[NDArray[np.int64]]


def demand_exported(files: LogFiles) -> None:
    """Raises: LogInvalid unless it is what `rumbo state export` wrote."""
    for column in (CUSTOMER, DECIDED_AT):
        if column not in files.columns:
            raise LogInvalid(files.path, "there is no such column, so no history can be joined", column=column)
    if not is_exported(files):
        lacking = ", ".join(sorted(EXPORTED - {*files.columns}))
        raise LogInvalid(files.path, f"this is a plain log, not one of `rumbo state export`: it has no {lacking}")
    if ABSENT not in files.columns:
        raise LogInvalid(files.path, "there is no such column: export the decisions again", column=ABSENT)
    for file in files.files:
        if file.suffix != PARQUET:
            raise LogInvalid(file, "only Parquet files are filled in")


def chunks(files: LogFiles) -> Iterator[Chunk]:
    """All of the log, in order. Raises: LogInvalid naming file, row and column."""
    waiting: list[Part] = []
    for file in files.files:
        for part in _parts(file):
            waiting.append(part)
            if sum(one.rows for one in waiting) >= AT_ONCE:
                yield _chunk(waiting)
                waiting = []
    if waiting:
        yield _chunk(waiting)


def row_count(files: LogFiles) -> int:
    """Of all files. Raises: LogInvalid."""
    total = 0
    for file in files.files:
        with _reading(file), pq.ParquetFile(file) as opened:
            total += opened.metadata.num_rows
    return total


def _parts(file: Path) -> Iterator[Part]:
    """One without rows of a file that has none."""
    begin = 0
    with _reading(file), pq.ParquetFile(file) as opened:
        schema = opened.schema_arrow
        for batch in opened.iter_batches(batch_size=PART_ROWS):
            yield _part(file, pa.Table.from_batches([batch], schema), begin)
            begin += batch.num_rows
        if begin == 0:
            yield _part(file, schema.empty_table(), 0)


def _part(file: Path, table: pa.Table, begin: int) -> Part:
    return Part(file=file, log=LogTable(table=table, path=file, files=(file,), begins=np.array([-begin])))


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise LogInvalid(file, "this is no table in Parquet") from error


def _chunk(parts: Sequence[Part]) -> Chunk:
    codes: dict[str, int] = {}
    keys = []
    for part in parts:
        customers = cells.texts(part.log, CUSTOMER)
        if (customers.codes < 0).any():
            row = int(np.flatnonzero(customers.codes < 0)[0])
            raise part.log.fault("there is no customer", row=row, column=CUSTOMER)
        known = np.array([codes.setdefault(text, len(codes)) for text in customers.levels] or [0], dtype=np.int64)
        at = cells.instants(part.log, DECIDED_AT).astype("datetime64[us]").astype(np.int64)
        keys.append(np.stack([known[customers.codes], at], axis=1))
    pairs, which = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    names = tuple(codes)
    ends = np.cumsum([part.rows for part in parts])[:-1]
    return Chunk(
        parts=parts,
        asked=Asked(customers=[names[code] for code in pairs[:, 0]], at=pairs[:, 1].astype("datetime64[us]")),
        pair_of=np.split(which.reshape(-1), ends),
    )


class Writer:
    """Writes parts, in the order in which they were read, to files of the same names in another folder."""

    def __init__(self, log: Path, folder: Path) -> None:
        self._log = log
        self._folder = folder
        self._file: Path | None = None
        self._open: pq.ParquetWriter | None = None

    def write(self, parts: Iterable[tuple[Path, pa.Table]]) -> None:
        """Raises: LogInvalid where a column was of one type, and is of another now; what the disk refuses."""
        for file, table in parts:
            if file != self._file:
                self._begin(file, table.schema)
            assert self._open is not None
            for begun, field in zip(self._open.schema, table.schema, strict=True):
                if begun.type != field.type:
                    told = f"rows of it hold {begun.type}, others {field.type}: fill it in everywhere, by --features"
                    raise LogInvalid(file, told, column=field.name)
            self._open.write_table(table)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _begin(self, file: Path, schema: pa.Schema) -> None:
        self.close()
        place = self._folder / (file.relative_to(self._log) if file != self._log else file.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        self._file, self._open = file, pq.ParquetWriter(place, schema, compression="zstd")
