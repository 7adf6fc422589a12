"""Rows on their way into a Parquet file, in groups of a size that can be held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.state.export.rows import Cells

ROW_GROUP = 10_000


class RowGroups:
    """Takes rows in any number; what is held at once is two row groups at most. `rows` were taken so far."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[pa.RecordBatch] = []
        self.rows = 0

    def add(self, rows: Iterable[Cells]) -> None:
        """Each has a cell for every column, in their order."""
        listed = iter(rows)
        while taken := list(islice(listed, ROW_GROUP)):
            self._waiting.append(self._batch(taken))
            self.rows += len(taken)
            waiting = sum(batch.num_rows for batch in self._waiting)
            if waiting >= ROW_GROUP:
                self._write(waiting - waiting % ROW_GROUP)

    def say(self, key: str, value: str) -> None:
        """Of the whole file, beside its columns."""
        self._writer.add_key_value_metadata({key: value})

    def flush(self) -> None:
        """Writes what waits."""
        if self._waiting:
            self._write(sum(batch.num_rows for batch in self._waiting))

    def _write(self, count: int) -> None:
        """The first of what waits; the rest stays, or single groups would become many small ones."""
        table = pa.Table.from_batches(self._waiting)
        self._writer.write_table(table.slice(0, count), row_group_size=ROW_GROUP)
        self._waiting = table.slice(count).to_batches()

    def _batch(self, rows: list[Cells]) -> pa.RecordBatch:
        schema = self._writer.schema
        columns = zip(*rows, strict=True)
        arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextmanager
def row_groups(file: Path, schema: pa.Schema) -> Iterator[RowGroups]:
    """Takes the rows of a new file, which is whole when the block ends."""
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        groups = RowGroups(writer)
        yield groups
        groups.flush()
