"""Takes a file of events in: through the same intake as any event, a batch after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from service.application.bulk.events import event_of
from service.application.bulk.file import WHOLE, EventFile, EventFileUnfit, FileRow
from service.application.bulk.refused import RefusedRow
from service.application.intake import Intake
from service.decision.reports.rows import RowResult, RowStatus
from service.state.history.faults import RowFault
from service.state.history.seen import SeenIds

_ATTRIBUTE = "attributes."
"""Before the name of an attribute on the wire; in a file it has a column of that name."""


@dataclass(slots=True, kw_only=True)
class LoadCounts:
    """What became of the rows up to and including number `row`.

    `known`: were there before; `repeated`: stand in the file before; `refused` by code.
    """

    row: int = 0
    accepted: int = 0
    known: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class EventLoad:
    """A file on its way into the store. `counts` is of whole batches, also if it ends half-way."""

    def __init__(self, intake: Intake, counts: LoadCounts, on_refused: Callable[[RefusedRow], None]) -> None:
        self._intake = intake
        self._counts = counts
        self._on_refused = on_refused

    async def take(self, file: EventFile, report: Callable[[int], None]) -> None:
        """`report` is told how much of the file is done. Raises: CannotWrite, EventFileUnfit, StateUnavailable."""
        with closing(SeenIds()) as seen:
            for batch in file.batches():
                rows = [event_of(row, self._intake.event_types, is_typed=file.is_typed) for row in batch]
                self._count(batch, await self._intake.record_events(rows), seen)
                report(file.done)
        if not self._counts.row:
            raise EventFileUnfit(RowFault(file=file.name, row=0, column=WHOLE, code="EMPTY", expected="a row"))

    def _count(self, batch: Sequence[FileRow], results: Sequence[RowResult], seen: SeenIds) -> None:
        counts = self._counts
        for row, result in zip(batch, results, strict=True):
            if result.status is RowStatus.REJECTED:
                named = result.field.removeprefix(_ATTRIBUTE)
                refused = RefusedRow(row=row.number, event_id=result.row_id, field=named, code=result.code)
                self._on_refused(refused)
                counts.refused[result.code] += 1
                continue
            is_first = seen.add(result.row_id)
            if result.status is RowStatus.ACCEPTED:
                counts.accepted += 1
            elif is_first:
                counts.known += 1
            else:
                counts.repeated += 1
        counts.row = batch[-1].number
