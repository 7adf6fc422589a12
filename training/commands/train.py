"""`rumbo train`. Heavy libraries are imported when the command runs, so that `rumbo --help` is quick."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.cli import company_option, home_option
from training.commands.options import (
    Moment,
    against_option,
    column_options,
    columns_from,
    cost_option,
    costs_from,
    log_option,
)

if TYPE_CHECKING:
    from features.company.company import Company
    from training.from_log import Order, Trained

FOLDS = 5


@click.command()
@company_option
@home_option
@log_option
@column_options
@cost_option
@against_option
@click.option("--test-from", type=Moment(), help="Hold out what was decided from then on, and measure there.")
@click.option("--folds", type=click.IntRange(2, 50), help=f"Parts that are kept apart. [default: {FOLDS}]")
@click.option(
    "--baseline", "baselines", multiple=True, help="Measured beside it: rate:FEATURE, rate:ATTRIBUTE. Repeatable."
)
@click.option("--slice", "slices", multiple=True, metavar="COLUMN", help="Figures by its values, too. Repeatable.")
@click.option("--no-guard", is_flag=True, help="Leave the best constant without proof.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seed, equal model.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder to write the bundle to.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def train(company: Path | None, home: Path | None, log: Path | None, as_json: bool, **asked: Any) -> None:
    """Learn from a log of decisions what each journey is worth to whom.

    Without --log: from the company's own export, brought up to date. Without --out the model is registered in MLflow as
    challenger; the first of all becomes champion. With --log and --out neither company nor home is needed. What
    `training:` of rumbo.yaml says holds where no option says otherwise. The policy leaves the best constant only where
    a gain is proven on rows that no model had seen.
    """
    if asked["test_from"] is not None and asked["folds"] is not None:
        raise click.UsageError("say one of --test-from and --folds")
    out = asked.pop("out")
    if out is not None:
        from training.commands.failures import demand_places

        demand_places(out / "manifest.json")
    if company is None and log is not None and out is not None:
        _tell(_learnt(_order(log, asked), out), f"Wrote {out}", as_json)
        return
    from features.company.home import demand_home_of, places

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    _train_for(known, where.home, log, out, asked, as_json)


def _train_for(
    company: Company, home: Path, log: Path | None, out: Path | None, asked: dict[str, Any], as_json: bool
) -> None:
    """By the company's features and settings; into its registry, unless a folder is named."""
    from features.company.home import make_home_of
    from models.tracking import Registry
    from training.company import CompanyModels
    from training.register import KeptBundles, register

    models, registry = CompanyModels.of(company, home), Registry.of(company, home)
    if log is None:
        from training.export import own_export

        log = own_export(company.folder, home)
    order = replace(_order(log, _said(company, asked)), company=models, bundle_of=KeptBundles(registry).get)
    if out is None:
        from features.files import demand_writable_at

        demand_writable_at(home)
    trained = _learnt(order, out)
    if out is not None:
        _tell(trained, f"Wrote {out}", as_json)
        return
    home.mkdir(parents=True, exist_ok=True)
    make_home_of(company, home)
    published = register(registry, order, trained, models.schema, datetime.now(UTC))
    number = published.registry_version
    challenger = "challenger (`rumbo promote` makes it champion once it is proven better)"
    role = "champion, the first of all" if published.is_champion else challenger
    kept = f"Registered as version {number} of {registry.model}, {role}"
    _tell(trained, kept, as_json, registered=asdict(published))


def _said(company: Company, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, and where it says nothing of it what rumbo.yaml says."""
    said = company.document.training
    held_out = None if asked["folds"] is not None else said.test_from  # --folds: measured on all of them
    return {
        **asked,
        "test_from": asked["test_from"] or held_out,
        "folds": asked["folds"] or said.folds,
        "baselines": asked["baselines"] or said.baselines,
        "slices": asked["slices"] or said.slices,
    }


def _order(log: Path, asked: dict[str, Any]) -> Order:
    from training.from_log import Order, instant

    return Order(
        log=log,
        columns=columns_from(asked),
        costs=costs_from(asked["costs"]) or {},
        against=asked["against"],
        guarded=not asked["no_guard"],
        folds=asked["folds"] or FOLDS,
        seed=asked["seed"],
        test_from=None if asked["test_from"] is None else instant(asked["test_from"]),
        baselines=asked["baselines"],
        slices=asked["slices"],
    )


def _learnt(order: Order, out: Path | None) -> Trained:
    """Also written to a folder, with its card, if one is named."""
    from training.commands.failures import refusing

    with refusing():
        from features.files import write_text, writing
        from training.card import CARD, card_of
        from training.commands.progress import announcing
        from training.from_log import train_from_log

        with announcing(7) as announce:
            trained = train_from_log(order, announce)
            if out is not None:
                with writing(out):
                    trained.bundle.save(out)
                write_text(out / CARD, card_of(trained))
    return trained


def _tell(trained: Trained, kept: str, as_json: bool, registered: dict[str, Any] | None = None) -> None:
    if as_json:
        click.echo(json.dumps({**trained.document(), "registered": registered}, indent=1, sort_keys=True))
        return
    from training.commands.tables import print_trained

    print_trained(trained, kept)
