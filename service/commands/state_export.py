"""`rumbo state export` and `rumbo state import`: decisions and what became of them, as a table of Parquet files.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.interrupt import run
from service.commands.options import reads_settings
from service.quiet_load import collecting_later

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from service.settings import Settings
    from service.state.export.write import Day as ExportDay
    from service.state.history.keep import ImportCounts


class Day(click.ParamType[date]):
    """A day of the calendar, such as 2026-12-31."""

    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day: write it as 2026-12-31", param, ctx)


@click.command("export")
@reads_settings("home")
@click.option("--since", type=Day(), metavar="YYYY-MM-DD", help="The first day (UTC).")
@click.option("--until", type=Day(), metavar="YYYY-MM-DD", help="The day before which to stop. Default: none.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for day=YYYY-MM-DD/decisions.parquet and _denials.",
)
@click.option("--schema", "is_described", is_flag=True, help="Print what each column is, and end.")
def export_(
    settings: Settings, since: date | None, until: date | None, folder: Path | None, is_described: bool
) -> None:
    """Write decisions and what became of them as Parquet, a folder a day; what was denied in _denials beside them.

    Days that were exported before are replaced, each at once. A reward is told once its window is over.
    """
    if is_described:
        _print_columns(settings)
        return
    if since is None or folder is None:
        raise click.UsageError("--since and --to say what to export, and where to")
    with collecting_later():
        rows, days = run(_export(settings, since, until, folder))
    click.echo(
        f"{rows:,} rows of {days:,} {'day' if days == 1 else 'days'} in {folder}"
        if days
        else "no decisions in these days"
    )


def _print_columns(settings: Settings) -> None:
    """The columns of both tables in Markdown."""
    from service.bootstrap.company import company_of, features_known
    from service.state.export.denials import denials_schema
    from service.state.export.fields import documented
    from service.state.export.table import export_schema

    schema = features_known(settings, company_of(settings)).schema
    tables = {
        "day=YYYY-MM-DD/decisions.parquet: a row for each journey that was ranked": export_schema(schema),
        "_denials/day=YYYY-MM-DD/denials.parquet: a row for each candidate that was denied": denials_schema(),
    }
    for title, table in tables.items():
        click.echo(f"## {title}\n\n| column | type | unit | what it is |\n|---|---|---|---|")
        for column in documented(table):
            click.echo("| " + " | ".join(text.replace("|", "\\|") for text in column) + " |")
        click.echo()


@click.command("import")
@reads_settings("home")
@click.argument("place", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="List rows that cannot be taken, and import the others.")
def import_(settings: Settings, place: Path, skip_bad: bool) -> None:
    """Take a table of decisions as history: what `rumbo state export` wrote, or a plain one.

    Required columns: customer_id, decided_at, journey_id, propensity, reward. Caps and cooldowns count what it holds;
    nobody is enrolled by it. If a row cannot be taken nothing is, unless --skip-bad. What is known already stays.
    """
    kept = run(_import(settings, place, skip_bad=skip_bad))
    click.echo(f"decisions: {kept.added:,} new, {kept.updated:,} brought up to date, {kept.known:,} known already")


async def _export(settings: Settings, since: date, until: date | None, folder: Path) -> tuple[int, int]:
    """Returns: rows and days."""
    from service.bootstrap.export import export_days
    from service.commands.console import progress_bar

    with ExitStack() as shown:
        bars: list[tuple[Progress, TaskID]] = []

        def found(days: list[ExportDay]) -> None:
            progress = shown.enter_context(progress_bar())  # only now, for an error before is one line alone
            bars.append((progress, progress.add_task("", total=sum(day.decisions for day in days))))

        def begin(day: ExportDay) -> Callable[[int], None]:
            ((progress, task),) = bars
            progress.update(task, description=f"{day.day}")
            return lambda count: progress.advance(task, count)

        return await export_days(settings, since, until, folder, found=found, begin=begin, stopped=shown.close)


async def _import(settings: Settings, place: Path, *, skip_bad: bool) -> ImportCounts:
    from service.bootstrap.clock import system_clock
    from service.bootstrap.company import company_of, features_known
    from service.bootstrap.store import state_store
    from service.commands.console import progress_bar
    from service.state.history.faults import HistoryInvalid, RowFault
    from service.state.history.take import HistoryImport

    def refuse(fault: RowFault) -> None:
        raise HistoryInvalid([fault], 1)

    def skip(fault: RowFault) -> None:
        click.echo(f"skipped: {fault}", err=True)

    async with state_store(settings, is_made=True) as state:
        schema = features_known(settings, company_of(settings)).schema
        history = HistoryImport(state.engine, schema, place, system_clock())
        if history.ignored:
            click.echo(f"columns that mean nothing here: {', '.join(history.ignored)}", err=True)
        with progress_bar() as progress:
            if not skip_bad:
                checked = progress.add_task("checked", total=history.rows)
                await history.check(lambda count: progress.advance(checked, count))
            imported = progress.add_task("imported", total=history.rows)
            return await history.write(lambda count: progress.advance(imported, count), skip if skip_bad else refuse)
