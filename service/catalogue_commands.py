"""`rumbo catalogue`: check, test and explain journeys and rules, and write the schemas for editors.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.errors import RumboError
from service.check_command import check
from service.options import chosen, reads_settings

if TYPE_CHECKING:
    from rumbo.decision.v1 import decision_pb2
    from service.settings import Settings

folder_option = click.Path(exists=True, file_okay=False, path_type=Path)


class NotOffered(RumboError):
    """The journey has nothing to show there, whoever the customer is."""


@click.group()
def catalogue() -> None:
    """Check, test and explain journeys and their rules."""


catalogue.add_command(check)


@catalogue.command()
@click.argument("folder", metavar="[DIR]", required=False, type=folder_option)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def test(folder: Path | None, as_json: bool) -> None:
    """Decide the cases in DIR/cases; exit status 1 unless each is met.

    DIR is RUMBO_CATALOGUE, else the example, unless it is given.

    What a case does not list as eligible must be denied, and every constraint in use must be the only denial in one
    case and allow in another.
    """
    import json

    from features.schema import FeatureSchema
    from service.catalogue.cases import read_cases, run
    from service.catalogue.load import load
    from service.show_catalogue import report_fields, show_report

    directory, schema = chosen({"catalogue": folder}).catalogue, FeatureSchema.load()
    report = run(read_cases(directory), load(directory, schema).plan, schema)
    if as_json:
        click.echo(json.dumps(report_fields(report), indent=2, ensure_ascii=False))
    else:
        show_report(report)
    if not report.is_good:
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
    import asyncio

    from rumbo.decision.v1 import decision_pb2
    from service.client import context_values

    request = decision_pb2.DecideRequest(
        customer_id=customer,
        channel=channel,
        placement=placement,
        context=context_values(context),
        locale=locale,
    )
    asyncio.run(_explain(journey, request, settings, as_json=as_json))


@catalogue.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
def schema(folder: Path | None) -> None:
    """Write the JSON Schema of the YAML files into DIR (default: beside the catalogue's code), for editors."""
    from service.catalogue.editor_schema import FOLDER, write

    changed = list(write(folder or FOLDER))
    for file in changed:
        click.echo(f"wrote {file}")
    if not changed:
        click.echo("nothing changed")


async def _explain(journey: str, request: decision_pb2.DecideRequest, settings: Settings, *, as_json: bool) -> None:
    import json

    from service.bootstrap import facts_only, system_clock
    from service.convert.requests import question
    from service.decision.decide import begin
    from service.show_catalogue import explanation_fields, show_explanation

    async with facts_only(settings) as known:
        asked = question(request, known.plan).asked
        facts = (await known.hydrator.hydrate(asked, system_clock(), known.plan.reach_on(asked.channel))).facts
    draft = begin(known.plan, facts)
    candidate = next((c for c in known.plan.candidates(draft.facts) if c.journey_id == journey), None)
    if candidate is None:
        raise NotOffered(f"there is no journey '{journey}' with something to show on {asked.channel}")
    if as_json:
        fields = explanation_fields(known.plan, candidate, draft.facts, request.locale)
        click.echo(json.dumps(fields, indent=2, ensure_ascii=False))
    else:
        show_explanation(known.plan, candidate, draft.facts, request.locale)
