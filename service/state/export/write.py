"""Writes decisions and what became of them as Parquet, a folder a day, and beside them what was denied.

    ids of a day, in order ──cursor──> chunk ──> records, contacts, outcomes ──> events ──> rows ──> row groups
                                                    └──> denied candidates ──────────────> rows ──> row groups

    day=YYYY-MM-DD/decisions.parquet    _denials/day=YYYY-MM-DD/denials.parquet

A day is read over one snapshot, and each of its files appears, or is replaced, once both are whole. What is held at
once is a chunk of decisions and a row group of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

from features.errors import RumboError
from features.files import replacing
from features.schema import FeatureSchema
from service.decision.facts_record import Json
from service.state.engines.engine import Engine
from service.state.engines.session import Row, Session, Sql, micros, placeholders
from service.state.export.denials import denials_of, denials_schema
from service.state.export.followed import Records, followed_by
from service.state.export.kept import Objectives
from service.state.export.rewards import AsOf
from service.state.export.row_groups import row_groups
from service.state.export.rows import Cells, Followed, rows_of
from service.state.export.settled import OPEN
from service.state.export.table import export_schema, feature_specs
from service.state.rows.catalogues import catalogue_source
from service.state.rows.record import record_of

DENIALS = "_denials"
"""The folder of what was denied: readers of a folder of Parquet pass over names that begin so."""
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


def decisions_file(folder: Path, day: date) -> Path:
    return folder / f"day={day}" / "decisions.parquet"


def denials_file(folder: Path, day: date) -> Path:
    return folder / DENIALS / f"day={day}" / "denials.parquet"


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
        self._denials = denials_schema()
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
        """Writes, or replaces, both files of a day. Returns: how many rows that of the decisions has.

        Both are whole before either is replaced, and the decisions come last: by them a day is told to be settled, so
        whoever is stopped in between finds it as it was, and writes it again.

        Raises: StateUnavailable, CatalogueInvalid, CatalogueLost, RecordFormatUnknown, ExportStopped.
        """

        def written(session: Session, chunks: Iterator[list[Row]]) -> int:
            with (
                replacing(decisions_file(self._folder, day.day)) as decisions_draft,
                replacing(denials_file(self._folder, day.day)) as denials_draft,
                row_groups(decisions_draft, self._schema) as decisions,
                row_groups(denials_draft, self._denials) as denials,
            ):
                is_open = False
                for records in self._records(session, day, chunks, report):
                    followed = followed_by(session, records, self._objectives, self._as_of)
                    is_open |= any(one.is_open for one in followed.values())
                    decisions.add(self._decision_rows(records, followed))
                    denials.add(self._denial_rows(session, records))
                decisions.say(OPEN, str(int(is_open)))
            return decisions.rows

        return await self._engine.scan(_ids_of(day), written)

    async def write_denials(self, day: Day, report: Report) -> int:
        """Writes, or replaces, the denials of a day alone. Returns: how many rows there are.

        Raises: StateUnavailable, CatalogueInvalid, RecordFormatUnknown, ExportStopped.
        """

        def written(session: Session, chunks: Iterator[list[Row]]) -> int:
            with (
                replacing(denials_file(self._folder, day.day)) as draft,
                row_groups(draft, self._denials) as denials,
            ):
                for records in self._records(session, day, chunks, report):
                    denials.add(self._denial_rows(session, records))
            return denials.rows

        return await self._engine.scan(_ids_of(day), written)

    def stop(self) -> None:
        """Ends the day under way with ExportStopped, as soon as the chunk in hand is done. From any thread."""
        self._stop.set()

    def _records(
        self, session: Session, day: Day, chunks: Iterator[list[Row]], report: Report
    ) -> Iterator[dict[str, tuple[Row, Json]]]:
        """The decisions of each chunk with their records, by id, in their order."""
        for chunk in chunks:
            if self._stop.is_set():
                raise ExportStopped(f"the export was stopped; {day.day} was not written")
            ids = [row["decision_id"] for row in chunk]
            question = (
                f"SELECT * FROM decisions WHERE decision_id IN {placeholders(ids)}"
                " AND decided_at >= ? AND decided_at < ?"
            )
            (decisions,) = session.query(Sql(question, (*ids, *day.span)))
            by_id = {row["decision_id"]: row for row in decisions}
            yield {one: (by_id[one], record_of(by_id[one])) for one in ids}
            report(len(chunk))

    def _decision_rows(self, records: Records, followed: Mapping[str, Followed]) -> Iterator[Cells]:
        for one, (row, record) in records.items():
            yield from rows_of(row, record, followed[one], self._features, self._as_of.now)

    def _denial_rows(self, session: Session, records: Records) -> Iterator[Cells]:
        read = partial(catalogue_source, session)
        for row, record in records.values():
            yield from denials_of(row, record, self._objectives, read)


def _ids_of(day: Day) -> Sql:
    return Sql(
        "SELECT decision_id FROM decisions WHERE decided_at >= ? AND decided_at < ? ORDER BY decided_at, decision_id",
        day.span,
    )
