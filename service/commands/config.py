"""`rumbo config show`: what every setting is, and what it is from.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from features.cli import company_option
from features.company.home import Origin
from service.commands.options import OPTIONS, Callback, placed

if TYPE_CHECKING:
    from features.company.company import Company
    from features.company.home import Places
    from service.settings import Settings

SECRET = "set, and not shown"
WIDTH = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A value, and what it is from."""

    name: str
    value: str
    origin: str


@click.group()
def config() -> None:
    """Look at how Rumbo is set up."""


def _with_every_option(command: Callback) -> Callback:
    for option in reversed(OPTIONS.values()):
        command = option(command)
    return command


@config.command()
@_with_every_option
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_context
def show(context: click.Context, /, as_json: bool, **given: Any) -> None:
    """Tell each value, and whether it is from an option, a variable, rumbo.yaml, the home or a default.

    Takes the options of `rumbo serve`, and tells what that would be set up with.
    """
    settings, found = placed(given)
    company = None if found.company is None else found.demand_company()
    shown = [*_settings(context, settings, found, company), *_of_company(company)]
    if as_json:
        click.echo(json.dumps([asdict(line) for line in shown], indent=2, ensure_ascii=False))
    else:
        _print(shown)


@config.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@company_option
def schema(folder: Path | None, company: Path | None) -> None:
    """Write the JSON Schemas of a company's files into DIR (default: .schema in its folder), for editors.

    Of rumbo.yaml, features.yaml, policies, journeys and cases. The files that `rumbo init` wrote name them; after an
    upgrade they are written anew by this.
    """
    from features.company.draft import SCHEMAS
    from features.company.home import places
    from service.catalogue.documents.editor_schema import write

    changed = list(write(folder or places(company).demand_company().folder / SCHEMAS))
    for file in changed:
        click.echo(f"wrote {file}")
    if not changed:
        click.echo("nothing changed")


def _print(shown: Iterable[Shown]) -> None:
    from rich.table import Table

    from features.console import table_console

    table = Table("setting", "value", "from")
    for line in shown:
        table.add_row(line.name, line.value, line.origin)
    table_console(WIDTH, highlight=False).print(table)


def _settings(context: click.Context, settings: Settings, found: Places, company: Company | None) -> Iterator[Shown]:
    from pydantic import SecretStr

    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "catalogue" and value is None and company is not None:
            value = company.catalogue
        text = SECRET if isinstance(value, SecretStr) else "" if value is None else str(value)
        yield Shown(name=name, value=text, origin=_origin(context, name, found, company))


def _origin(context: click.Context, name: str, found: Places, company: Company | None) -> str:
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        return f"--{name.replace('_', '-')}"
    if (variable := f"RUMBO_{name.upper()}") in os.environ:
        return variable
    if name == "company":
        return found.company_from
    if name == "catalogue" and company is not None and "catalogue" in company.document.model_fields_set:
        return Origin.FILE
    return found.home_from if name == "home" else Origin.DEFAULT


def _of_company(company: Company | None) -> Iterator[Shown]:
    """What only rumbo.yaml can say."""
    if company is None:
        return
    said = company.document
    for name, part, value in (
        ("company.name", {"company"}, company.name),
        ("customer.entity", {"customer"}, said.customer.entity),
        ("features.repo", said.features.model_fields_set & {"repo"}, company.feature_repo),
        ("mlflow.tracking_uri", said.mlflow.model_fields_set & {"tracking_uri"}, said.mlflow.tracking_uri),
        ("mlflow.experiment", said.mlflow.model_fields_set & {"experiment"}, said.mlflow.experiment),
    ):
        yield Shown(name=name, value=str(value or ""), origin=Origin.FILE if part else Origin.DEFAULT)
