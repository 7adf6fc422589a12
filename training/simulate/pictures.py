"""The picture of a simulation: true value by week against the oracle, and when what was promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from training.simulate.figures import Figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEEK: Final = 7
COLOURS: Final = {
    "loop": "tab:blue",
    "oracle": "black",
    "plain": "tab:orange",
    "popularity": "tab:green",
    "random": "tab:red",
    "first_day": "tab:purple",
}


def simulation_picture(runs: list[Figures]) -> Figure:
    """Value a decision over the oracle's, a line a policy; of several runs the mean, in a band of two errors of it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name in ("loop", *(policy for policy in runs[0].policies if policy != "oracle")):
        _line(axes, runs, name)
    axes.axhline(1.0, color=COLOURS["oracle"], linewidth=1.0, label="oracle")
    axes.axhline(0.9, color="grey", linestyle=":", linewidth=1.0)
    if len(runs) == 1:
        _rulings(axes, runs[0])
    axes.set(xlabel="day", ylabel="true value, over the oracle's (7 days)", title=_title(runs))
    figure.legend(loc="outside lower center", ncols=8, fontsize=7, frameon=False)
    axes.grid(alpha=0.3)
    return figure


def _line(axes: Axes, runs: list[Figures], name: str) -> None:
    every = np.array([_smooth(run, name) for run in runs])
    middle = every.mean(axis=0)
    days = np.arange(WEEK, WEEK + middle.size)
    axes.plot(days, middle, color=COLOURS[name], label=name.replace("_", " "), linewidth=2.0 if name == "loop" else 1.2)
    if len(runs) > 1:
        half = 2.0 * every.std(axis=0, ddof=1) / np.sqrt(len(runs))
        axes.fill_between(days, middle - half, middle + half, color=COLOURS[name], alpha=0.2, linewidth=0)


def _smooth(run: Figures, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(days - 6,) the mean of seven days over that of the oracle."""
    own, best = (_sums([value or 0.0 for value in run.by_day[one]]) for one in (name, "oracle"))
    return np.asarray(own / np.where(best > 0.0, best, np.nan))


def _sums(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.convolve(np.asarray(values, dtype=np.float64), np.ones(WEEK), mode="valid")


def _rulings(axes: Axes, run: Figures) -> None:
    """A tick for each night on which the gate ruled: up where it promoted."""
    for marker, said in (("^", ("first", "promoted")), ("x", ("held back", "refused"))):
        days = [gate.day for gate in run.gate if gate.ruling in said]
        axes.plot(days, [0.5] * len(days), marker, color="tab:blue", markersize=7, label=" or ".join(said))


def _title(runs: list[Figures]) -> str:
    first = runs[0]
    many = f", {len(runs)} seeds" if len(runs) > 1 else ""
    return f"{first.customers:,} customers, {first.days} days{many}"
