"""The figures of a simulation for people."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.simulate.figures import Figures, GateFigures, Interval

NAMES = {
    "oracle": "the oracle",
    "plain": "a plain model, refitted weekly",
    "popularity": "popularity",
    "first_day": "the catalogue's priors, as on the first day",
    "random": "random",
}
MOST_TOLD = 10


def print_figures(found: Figures, folder: Path) -> None:
    """On standard output."""
    console = Console(highlight=False, soft_wrap=True)
    played = f"{found.customers:,} customers, {found.days} days, seed {found.seed}"
    console.print(f"{played}: {found.decisions:,} decisions of the loop.")
    console.print(f"True value a decision in the last {found.last_days} days, the champion arm's customers:")
    console.print(_policies(found))
    console.print(f"Over all arms the loop comes to {_percent(found.of_oracle_all_arms)} of the oracle.")
    console.print(_gate(found))
    console.print(
        f"The gate promoted {found.promoted} and held back {found.held_back} challengers, of which"
        f" {found.held_back_wrongly} were truly better: that cost {found.cost_of_holding_back:.1%} of the value."
    )
    if found.new_journey is not None:
        new = found.new_journey
        of = "" if new.share_of_oracle is None else f", {new.share_of_oracle:.0%} of the oracle's share"
        console.print(f"The new journey was shown in {new.share:.1%} of {new.allowed:,} decisions that allowed it{of}.")
    console.print(f"Forbidden among {found.shown:,} journeys shown: {len(found.forbidden)}")
    for violation in found.forbidden[:MOST_TOLD]:
        console.print(f"  {violation}")
    database = folder / "home" / "mlflow" / "mlflow.db"
    console.print(f"All of it: mlflow ui --backend-store-uri {shlex.quote(f'sqlite:///{database}')}")


def _policies(found: Figures) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("policy")
    for name in ("value", "of the oracle", "the loop minus it"):
        table.add_column(name, justify="right")
    loop = found.policies["oracle"].value * found.of_oracle.value
    table.add_row("the loop", f"{loop:.3f}", _percent(found.of_oracle), "")
    for policy, figures in found.policies.items():
        less = figures.loop_minus_it
        of_oracle = "" if policy == "oracle" else _percent(figures.of_oracle)
        table.add_row(
            NAMES[policy], f"{figures.value:.3f}", of_oracle, f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f})"
        )
    return table


def _gate(found: Figures) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("night", "version", "gate", "by the log", "in truth", "why"):
        table.add_column(name, justify="left" if name in ("gate", "why") else "right")
    for gate in found.gate:
        true = "" if gate.true_gain is None else f"{gate.true_gain:+.3f}"
        table.add_row(str(gate.day), gate.version, gate.ruling, _by_log(gate), true, gate.why)
    return table


def _by_log(gate: GateFigures) -> str:
    """Of few decisions an end of the interval is not known."""
    if gate.difference is None:
        return ""
    low, high = ("?" if end is None else f"{end:+.3f}" for end in (gate.low, gate.high))
    return f"{gate.difference:+.3f} ({low} to {high})"


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"
