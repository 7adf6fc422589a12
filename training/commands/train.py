"""`rumbo train`. Heavy libraries are imported when the command runs, so that `rumbo --help` is quick."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from features.cli import company_option, home_option
from training.commands.options import against_option, column_options, columns_from, cost_option, costs_from, log_option


class Moment(click.ParamType[datetime]):
    """A day, or a time in it; in UTC unless it says otherwise."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-11-22", param, ctx)


@click.command()
@company_option
@home_option
@log_option
@column_options
@cost_option
@against_option
@click.option("--test-from", type=Moment(), help="Hold out what was decided from then on, and measure there.")
@click.option("--folds", type=click.IntRange(2, 50), help="Parts that are kept apart. [default: 5]")
@click.option("--baseline", "baselines", multiple=True, help="Measured beside it: rate:FEATURE. Repeatable.")
@click.option("--no-guard", is_flag=True, help="Leave the best constant without proof.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seed, equal model.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder to write the bundle to.")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, show_default=True, help="Models to fit and average.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def train(company: Path | None, home: Path | None, log: Path | None, seeds: int, as_json: bool, **asked: Any) -> None:
    """Learn from a log of decisions what each journey is worth to whom.

    With --log and --out neither company nor home is needed. The policy leaves the best constant only where a gain is
    proven on rows that no model had seen.
    """
    if log is None:
        from training.cli import train_company

        train_company(company, home, seeds, as_json)
        return
    out = asked.pop("out")
    if out is None:
        raise click.UsageError("say with --out where the bundle goes")
    _train_log(log, out, as_json, asked)


def _train_log(log: Path, out: Path, as_json: bool, asked: dict[str, Any]) -> None:
    from training.commands.failures import refusing

    if asked["test_from"] is not None and asked["folds"] is not None:
        raise click.UsageError("say one of --test-from and --folds")
    with refusing():
        from training.commands.progress import announcing
        from training.from_log import Order, instant, train_from_log

        order = Order(
            log=log,
            columns=columns_from(asked),
            costs=costs_from(asked["costs"]) or {},
            against=asked["against"],
            guarded=not asked["no_guard"],
            folds=asked["folds"] or 5,
            seed=asked["seed"],
            test_from=None if asked["test_from"] is None else instant(asked["test_from"]),
            baselines=asked["baselines"],
        )
        with announcing(7) as announce:
            trained = train_from_log(order, announce)
            trained.bundle.save(out)
    if as_json:
        click.echo(json.dumps(trained.document(), indent=1, sort_keys=True))
    else:
        from training.commands.tables import print_trained

        print_trained(trained, out)
