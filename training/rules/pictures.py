"""Pictures of what rules cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from training.pictures import blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST: Final = 15
DARK: Final = 0.6
"""Of the largest cell: from there on numbers are white."""


def denials(funnel: pd.DataFrame) -> Figure:
    """What each rule denies, alone and with others, and beside it what is left after one rule after another."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    figure = blank(11.0, 1.4 + 0.34 * len(funnel))
    bars, steps = figure.subplots(1, 2, sharey=True)
    heights = np.arange(len(funnel))
    alone = funnel["alone"].to_numpy()
    bars.barh(heights, alone, color="tab:red", label="alone")
    bars.barh(heights, funnel["denied"].to_numpy() - alone, left=alone, color="tab:grey", label="with other rules")
    bars.set(xlabel="candidates denied")
    bars.set_yticks(heights, [str(rule) for rule in funnel.index])
    bars.invert_yaxis()
    bars.legend()
    left, first = funnel["left"].to_numpy(), funnel["first"].to_numpy()
    steps.barh(heights, left, color="tab:green", label="left")
    steps.barh(heights, first, left=left, color="tab:orange", alpha=0.6, label="denied here first")
    steps.set(xlabel="candidates, rule after rule")
    steps.legend(loc="lower right")
    for axes in (bars, steps):
        axes.grid(axis="x", alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return figure


def grid(square: pd.DataFrame, title: str) -> Figure:
    """A number in each cell, the darker the larger."""
    names, cells = [str(name) for name in square.index], square.to_numpy(np.float64)
    side = 2.2 + 0.5 * len(names)
    figure = blank(side + 1.0, side)
    axes = figure.subplots()
    most = max(float(cells.max(initial=0.0)), 1.0)
    axes.imshow(cells, cmap="Blues", vmin=0.0, vmax=most)
    for (row, column), count in np.ndenumerate(cells):
        colour = "white" if count > DARK * most else "black"
        axes.text(column, row, f"{count:,.0f}" if count else "", ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title)
    return figure


def values_withheld(withheld: pd.DataFrame) -> Figure:
    """The bounds of what each rule that limits withholds, the largest on top."""
    table = withheld[withheld["limits"]]
    figure = blank(8.0, 1.6 + 0.42 * max(len(table), 1))
    axes = figure.subplots()
    heights = np.arange(len(table))
    axes.barh(heights, table["value"].to_numpy(), color="tab:grey", alpha=0.5, label="all that it alone denied")
    axes.barh(heights, table["best"].to_numpy(), height=0.45, color="tab:red", label="the best of each decision")
    axes.set_yticks(heights, [str(rule) for rule in table.index])
    axes.invert_yaxis()
    axes.set(xlabel="expected value withheld, at most (company's unit of value)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def rates(results: pd.DataFrame) -> Figure:
    """How often the objective is met, by journey and stage, the highest on top, with 95 % intervals."""
    known = results[results["known"] > 0].sort_values("rate", ascending=False, kind="stable")
    figure = blank(8.0, 1.4 + 0.32 * max(len(known), 1))
    axes = figure.subplots()
    rate, heights = 100.0 * known["rate"].to_numpy(), np.arange(len(known))
    error = np.abs(100.0 * known[["low", "high"]].to_numpy().T - rate)
    axes.errorbar(rate, heights, xerr=error, fmt="o", capsize=3, color="tab:blue")
    labels = [
        f"{journey} · {stage} ({count:,})"
        for (journey, stage), count in zip(known.index.tolist(), known["known"], strict=True)
    ]
    axes.set_yticks(heights, labels)
    axes.invert_yaxis()
    axes.set(xlabel="% of presented contacts whose objective was met (95 %)", xlim=(-1.0, None))
    axes.grid(axis="x", alpha=0.3)
    return figure
