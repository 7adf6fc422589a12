"""`rumbo score`."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.options import cost_option, costs_from, eligible_option


@click.command()
@click.option(
    "--log", type=click.Path(path_type=Path), required=True, help="The rows: a Parquet or CSV file, a folder."
)
@click.option("--model", type=click.Path(path_type=Path), required=True, help="The bundle that `train --out` wrote.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The Parquet file to write."
)
@click.option(
    "--uplift-against", "against", metavar="JOURNEY", help="One that the model knows. Gains are differences of values."
)
@cost_option
@eligible_option
def score(
    log: Path,
    model: Path,
    out: Path,
    against: str | None,
    costs: tuple[dict[str, float], ...],
    eligible: str | None,
) -> None:
    """Score every row of a log by a model: what each journey is worth to it, and which one the policy takes.

    Writes `row` (from 0), `journey_id`, `value` (expected reward, net of cost) and `probability` (1 for the journey
    taken). No reward, journey or propensity is read. Costs given here replace the model's; its guard is taken anew.
    """
    from training.commands.failures import demand_places, refusing

    demand_places(out)
    with refusing():
        from training.score import bundle_in, score_log, write_scores

        bundle = bundle_in(model)
        scores = score_log(log, bundle, eligible, costs_from(costs), against)
        write_scores(out, scores, bundle.encoder)
    click.echo(f"wrote {out}: {scores.eligible.shape[0]:,} rows, {len(scores.journeys)} journeys", err=True)
