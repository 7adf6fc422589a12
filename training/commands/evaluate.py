"""`rumbo evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from training.commands.options import PictureFile, column_options, columns_from, cost_option, costs_from

if TYPE_CHECKING:
    from training.evaluation import Evaluation


def _schema(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    """Prints the JSON Schema of `--json`, and ends."""
    if is_asked and not ctx.resilient_parsing:
        from training.evaluation import Evaluation

        click.echo(json.dumps(Evaluation.model_json_schema(), indent=1))
        ctx.exit()


@click.command()
@click.option("--log", type=click.Path(path_type=Path), required=True, help="A Parquet or CSV file, a folder of them.")
@click.option("--model", type=click.Path(path_type=Path), help="The bundle whose policy is judged, or…")
@click.option("--policy", type=click.Path(path_type=Path), help="…the table that says it, as `rumbo score` writes it.")
@click.option(
    "--against",
    default="logging",
    show_default=True,
    metavar="logging|uniform|constant:JOURNEY|BUNDLE|FILE",
    help="What it is compared with.",
)
@click.option("--slot", type=click.IntRange(min=1), help="Judge this slot alone, given those before it.")
@column_options
@cost_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the reward model.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON alone.")
@click.option("--plot", type=PictureFile(), help="Draw the intervals (.png, .svg, .pdf).")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_schema, help="Print its schema.")
def evaluate(
    log: Path,
    model: Path | None,
    policy: Path | None,
    against: str,
    slot: int | None,
    costs: tuple[dict[str, float], ...],
    seed: int,
    as_json: bool,
    plot: Path | None,
    **columns: Any,
) -> None:
    """Judge a policy by a log of randomised decisions: its value, its gain, and whether that is proven.

    Values are of the policy, of the one that wrote the log, of a uniform one and of each journey for everyone, by every
    estimator, with 95 % intervals; rewards are as logged, less what `--cost` says. A log that is thin proves no gain.
    """
    from training.commands.failures import demand_places, refusing

    if (model is None) == (policy is None):
        raise click.UsageError("say one of --model and --policy")
    judged = model or policy
    assert judged is not None
    demand_places(plot)
    with refusing():
        from training.commands.progress import announcing
        from training.evaluation import Question, evaluate_log

        question = Question(
            log=log,
            policy=judged,
            columns=columns_from(columns),
            against=against,
            slot=slot,
            costs=costs_from(costs),
            seed=seed,
        )
        with announcing(4) as announce:
            found = evaluate_log(question, announce)
        if plot is not None:
            from training.pictures import save, value_intervals

            save(value_intervals(found), plot)
    _print(found, as_json)


def _print(found: Evaluation, as_json: bool) -> None:
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from training.commands.tables import print_evaluation

    print_evaluation(found)
