"""Takes events and outcomes: checks each row, keeps the valid ones, answers for all in order.

A transaction keeps ROWS_AT_ONCE, and of larger parts no two at the same time, so that no batch keeps a decision or a
withdrawal waiting. One that fails half-way fails as a whole: nothing of it is acknowledged, and sent again its rows are
duplicates as far as they were kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Protocol, TypeVar

from service.catalogue.load import Catalogue
from service.decision.reports import events, outcomes
from service.decision.reports.effects import KnownEvent, known_event
from service.decision.reports.event_types import EventTypes
from service.decision.reports.events import FieldFault, Names
from service.decision.reports.rows import CustomerEvent, Outcome, RowResult, RowStatus
from service.state.port import StateStore, StateUnavailable

Row = TypeVar("Row", CustomerEvent, Outcome)
Valid = TypeVar("Valid", KnownEvent, Outcome)
Given = TypeVar("Given")
ROWS_AT_ONCE = 200
FEW_ROWS = 20
"""A part of so many does not wait for its turn."""


class DeclaringCatalogues(Protocol):
    """The catalogue in force, the names that it and the kept ones declare, and the types of events."""

    @property
    def current(self) -> Catalogue: ...

    @property
    def events(self) -> EventTypes: ...

    async def declared(self, wanted: Names) -> Names: ...


class Intake:
    """`on_events` is called when events were kept, or may have been: whoever tells the feature store may wake up."""

    def __init__(
        self,
        state: StateStore,
        catalogues: DeclaringCatalogues,
        clock: Callable[[], datetime],
        on_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._catalogues = catalogues
        self._clock = clock
        self._on_events = on_events
        self._turn = asyncio.Lock()

    @property
    def event_types(self) -> EventTypes:
        """The types of events that are taken."""
        return self._catalogues.events

    async def record_events(self, rows: Sequence[CustomerEvent | RowResult]) -> list[RowResult]:
        """`rows` holds events, and results of those that could not even be read. Raises: StateUnavailable."""
        types = self.event_types
        spoken_of = reduce(or_, (events.names_in(r, types) for r in rows if isinstance(r, CustomerEvent)), Names())
        declared = await self._catalogues.declared(spoken_of)
        now = self._clock()
        try:
            results = await self._record(
                rows, lambda e: self._checked_event(e, now, declared), self._state.record_events, now
            )
        except (StateUnavailable, asyncio.CancelledError):
            self._on_events()
            raise
        if any(r.status is RowStatus.ACCEPTED for r in results):
            self._on_events()
        return results

    async def record_outcomes(self, rows: Sequence[Outcome | RowResult]) -> list[RowResult]:
        """As `record_events`."""
        now = self._clock()
        return await self._record(rows, lambda o: _checked_outcome(o, now), self._state.record_outcomes, now)

    async def _record(
        self,
        rows: Sequence[Row | RowResult],
        check: Callable[[Row], Valid | RowResult],
        keep: Callable[[Sequence[Valid], datetime], Awaitable[list[RowResult]]],
        now: datetime,
    ) -> list[RowResult]:
        checked: list[Valid | RowResult] = []
        for some in _parts(rows, FEW_ROWS):
            if checked:
                await asyncio.sleep(0)  # all other calls have their turn
            checked += [row if isinstance(row, RowResult) else check(row) for row in some]
        valid = [row for row in checked if not isinstance(row, RowResult)]
        kept: list[RowResult] = []
        for part in _parts(valid, ROWS_AT_ONCE):
            async with self._turn if len(part) > FEW_ROWS else nullcontext():
                kept += await keep(part, now)
        results = iter(kept)
        return [row if isinstance(row, RowResult) else next(results) for row in checked]

    def _checked_event(self, event: CustomerEvent, now: datetime, declared: Names) -> KnownEvent | RowResult:
        types = self.event_types
        fault = events.fault_of(event, types, now, self._missing_stage) or events.name_fault(
            events.names_in(event, types), declared
        )
        return known_event(event, types) if fault is None else _rejection(event.event_id, fault)

    def _missing_stage(self, journey_id: str, stage: str | None) -> str | None:
        stages = self._catalogues.current.stages.get(journey_id)
        if stages is None:
            return "journey_id"
        return None if stage is None or stage in stages else "stage"


def _checked_outcome(outcome: Outcome, now: datetime) -> Outcome | RowResult:
    fault = outcomes.fault_of(outcome, now)
    return outcome if fault is None else _rejection(outcome.outcome_id, fault)


def _rejection(row_id: str, fault: FieldFault) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=fault.field, code=fault.code)


def _parts(rows: Sequence[Given], size: int) -> Iterator[Sequence[Given]]:
    return (rows[begin : begin + size] for begin in range(0, len(rows), size))
