"""The export of decisions: of the days that are asked for, or of all whose rewards are not settled yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from service.bootstrap.clock import system_clock
from service.bootstrap.company import company_of, terms_known
from service.bootstrap.store import state_store
from service.catalogue.objectives import KeptObjectives
from service.quiet_load import collecting_later
from service.settings import Settings
from service.state.export.rewards import AsOf
from service.state.export.settled import is_settled
from service.state.export.table import export_schema
from service.state.export.write import FILE, Day, Export

FOLDER = "export"
"""In the home: what training reads."""
EPOCH = date(1970, 1, 1)
Begin = Callable[[Day], Callable[[int], None]]
"""Told that a day begins; what it gives back is told how many decisions more were written."""
Skip = Callable[[Day], bool]


async def export_days(
    settings: Settings,
    since: date,
    until: date | None,
    folder: Path,
    *,
    found: Callable[[list[Day]], None],
    begin: Begin,
    skips: Skip = lambda day: False,
    stopped: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Writes the days from `since` up to, not including, `until`. Returns: rows and days.

    `found` is told the days, `skips` says which of them stay as they are; `stopped` is told when it was told to stop.

    Raises: as `state_store` and `Export.write`.
    """
    async with state_store(settings) as state:
        now = system_clock()
        as_of = AsOf(now=now, events_since=now - settings.retention.events)
        terms = terms_known(settings, company_of(settings))
        export = Export(state.engine, terms.schema, KeptObjectives(terms.events), folder, as_of)
        days, rows = [day for day in await export.days(since, until) if not skips(day)], 0
        found(days)
        for day in days:
            try:
                rows += await export.write(day, begin(day))
            except asyncio.CancelledError:
                export.stop()
                stopped()
                raise
        return rows, len(days)


def update_export(company: Path, home: Path) -> Path:
    """Brings HOME/export up to date. Returns: it.

    A day whose windows were all over when it was written stays, for events that tell of it may be gone by now; unless
    the features have other columns since, and the events are still there.

    Raises: as `export_days`; StateUnavailable if no decision was ever made.
    """
    settings = Settings(company=company, home=home)
    folder = home / FOLDER
    schema = export_schema(terms_known(settings, company_of(settings)).schema)
    events_since = system_clock() - settings.retention.events

    def is_kept(day: Day) -> bool:
        has_events = datetime.combine(day.day, time(), UTC) >= events_since
        over = datetime.combine(day.day + timedelta(days=1), time(), UTC)
        return is_settled(folder / f"day={day.day}" / FILE, over, schema if has_events else None)

    with collecting_later():
        asyncio.run(
            export_days(settings, EPOCH, None, folder, found=_nothing, begin=lambda day: _nothing_more, skips=is_kept)
        )
    return folder


def _nothing(days: list[Day]) -> None:
    """Nobody looks on."""


def _nothing_more(count: int) -> None:
    """Nobody looks on."""
