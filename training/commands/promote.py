"""`rumbo promote`."""

from __future__ import annotations

from pathlib import Path

import click

from features.cli import company_option, home_option


@click.command()
@click.argument("version")
@company_option
@home_option
@click.option("--force", is_flag=True, help="Without proof that it is better.")
def promote(version: str, company: Path | None, home: Path | None, force: bool) -> None:
    """Make a version of the registry the champion, which the service serves.

    Without --force it is refused: nothing proves yet that a version is better. The run says when it was promoted, and
    what it replaced.
    """
    from datetime import UTC, datetime

    from features.company.home import demand_home_of, places
    from features.company.known import known_features
    from models.registry import fetch
    from models.registry import promote as move
    from models.tracking import Registry
    from training.register import demand_fit

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    registry = Registry.of(known, where.home)
    bundle = fetch(registry, version)
    if not force:
        raise click.UsageError(f"nothing proves that version {version} is better: --force promotes it all the same")
    demand_fit(bundle, known_features(known, where.home).schema)
    replaced = move(registry, version, datetime.now(UTC))
    click.echo(f"version {version} of {registry.model} is champion, in place of {replaced or 'none'}")
