"""`rumbo events`: a company's own events in bulk, from a file.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.errors import RumboError
from service.commands.interrupt import run
from service.commands.options import reads_settings

if TYPE_CHECKING:
    from service.application.bulk.load import LoadCounts
    from service.settings import Settings


@click.group()
def events() -> None:
    """Take in what happened to customers, in bulk."""


@events.command()
@reads_settings("home", "catalogue")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--refused",
    "refused",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the rows that are refused are listed. Default: FILE.refused.csv beside FILE.",
)
def load(settings: Settings, file: Path, refused: Path | None) -> None:
    """Take in the events of FILE: .parquet, .csv, .jsonl, and the last two with .gz behind.

    Columns: customer_id, source, type, occurred_at (with its zone), and event_id, or else a hash of the row is the id;
    every other column is an attribute. An event that is known is not taken in again, so that a file can be loaded again
    at any time; a row that stands twice is one event. Rows are checked as on the wire, and those that are refused are
    listed, with their column and a code; the others are taken in. Exit status 1 if a row was refused.
    """
    from service.application.bulk.load import LoadCounts

    listed = refused_beside(file) if refused is None else refused
    if listed.resolve() == file.resolve():
        raise click.BadParameter("it is the file of events itself", param_hint="'--refused'")
    counts = LoadCounts()
    try:
        run(load_file(settings, file, listed, counts))
    except (KeyboardInterrupt, RumboError) as error:
        if counts.row or isinstance(error, KeyboardInterrupt):
            rest = "load the file again for the rest, of which some may be known by then"
            click.echo(f"ended after row {counts.row:,}: {_told(counts)}; {rest}", err=True)
        raise
    click.echo(_told(counts))
    if counts.refused:
        click.echo(f"refused rows are listed in {listed}")
        raise click.exceptions.Exit(1)


async def load_file(settings: Settings, file: Path, listed: Path, counts: LoadCounts) -> None:
    """`listed`: where rows that are refused are. Raises: CannotWrite, EventFileUnfit, and as `intake_only`."""
    from rich.progress import TaskProgressColumn

    from service.application.bulk.formats import open_events
    from service.application.bulk.load import EventLoad
    from service.application.bulk.refused import RefusedFile
    from service.bootstrap.parts import intake_only
    from service.commands.console import progress_bar

    with open_events(file) as opened, RefusedFile(listed) as refused:
        async with intake_only(settings) as intake:
            with progress_bar(TaskProgressColumn()) as progress:
                task = progress.add_task("events", total=opened.size)

                def report(done: int) -> None:
                    progress.update(task, completed=done, description=f"{counts.row:,} rows")

                await EventLoad(intake, counts, refused.write).take(opened, report)


def refused_beside(file: Path) -> Path:
    """Beside the file, or in the current folder where that cannot be written to."""
    folder = file.parent if os.access(file.parent, os.W_OK) else Path()
    return folder / f"{file.name}.refused.csv"


def _told(counts: LoadCounts) -> str:
    parts = [f"events: {counts.accepted:,} taken in, {counts.known:,} known already"]
    if counts.repeated:
        parts.append(f"{counts.repeated:,} that stand in the file before")
    if counts.refused:
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(counts.refused.items()))
        parts.append(f"{counts.refused.total():,} refused ({codes})")
    return ", ".join(parts)
