"""The export of decisions: of the days that are asked for, or of all whose rewards are not settled yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from functools import partial
from pathlib import Path

import pyarrow as pa

from service.bootstrap.clock import Clock, system_clock
from service.bootstrap.company import company_of, terms_known
from service.bootstrap.store import state_store
from service.catalogue.objectives import KeptObjectives
from service.quiet_load import collecting_later
from service.settings import Settings
from service.state.export.denials import denials_schema
from service.state.export.rewards import AsOf
from service.state.export.settled import is_settled, is_whole
from service.state.export.table import export_schema
from service.state.export.write import Day, Export, decisions_file, denials_file
from service.state.upkeep.retention import day_before

FOLDER = "export"
"""In the home: what training reads."""
EPOCH = date(1970, 1, 1)
Begin = Callable[[Day], Callable[[int], None]]
"""Told that a day begins; what it gives back is told how many decisions more were written."""


class Lacking(Enum):
    """What of a day is to be written."""

    ALL = auto()
    DENIALS = auto()
    NOTHING = auto()


Look = Callable[[Day], Lacking]


async def export_days(
    settings: Settings,
    since: date,
    until: date | None,
    folder: Path,
    *,
    found: Callable[[list[Day]], None],
    begin: Begin,
    lacking: Look = lambda day: Lacking.ALL,
    stopped: Callable[[], None] = lambda: None,
    clock: Clock = system_clock,
) -> tuple[int, int]:
    """Writes the days from `since` up to, not including, `until`. Returns: rows of decisions, and days.

    `found` is told the days that are written, `lacking` says what of each; `stopped` is told when it was told to stop.
    Rewards are those of the time that `clock` tells.

    Raises: as `state_store` and `Export.write`.
    """
    async with state_store(settings) as state:
        now = clock()
        as_of = AsOf(now=now, events_since=now - settings.retention.events)
        terms = terms_known(settings, company_of(settings))
        export = Export(state.engine, terms.schema, KeptObjectives(terms), folder, as_of)
        days = {day: lack for day in await export.days(since, until) if (lack := lacking(day)) is not Lacking.NOTHING}
        found(list(days))
        rows = 0
        for day, lack in days.items():
            try:
                if lack is Lacking.ALL:
                    rows += await export.write(day, begin(day))
                else:
                    await export.write_denials(day, begin(day))
            except asyncio.CancelledError:
                export.stop()
                stopped()
                raise
        return rows, len(days)


def update_export(company: Path, home: Path) -> Path:
    """Brings HOME/export up to date. Returns: it.

    A day whose windows were all over when it was written stays, for events that tell of it may be gone by now; unless
    its columns are others since, and the events are still there. Its denials alone are added, while its decisions are
    all there: those of a day past their time may be going.

    Raises: as `export_days`; StateUnavailable if no decision was ever made.
    """
    with collecting_later():
        return asyncio.run(bring_up_to_date(Settings(company=company, home=home), system_clock))


async def bring_up_to_date(settings: Settings, clock: Clock) -> Path:
    """As `update_export`, of the time that `clock` tells."""
    folder = settings.home / FOLDER
    schema = export_schema(terms_known(settings, company_of(settings)).schema)
    look = partial(_lacking, folder, schema, settings, clock())
    await export_days(
        settings, EPOCH, None, folder, found=_nothing, begin=lambda day: _nothing_more, lacking=look, clock=clock
    )
    return folder


def _lacking(folder: Path, schema: pa.Schema, settings: Settings, now: datetime, day: Day) -> Lacking:
    kept = settings.retention
    begins, over = (datetime.combine(date_, time(), UTC) for date_ in (day.day, day.day + timedelta(days=1)))
    has_decisions = begins >= day_before(now, kept.decisions)
    has_events = has_decisions and begins >= now - kept.events
    if not is_settled(decisions_file(folder, day.day), over, schema if has_events else None):
        return Lacking.ALL
    if has_decisions and not is_whole(denials_file(folder, day.day), over, denials_schema()):
        return Lacking.DENIALS
    return Lacking.NOTHING


def _nothing(days: list[Day]) -> None:
    """Nobody looks on."""


def _nothing_more(count: int) -> None:
    """Nobody looks on."""
