"""`rumbo arms`. Ends with 0, with 3 where the verdict is withheld, and with 2 for a log that cannot be used."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.cli import company_option, home_option
from training.commands.failures import refusing
from training.commands.options import Moment, log_option

if TYPE_CHECKING:
    from training.arms.report import ArmsReport

WITHHELD = 3


def _schema(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    """Prints the JSON Schema of `--json`, and ends."""
    if is_asked and not ctx.resilient_parsing:
        from training.arms.report import ArmsReport

        click.echo(json.dumps(ArmsReport.model_json_schema(), indent=1))
        ctx.exit()


@click.command()
@company_option
@home_option
@log_option
@click.option("--since", type=Moment(), help="Count customers by their first decision since then.")
@click.option("--outcome", metavar="COLUMN", help="Of a plain log: what came of a row. [default: outcome_in_window]")
@click.option("--lift", type=float, help="Tell how many customers show this lift. [default: the one seen]")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it (.png, .svg, .pdf).")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_schema, help="Print its schema.")
def arms(
    company: Path | None,
    home: Path | None,
    log: Path | None,
    since: datetime | None,
    outcome: str | None,
    lift: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Tell what each arm brings: its lift over the holdout, and that of the challenger over the champion.

    With intervals that hold at every daily look, the smallest lift that so many customers can show, and a check that
    customers fell into the arms by their shares. Without --log: by the company's own export, brought up to date.
    Ends with 0; with 3 where no verdict is given, for that check failed.
    """
    with refusing():
        found = _found(_log(company, home) if log is None else log, since, outcome, lift)
        if plot is not None:
            from training.arms.pictures import arms_picture
            from training.pictures import save

            save(arms_picture(found), plot)
    _tell(found, as_json)
    if found.withheld is not None:
        click.get_current_context().exit(WITHHELD)


def _log(company: Path | None, home: Path | None) -> Path:
    from features.company.home import demand_home_of, places
    from training.export import own_export

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    return own_export(known.folder, where.home)


def _found(log: Path, since: datetime | None, outcome: str | None, lift: float | None) -> ArmsReport:
    from training.arms.compare import Question, compare_arms
    from training.from_log import instant

    begins = None if since is None else instant(since)
    return compare_arms(Question(log=log, since=begins, outcome=outcome, lift=lift))


def _tell(found: ArmsReport, as_json: bool) -> None:
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from training.arms.tables import print_arms

    print_arms(found)
