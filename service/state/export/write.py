"""Writes decisions and what became of them as Parquet, a folder a day: `day=YYYY-MM-DD/decisions.parquet`.

    ids of a day, in order ──cursor──> chunk ──> records, contacts, outcomes ──> events ──> rows ──> row groups

A day is read over one snapshot, and its file appears, or is replaced, once it is whole. What is held at once is a chunk
of decisions and a row group.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import RumboError
from features.files import replacing
from features.schema import FeatureSchema
from service.state.engines.engine import Engine
from service.state.engines.session import Row, Session, Sql, micros, placeholders
from service.state.export.followed import Objectives, followed_by
from service.state.export.rewards import AsOf
from service.state.export.rows import Cells, rows_of
from service.state.export.table import export_schema, feature_specs
from service.state.rows.record import record_of

FILE = "decisions.parquet"
ROW_GROUP = 10_000
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)
_END = 2**62

Report = Callable[[int], None]
"""Told how many decisions more were written."""


class ExportStopped(RumboError):
    """The export was stopped before the day was whole; nothing of that day was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day (UTC) and how many decisions were made in it."""

    day: date
    decisions: int

    @property
    def span(self) -> tuple[int, int]:
        begins = micros(datetime.combine(self.day, time(), UTC))
        return begins, begins + _DAY_US


class Export:
    """Exports a store to a folder. What is over at `as_of.now` has a reward."""

    def __init__(
        self, engine: Engine, features: FeatureSchema, objectives: Objectives, folder: Path, as_of: AsOf
    ) -> None:
        self._engine = engine
        self._objectives = objectives
        self._folder = folder
        self._as_of = as_of
        self._features = feature_specs(features)
        self._schema = export_schema(features)
        self._stop = threading.Event()

    async def days(self, since: date, until: date | None) -> list[Day]:
        """The days that have decisions, from `since` up to, not including, `until`. Raises: StateUnavailable."""
        first = Day(day=since, decisions=0).span[0]
        last = _END if until is None else Day(day=until, decisions=0).span[0]
        question = Sql(
            f"SELECT decided_at / {_DAY_US} AS day, count(*) AS decisions FROM decisions"
            f" WHERE decided_at >= ? AND decided_at < ? GROUP BY decided_at / {_DAY_US} ORDER BY 1",
            (first, last),
        )
        rows = await self._engine.scan(question, lambda _, chunks: [row for chunk in chunks for row in chunk])
        return [Day(day=date(1970, 1, 1) + _DAY * row["day"], decisions=row["decisions"]) for row in rows]

    async def write(self, day: Day, report: Report) -> int:
        """Writes, or replaces, one day. Returns: how many rows it has.

        Raises: StateUnavailable, CatalogueInvalid, CatalogueLost, RecordFormatUnknown, ExportStopped.
        """
        ids = Sql(
            "SELECT decision_id FROM decisions WHERE decided_at >= ? AND decided_at < ?"
            " ORDER BY decided_at, decision_id",
            day.span,
        )

        def written(session: Session, chunks: Iterator[list[Row]]) -> int:
            with replacing(self._folder / f"day={day.day}" / FILE) as draft:
                return self._write_file(draft, self._batches(session, day, chunks, report))

        return await self._engine.scan(ids, written)

    def stop(self) -> None:
        """Ends the day under way with ExportStopped, as soon as the chunk in hand is done. From any thread."""
        self._stop.set()

    def _write_file(self, draft: Path, batches: Iterator[pa.RecordBatch]) -> int:
        waiting: list[pa.RecordBatch] = []
        rows = 0
        with pq.ParquetWriter(draft, self._schema, compression="zstd") as writer:
            for batch in batches:
                rows += batch.num_rows
                waiting.append(batch)
                if sum(b.num_rows for b in waiting) >= ROW_GROUP:
                    writer.write_table(pa.Table.from_batches(waiting), row_group_size=ROW_GROUP)
                    waiting.clear()
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))
        return rows

    def _batches(
        self, session: Session, day: Day, chunks: Iterator[list[Row]], report: Report
    ) -> Iterator[pa.RecordBatch]:
        for chunk in chunks:
            if self._stop.is_set():
                raise ExportStopped(f"the export was stopped; {day.day} was not written")
            rows = self._rows(session, day, [row["decision_id"] for row in chunk])
            if rows:
                columns = zip(*rows, strict=True)
                arrays = [pa.array(cells, field.type) for cells, field in zip(columns, self._schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=self._schema)
            report(len(chunk))

    def _rows(self, session: Session, day: Day, ids: Sequence[str]) -> list[Cells]:
        """The rows of these decisions, in their order."""
        question = (
            f"SELECT * FROM decisions WHERE decision_id IN {placeholders(ids)} AND decided_at >= ? AND decided_at < ?"
        )
        (decisions,) = session.query(Sql(question, (*ids, *day.span)))
        by_id = {row["decision_id"]: (row, record_of(row)) for row in decisions}
        followed = followed_by(session, by_id, self._objectives, self._as_of)
        return [cells for one in ids for cells in rows_of(*by_id[one], followed[one], self._features, self._as_of.now)]
