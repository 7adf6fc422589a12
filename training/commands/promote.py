"""`rumbo promote`, `rumbo rollback`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.cli import company_option, home_option
from training.commands.options import log_option

if TYPE_CHECKING:
    from features.company.company import Company
    from models.tracking import Registry
    from training.promote.verdict import Verdict

NOT_PROVEN = 3
"""The exit status of a challenger that is not promoted for want of proof."""


@click.command()
@click.argument("version", required=False)
@company_option
@home_option
@log_option
@click.option("--limit", type=float, default=0.0, show_default=True, help="What the gain a decision must be above.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--force", is_flag=True, help="Without proof that it is better.")
def promote(
    version: str | None,
    company: Path | None,
    home: Path | None,
    log: Path | None,
    limit: float,
    as_json: bool,
    force: bool,
) -> None:
    """Make a version of the registry the champion, which the service serves, if evidence says that it is better.

    VERSION is the challenger's, unless one is named. It is judged against the champion on the rows of the company's own
    export, brought up to date, or of --log, that were decided after both had learned: the gain must be proven at
    whatever day it is looked at, calibration be no worse, no constraint be violated, support not be thin. Else exit
    status 3, with what is lacking, and the champion stays. --force promotes without a look.
    """
    from features.company.home import demand_home_of, places
    from features.company.kept_registry import known_features
    from models.registry import CHALLENGER, CHAMPION, fetch
    from models.tracking import Registry
    from training.promote.kept import number_of
    from training.register import demand_fit

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    registry = Registry.of(known, where.home)
    number = version or number_of(registry, CHALLENGER)
    demand_fit(fetch(registry, number), known_features(known, where.home).schema)
    if force:
        _move(registry, number, None, as_json=as_json)
        return
    champion = number_of(registry, CHAMPION)
    if champion == number:
        raise click.UsageError(f"version {number} is the champion")
    verdict = _judged(known, registry, (number, champion), log, limit)
    if verdict.result == "better":
        _move(registry, number, verdict, as_json=as_json)
        return
    _tell(verdict, as_json, f"version {champion} stays champion: {verdict.result}")
    sys.exit(NOT_PROVEN)


@click.command()
@company_option
@home_option
def rollback(company: Path | None, home: Path | None) -> None:
    """Make what was champion before it again. A second one goes forward again."""
    from features.company.home import demand_home_of, places
    from models.registry import rollback as back
    from models.tracking import Registry

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    registry = Registry.of(known, where.home)
    number, replaced = back(registry, datetime.now(UTC))
    click.echo(f"version {number} of {registry.model} is champion again, in place of {replaced or 'none'}")


def _judged(company: Company, registry: Registry, numbers: tuple[str, str], log: Path | None, limit: float) -> Verdict:
    """Of the challenger and the champion by their `numbers`; kept in the registry."""
    from models.registry import fetch
    from training.commands.failures import refusing
    from training.commands.progress import announcing
    from training.promote.contest import contest_of
    from training.promote.judge import Contender, judge
    from training.promote.kept import keep

    if log is None:
        from training.export import own_export

        log = own_export(company.folder, registry.home)
    challenger, champion = (Contender(number=number, bundle=fetch(registry, number)) for number in numbers)
    with refusing(), announcing(4) as announce:
        verdict = judge(contest_of(company.folder, registry, log, challenger, champion, limit=limit), announce)
    keep(registry, verdict, datetime.now(UTC))
    return verdict


def _move(registry: Registry, number: str, verdict: Verdict | None, *, as_json: bool) -> None:
    from models.registry import promote as move

    judged_against = None if verdict is None else verdict.champion
    replaced = move(registry, number, datetime.now(UTC), instead_of=judged_against)
    said = f"version {number} of {registry.model} is champion, in place of {replaced or 'none'}"
    if verdict is None:
        click.echo(json.dumps({"result": "forced", "challenger": number, "champion": replaced}) if as_json else said)
    else:
        _tell(verdict, as_json, said)


def _tell(verdict: Verdict, as_json: bool, said: str) -> None:
    if as_json:
        click.echo(json.dumps(verdict.document(), indent=1))
        return
    from training.commands.tables import print_verdict

    print_verdict(verdict, said)
