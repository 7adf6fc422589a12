"""`rumbo simulate`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from training.simulate.figures import Figures

FOLDER = Path("simulation")
SPOILT = 1
"""The exit status when something was shown that is forbidden."""


def _schema(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    """Prints the JSON Schema of `--json`, and ends."""
    if is_asked and not ctx.resilient_parsing:
        from training.simulate.figures import Figures

        click.echo(json.dumps(Figures.model_json_schema(), indent=1))
        ctx.exit()


@click.command()
@click.option("--customers", type=click.IntRange(50, 1_000_000), default=3_000, show_default=True)
@click.option("--days", type=click.IntRange(14, 730), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seed, equal simulation.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where it is played: the company, its home with the models and all decisions. What was played there is gone.",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="For the policies beside the loop."
)
@click.option("--grpc", "is_over_grpc", is_flag=True, help="Over the wire, with the online store: slower by far.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it (.png, .svg, .pdf).")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_schema, help="Print its schema.")
def simulate(
    customers: int,
    days: int,
    seed: int,
    folder: Path,
    processes: int,
    is_over_grpc: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Play a company whose customers respond by a known truth: decide, learn, promote, week after week.

    The decisions are the service's own, with its store, export, training and gate. Beside it the oracle, which knows
    the truth, and plainer policies meet the same customers. Ends with 1 if anything was shown that is forbidden.
    """
    from training.commands.failures import refusing

    with refusing():
        from training.simulate.scenario import Scenario
        from training.simulate.simulate import simulate as play
        from training.simulate.simulate import tracked

        scenario = Scenario(customers=customers, days=days, seed=seed, new_journey_on=days * 5 // 12)
        with _announcing(days) as announce:
            found = play(scenario, folder, announce, processes, is_over_grpc=is_over_grpc)
            announce("MLflow")
            tracked(found, folder)
    if plot is not None:
        from training.pictures import save
        from training.simulate.pictures import simulation_picture

        save(simulation_picture([found]), plot)
    _tell(found, folder, as_json)
    if found.forbidden:
        click.get_current_context().exit(SPOILT)


@contextmanager
def _announcing(days: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error, where that is a terminal, that goes on with each day."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description:<20}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("company", total=days)
        begun = False

        def announce(stage: str) -> None:
            nonlocal begun
            is_day = stage.startswith("day ") and ":" not in stage
            progress.update(task, description=stage, advance=1 if is_day and begun else 0)
            begun = begun or is_day

        yield announce
        progress.update(task, description="done", completed=days)


def _tell(found: Figures, folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from training.simulate.tables import print_figures

    print_figures(found, folder)
