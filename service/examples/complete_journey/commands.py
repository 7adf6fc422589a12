"""The example's own commands: `rumbo prepare`, `rumbo seed`, `rumbo demo`. No other company is ever touched by them.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.cli import home_option, parse_instant
from service.commands.interrupt import run
from service.commands.options import reads_settings

if TYPE_CHECKING:
    from service.settings import Settings

FOLDER = Path("complete_journey")

example_option = click.option(
    "--company",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RUMBO_COMPANY",
    default=FOLDER,
    show_default=True,
    help="Folder of the example: made if it is not there.",
)


@click.command()
@example_option
@click.option("--now", metavar="ISO", help="Prepare as of this instant (RFC 3339) instead of the present.")
def prepare(company: Path, now: str | None) -> None:
    """Prepare the example, a company like any other: rumbo.yaml, journeys, feature store, training table.

    Doing it again moves the data to the new day; what was pushed since and what you changed stays.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from service.examples.complete_journey.data.campaigns import options_of_training
    from service.examples.complete_journey.data.prepare import STEPS, prepare_company

    at = datetime.now(UTC) if now is None else parse_instant(now)
    console = Console()
    columns = (TextColumn("{task.description:<42}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Starting", total=STEPS)
        begun = 0

        def report(step: str) -> None:
            nonlocal begun
            if not console.is_terminal:
                console.print(step)
            progress.update(task, description=step, completed=begun)
            begun += 1

        dataset = prepare_company(company, at, report)
        progress.update(task, description="Prepared", completed=STEPS)
    console.print(
        f"{dataset.source}, {dataset.shift_weeks} weeks later: purchases until {dataset.data_end:%Y-%m-%d %H:%M} UTC, "
        f"in {company}",
        highlight=False,
        soft_wrap=True,
    )
    learn = ("rumbo", "train", "--company", str(company), *options_of_training(company, dataset))
    console.print(f"To learn from its campaigns: {shlex.join(learn)}", highlight=False, soft_wrap=True)


@click.command()
@reads_settings("home")
def seed(settings: Settings) -> None:
    """Take in the example's consents, through the same path as any event."""
    from service.examples.complete_journey.seed import seed_consents

    counts = run(seed_consents(settings))
    click.echo(f"consents: {counts.accepted} taken in, {counts.known} known already")


@click.command()
@example_option
@home_option
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or es.")
def demo(company: Path, home: Path | None, locale: str) -> None:
    """Decide for real customers: prepare, train, serve, and tell a short story."""
    from features.company.home import places
    from service.examples.complete_journey.demo import run_demo

    run_demo(company, places(company, home).home, locale)
