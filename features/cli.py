"""`rumbo features`, and the options that say where things lie."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from features.errors import InvalidInstant
from features.files import write_text

MEANINGFUL = frozenset("?#%*[]\\")
"""In the addresses of MLflow and SQLAlchemy, and in DuckDB's names of files, these do not stand for themselves."""


class _Home(click.Path):
    """A folder with a name under which every part of a home finds it again."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":  # as a shell makes of a variable that is not set: it would be the current folder
            self.fail("it is empty", param, ctx)
        home = Path(str(super().convert(value, param, ctx)))
        if told := strange_in(home):
            self.fail(f"the path of a home cannot have {told}: {str(home.resolve())!a}", param, ctx)
        return home


def strange_in(home: Path) -> str:
    """The first character of the whole path that some part of a home would read as another; empty if there is none."""
    return next((repr(c) for c in str(home.resolve()) if c in MEANINGFUL or not c.isprintable()), "")


home_option = click.option(
    "--home",
    type=_Home(file_okay=False, path_type=Path),
    envvar="RUMBO_HOME",
    show_default=".rumbo in the company's folder",
    help="Folder of every embedded file.",
)
company_option = click.option(
    "--company",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RUMBO_COMPANY",
    show_default="the current folder, else the company of the home",
    help="Folder of rumbo.yaml.",
)


@click.group()
def features() -> None:
    """Look at the features: names, types, units, owners, personal-data classes."""


@features.command()
@company_option
@home_option
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, at once and only if there is no fault. Default: print it.",
)
def schema(company: Path | None, home: Path | None, file: Path | None) -> None:
    """Print or write the company's features as JSON: names, types, units, owners, ages."""
    from features.company.home import places
    from features.company.registry import features_of

    text = features_of(places(company, home).demand_company()).schema.dump()
    if file is None:
        click.echo(text, nl=False)
    else:
        write_text(file, text)
        click.echo(f"wrote {file}")


@features.command()
@company_option
@home_option
def apply(company: Path | None, home: Path | None) -> None:
    """Register a company's Feast definitions: `feast apply`, whatever their files are called.

    Feast by itself, where Rumbo is installed, finds nothing in files named features.py, models.py, service.py or
    training.py, and says "No changes". Ends as Feast does.
    """
    from features.company import feast_apply
    from features.company.home import places

    repo = places(company, home).demand_company().feature_repo
    # -P: not even our folder `features` is on the path of that process.
    program = [sys.executable, "-P", feast_apply.__file__, str(repo)]
    raise SystemExit(subprocess.run(program, check=False).returncode)


@features.command()
@company_option
@home_option
@click.option("--customer", metavar="ID", help="Also read what the online store has of this customer.")
def check(company: Path | None, home: Path | None, customer: str | None) -> None:
    """Check that a company's Feast repository can be served from: entity, key, types, ages.

    Every fault is told by file, line and column, and ends it with 1; what is left out is a notice. Nothing is changed.
    """
    from features.company.home import places
    from features.company.one_row import row_of
    from features.company.registry import features_of
    from features.company.show import show_features, show_reading

    known = places(company, home).demand_company()
    found = features_of(known)
    show_features(known.document.customer.entity, found)
    if customer is not None:
        show_reading(customer, row_of(known, found, customer, datetime.now(UTC)))


def parse_instant(text: str) -> datetime:
    """Raises: InvalidInstant when `text` is not RFC 3339 with a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInstant(f"{text!r} is not an instant like 2026-11-22T09:00:00Z") from error
    if at.tzinfo is None:
        raise InvalidInstant(f"{text!r} has no zone; write 2026-11-22T09:00:00Z or +01:00")
    return at.astimezone(UTC)
