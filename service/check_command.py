"""`rumbo catalogue check DIR`: what is wrong with a catalogue, for people and for CI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.options import chosen

if TYPE_CHECKING:
    from service.catalogue.check import Finding
    from service.state.port import Standing

_folder = click.Path(exists=True, file_okay=False, path_type=Path)


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | date:
    """A day of the catalogue's zone, or a time with its own. Default: now."""
    from service.catalogue.forms import parse_moment

    try:
        return datetime.now(UTC) if value is None else parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("folder", metavar="DIR", type=_folder)
@click.option("--against", type=_folder, metavar="OLD_DIR", help="An older catalogue: find ids that changed meaning.")
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
    folder: Path, against: Path | None, now: datetime | date, home: Path | None, as_json: bool, strict: bool
) -> None:
    """Tell everything that is wrong with the catalogue in DIR; exit status 1 if there is an error."""
    from features.schema import FeatureSchema
    from service.catalogue.check import check as findings_of
    from service.catalogue.check import in_folder
    from service.catalogue.problems import Severity

    standing = [] if home is None else _standing(home)
    findings = in_folder(findings_of(folder, FeatureSchema.load(), now, against, standing), folder)
    if as_json:
        click.echo(json.dumps([finding.fields() for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(_summary(findings))
    if any(strict or finding.severity is Severity.ERROR for finding in findings):
        raise click.exceptions.Exit(1)


def _standing(home: Path) -> list[Standing]:
    """Raises: StateUnavailable, if there is no store too."""
    import asyncio

    from service.bootstrap import state_store

    async def read() -> list[Standing]:
        async with state_store(chosen({"home": home})) as state:
            return await state.standing()

    return asyncio.run(read())


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity.lower() for finding in findings)
    told = (_counted(counts[name], name) for name in ("error", "warning", "notice"))
    return ", ".join(told)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
