"""`rumbo catalogue`: check, test and explain journeys and rules, and write the schemas for editors.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.cli import company_option, home_option
from features.errors import RumboError
from service.commands.interrupt import run
from service.commands.options import chosen, reads_settings

if TYPE_CHECKING:
    from rumbo.decision.v1 import decision_pb2
    from service.catalogue.check.check import Finding
    from service.catalogue.terms import Terms
    from service.settings import Settings
    from service.state.port import StageCount

folder_option = click.Path(exists=True, file_okay=False, path_type=Path)


class NotOffered(RumboError):
    """The journey has nothing to show there, whoever the customer is."""


@click.group()
def catalogue() -> None:
    """Check, test and explain journeys and their rules."""


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | date:
    """A day of the catalogue's zone, or a time with its own. Default: now."""
    from service.catalogue.documents.forms import parse_moment

    try:
        return datetime.now(UTC) if value is None else parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@catalogue.command()
@click.argument("folder", metavar="[DIR]", required=False, type=folder_option)
@company_option
@click.option(
    "--against", type=folder_option, metavar="OLD_DIR", help="An older catalogue: find ids that changed meaning."
)
@click.option(
    "--now", callback=_moment, metavar="ISO", help="The day against which levers and ends are held. Default: now."
)
@click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The home of a service: tell how many customers stand where there is no place any more.",
)
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON array.")
@click.option("--strict", is_flag=True, help="Fail on warnings and notices as well.")
def check(
    folder: Path | None,
    company: Path | None,
    against: Path | None,
    now: datetime | date,
    home: Path | None,
    as_json: bool,
    strict: bool,
) -> None:
    """Tell everything that is wrong with the catalogue in DIR; exit status 1 if there is an error.

    DIR is the company's catalogue unless it is given. Without --company, the company is the one that DIR lies in.
    """
    from service.catalogue.check.check import check as findings_of
    from service.catalogue.check.check import in_folder
    from service.catalogue.documents.problems import Severity

    directory, terms = _under_review(folder, company, home)
    standing = [] if home is None else _standing(home)
    findings = in_folder(findings_of(directory, terms, now, against, standing), directory)
    if as_json:
        click.echo(json.dumps([finding.fields() for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(_summary(findings))
    if any(strict or finding.severity is Severity.ERROR for finding in findings):
        raise click.exceptions.Exit(1)


def _under_review(folder: Path | None, company: Path | None, home: Path | None) -> tuple[Path, Terms]:
    """The catalogue, and what its rules may speak of. Raises: CompanyUnknown, CompanyInvalid, HomeForeign."""
    from features.company.home import places
    from features.company.kept_registry import known_features
    from features.company.registry import demand_repository
    from service.catalogue.terms import company_terms

    found = places(company, home, within=folder)
    known = found.demand_company()
    demand_repository(known)  # a service goes on by what was read before; who checks wants to know
    return folder or chosen({}).catalogue or known.catalogue, company_terms(
        known, known_features(known, found.home).schema
    )


def _standing(home: Path) -> list[StageCount]:
    """Raises: StateUnavailable, if there is no store too."""
    from service.bootstrap.store import state_store

    async def read() -> list[StageCount]:
        async with state_store(chosen({"home": home})) as state:
            return await state.standing()

    return run(read())


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity.lower() for finding in findings)
    told = (_counted(counts[name], name) for name in ("error", "warning", "notice"))
    return ", ".join(told)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


@catalogue.command()
@click.argument("folder", metavar="[DIR]", required=False, type=folder_option)
@company_option
@home_option
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option(
    "--gaps",
    type=click.Choice(["error", "warn"]),
    default="error",
    show_default=True,
    help="What a constraint that no case decides is: an error, or only told.",
)
def test(folder: Path | None, company: Path | None, home: Path | None, as_json: bool, gaps: str) -> None:
    """Decide the cases in DIR/cases; exit status 1 unless each is met.

    DIR is the company's catalogue unless it is given. Without --company, the company is the one that DIR lies in.

    What a case does not list as eligible must be denied, and every constraint in use must be the only denial in one
    case and allow in another; with --gaps warn, those that are not are told, and fail nothing.
    """
    from service.catalogue.cases.run import read_cases
    from service.catalogue.cases.run import run as run_cases
    from service.catalogue.load import load
    from service.commands.show_catalogue import report_fields, show_report

    directory, terms = _under_review(folder, company, home)
    report = run_cases(read_cases(directory), load(directory, terms).plan, terms)
    is_good = report.is_met and (gaps == "warn" or not report.has_gaps)
    if as_json:
        click.echo(json.dumps(report_fields(report, is_good=is_good), indent=2, ensure_ascii=False))
    else:
        show_report(report, are_gaps_faults=gaps == "error")
    if not is_good:
        raise click.exceptions.Exit(1)


@catalogue.command()
@click.argument("journey")
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--channel", required=True, help="Such as email, web, app, call_center.")
@click.option("--placement", help="The place on the channel, such as home.")
@click.option("--context", multiple=True, metavar="NAME=VALUE", help="A declared context value; may be repeated.")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or es.")
@click.option("--json", "as_json", is_flag=True, help="The verdicts as JSON.")
@reads_settings("home", "catalogue")
def explain(
    journey: str,
    customer: str,
    channel: str,
    placement: str | None,
    context: tuple[str, ...],
    locale: str,
    as_json: bool,
    settings: Settings,
) -> None:
    """Tell what every rule that guards JOURNEY says of a customer now, the rules that allow it too.

    Reads the stores of the home itself, and changes nothing. A running service is not asked: its answers tell denials
    alone, and a record has what was known then.
    """
    from rumbo.decision.v1 import decision_pb2
    from service.wire.client import context_values

    request = decision_pb2.DecideRequest(
        customer_id=customer,
        channel=channel,
        placement=placement,
        context=context_values(context),
        locale=locale,
    )
    run(_explain(journey, request, settings, as_json=as_json))


@catalogue.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
def schema(folder: Path | None) -> None:
    """Write the JSON Schema of the YAML files into DIR (default: beside the catalogue's code), for editors."""
    from service.catalogue.documents.editor_schema import FOLDER, write

    changed = list(write(folder or FOLDER))
    for file in changed:
        click.echo(f"wrote {file}")
    if not changed:
        click.echo("nothing changed")


async def _explain(journey: str, request: decision_pb2.DecideRequest, settings: Settings, *, as_json: bool) -> None:
    from service.bootstrap.clock import system_clock
    from service.bootstrap.parts import facts_only
    from service.commands.show_catalogue import explanation_fields, show_explanation
    from service.decision.decide import begin
    from service.wire.requests import question

    async with facts_only(settings) as known:
        wanted = question(request, known.plan).facts_request
        facts = (await known.hydrator.hydrate(wanted, system_clock(), known.plan.reach_on(wanted.channel))).facts
    draft = begin(known.plan, facts)
    candidate = next((c for c in known.plan.candidates(draft.facts) if c.journey_id == journey), None)
    if candidate is None:
        raise NotOffered(f"there is no journey '{journey}' with something to show on {wanted.channel}")
    if as_json:
        fields = explanation_fields(draft.evaluation, candidate, request.locale)
        click.echo(json.dumps(fields, indent=2, ensure_ascii=False))
    else:
        show_explanation(draft.evaluation, candidate, request.locale)
