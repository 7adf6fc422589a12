"""Simulations of several seeds as the guide tells them:

    python -m training.simulate.seeds loops.json --plot loops.png

`loops.json` is a list of what `rumbo simulate --json` prints; the proof of the loop leaves one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from pydantic import TypeAdapter

from training.simulate.figures import Figures
from training.simulate.tables import NAMES


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and the ends of its 95 % interval by Student's t; of one value alone they are that value."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    mean, count = float(np.mean(values)), len(values)
    half = float(stdtrit(count - 1, 0.975)) * float(np.std(values, ddof=1)) / count**0.5 if count > 1 else 0.0
    return mean, mean - half, mean + half


def table(runs: Sequence[Figures]) -> str:
    """In Markdown: of every policy the mean over seeds, its interval, and the seeds with the least and the most."""
    rows = [("the loop", [run.of_oracle.value for run in runs])]
    rows.append(("the loop, all arms", [run.of_oracle_all_arms.value for run in runs]))
    others = [name for name in runs[0].policies if name != "oracle"]
    rows.extend((NAMES[name], [run.policies[name].of_oracle.value for run in runs]) for name in others)
    lines = ["| of the oracle's value | mean | 95 % interval of the mean | least | most |", "|---|---|---|---|---|"]
    for name, values in sorted(rows, key=lambda row: -float(np.mean(row[1]))):
        mean, low, high = over_seeds(values)
        told = f"{mean:.1%} | {low:.1%} to {high:.1%} | {min(values):.1%} | {max(values):.1%}"
        lines.append(f"| {name} | {told} |")
    return "\n".join([*lines, "", *_sentences(runs)])


def _sentences(runs: Sequence[Figures]) -> Iterator[str]:
    def each(of: Callable[[Figures], float]) -> float:
        return float(np.mean([of(run) for run in runs]))

    first, decisions = runs[0], sum(run.decisions for run in runs)
    yield f"Seeds: {len(runs)}, of {first.customers:,} customers and {first.days} days; {decisions:,} decisions."
    yield (
        f"A seed has {each(lambda run: run.promoted):.1f} promotions and {each(lambda run: run.held_back):.1f} rulings"
        f" that held back, {each(lambda run: run.held_back_wrongly):.1f} of them a challenger that was truly better:"
        f" {each(lambda run: run.cost_of_holding_back):.1%} of the value."
    )
    shown, forbidden = sum(run.shown for run in runs), sum(len(run.forbidden) for run in runs)
    yield f"Forbidden among {shown:,} journeys shown in all worlds: {forbidden}."


@click.command()
@click.argument("loops", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it (.png, .svg, .pdf).")
def main(loops: Path, plot: Path | None) -> None:
    """Print the table of LOOPS in Markdown, and draw it."""
    runs = TypeAdapter(list[Figures]).validate_json(loops.read_bytes())
    if plot is not None:
        from training.pictures import save
        from training.simulate.pictures import simulation_picture

        save(simulation_picture(runs), plot)
    click.echo(table(runs))


if __name__ == "__main__":
    main()
