"""Takes a table of decisions and what became of them as history: all of it, or what of it is right.

Parquet ──batches──> rows ──checked──> decisions ──checked against the store──> one transaction a group
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from features.schema import FeatureSchema, FeatureType
from service.decision.record import canonical
from service.state.engines.engine import Engine
from service.state.engines.session import Session, Transaction, from_micros
from service.state.export.table import export_schema
from service.state.history.decisions import HistoryDecision, decisions_of, document_of
from service.state.history.faults import LISTED, HistoryInvalid, RowFault
from service.state.history.keep import ImportCounts, conflicts, history_locks, keep_history
from service.state.history.table import HistoryTable
from service.state.rows.pools import Counters

_DAY_US = 86_400_000_000
GROUP = 200
"""Decisions in one transaction."""

Report = Callable[[int], None]
"""Told how many rows more were looked at."""
Skip = Callable[[RowFault], None]
"""Told of a row that is left out."""


class HistoryImport:
    """A table on its way into a store. `rows` and `ignored` columns are known at once."""

    def __init__(self, engine: Engine, features: FeatureSchema, place: Path, now: datetime) -> None:
        """Raises: HistoryInvalid for a file that cannot be read, or lacks a column."""
        self._engine = engine
        self._table = HistoryTable(place, export_schema(features))
        self._times = frozenset(f.name for f in features.features if f.type is FeatureType.TIMESTAMP)
        self._now = now
        self._counters = Counters()
        self.rows, self.ignored = self._table.rows, self._table.ignored

    async def check(self, report: Report) -> None:
        """Looks at every row and writes nothing. Raises: HistoryInvalid with the first faults, StateUnavailable."""
        faults: list[RowFault] = []
        count = 0

        def found(fault: RowFault) -> None:
            nonlocal count
            count += 1
            if len(faults) < LISTED:
                faults.append(fault)

        async for _ in self._groups(report, found):
            pass
        if faults:
            raise HistoryInvalid(faults, count)

    async def write(self, report: Report, skip: Skip) -> ImportCounts:
        """Keeps every decision that has a row without fault. Raises: StateUnavailable; what was kept until then is."""
        kept = ImportCounts()
        async for group in self._groups(report, skip):
            for day in sorted({decision.cells["decided_at"] // _DAY_US for decision in group}):
                await self._engine.make_room(from_micros(day * _DAY_US))
            kept += await self._engine.write(self._work(group))
        return kept

    async def _groups(self, report: Report, found: Skip) -> AsyncIterator[list[HistoryDecision]]:
        """Decisions without fault, GROUP at most; what is wrong with the other rows is told."""
        listed = decisions_of(self._table.read(), self._now)
        while taken := list(islice(listed, GROUP)):
            for fault in taken:
                if isinstance(fault, RowFault):
                    found(fault)
            sound = await self._sound([one for one in taken if isinstance(one, HistoryDecision)], found)
            if sound:
                yield sound
            report(len({place for one in taken for place in _places(one)}))

    async def _sound(self, decisions: Sequence[HistoryDecision], found: Skip) -> list[HistoryDecision]:
        """The decisions with the rows whose ids are free in the store, or already theirs."""
        if not decisions:
            return []
        sound: list[HistoryDecision] = []
        faulty = await self._engine.read(lambda session: conflicts(session, decisions))
        for decision, faults in zip(decisions, faulty, strict=True):
            for fault in faults:
                found(fault)
            bad = {(fault.file, fault.row) for fault in faults}
            rows = [row for row in decision.rows if (row.file, row.number) not in bad]
            if rows:
                sound.append(HistoryDecision(rows=rows))
        return sound

    def _work(self, group: Sequence[HistoryDecision]) -> Transaction[ImportCounts]:
        recorded = [(decision, canonical(document_of(decision, self._times))) for decision in group]

        def kept(session: Session) -> ImportCounts:
            return keep_history(session, recorded, self._now, self._counters)

        return Transaction(kept, lambda _: history_locks(group))


def _places(one: HistoryDecision | RowFault) -> Iterator[tuple[str, int]]:
    if isinstance(one, RowFault):
        yield one.file, one.row
    else:
        yield from ((row.file, row.number) for row in one.rows)
