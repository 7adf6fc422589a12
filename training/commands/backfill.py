"""`rumbo backfill`. Heavy libraries are imported when the command runs, so that `rumbo --help` is quick."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.cli import company_option, home_option
from training.commands.options import Names

if TYPE_CHECKING:
    from features.company.company import Company
    from training.backfill.run import BackFilled


@click.command()
@company_option
@home_option
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    show_default="the company's own export, brought up to date",
    help="What `rumbo state export` wrote.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder to write the copy to.")
@click.option("--features", type=Names(), default=(), help="Fill these in every row, in place of what was served.")
@click.option("--parity-only", is_flag=True, help="Fill nothing in and write nothing: only compare.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done and found as JSON.")
def backfill(
    company: Path | None,
    home: Path | None,
    log: Path | None,
    out: Path | None,
    features: tuple[str, ...],
    parity_only: bool,
    as_json: bool,
) -> None:
    """Fill the features in that a log lacks, by the history of the feature store, and compare what was served with it.

    Writes a copy of the log to --out, for `rumbo train --log`: where a row lacks a feature, which was not there yet
    when it was decided, it has what would have been served then, by Feast's point-in-time join. Beside it lies
    _parity.csv: each feature as it was served against the join.
    """
    if (out is None) != parity_only:
        raise click.UsageError("say one of --out and --parity-only")
    if parity_only and features:
        raise click.UsageError("--features says what to fill in, and --parity-only that nothing is")
    from features.company.home import demand_home_of, places
    from training.commands.failures import refusing

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    with refusing():
        done = _done(known, where.home, log, out, features)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=1))
        return
    from training.commands.backfill_tables import print_back_filled

    print_back_filled(done, out)


def _done(company: Company, home: Path, log: Path | None, out: Path | None, features: tuple[str, ...]) -> BackFilled:
    from features.company.kept_registry import known_features
    from features.files import demand_writable_at
    from training.backfill.run import BackFillOrder, back_fill
    from training.commands.progress import counting

    if out is not None:
        demand_writable_at(out)
    found = known_features(company, home)
    if log is None:
        from training.export import own_export

        log = own_export(company.folder, home)
    with counting("joining") as (begins, report):
        order = BackFillOrder(log=log, out=out, features=features)
        return back_fill(order, found, company.feature_repo, begins, report)
