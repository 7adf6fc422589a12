"""Pictures of policies' values, and of what a model knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.evaluation import MODEL, Evaluation
from training.learn.guard import gains_over_constant
from training.learn.measures import unit_of
from training.learn.slices import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from models.bundle import Bundle
    from models.learnt import LearntPolicy
    from training.learn.measures import Judged
    from training.learn.slices import Slices

ESTIMATOR = "dr"
MOST = 24
MOST_SLICES = 60
BINS = 10
WEIGHT_BINS = 40
NORMAL = 1.96


def value_intervals(found: Evaluation) -> Figure:
    """The doubly robust value of each policy, best first, with its 95 % interval; the policy judged stands out."""
    known = [(name, each) for name, by in found.policies.items() if (each := by.get(ESTIMATOR)) is not None]
    ranked = sorted(known, key=lambda item: item[1].value)[-MOST:]
    figure = blank(8.0, 1.5 + 0.32 * len(ranked))
    axes = figure.subplots()
    for height, (name, estimate) in enumerate(ranked):
        error = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        colour = "tab:red" if name == MODEL else "tab:grey"
        axes.errorbar(estimate.value, height, xerr=error, marker="o", capsize=3, color=colour)
    axes.set_yticks(range(len(ranked)), [name for name, _ in ranked])
    axes.set(
        xlabel="value a decision (doubly robust, 95 %)",
        title=f"{found.decisions:,} decisions: {found.gain.replace('_', ' ')}",
    )
    axes.grid(axis="x", alpha=0.3)
    return figure


def shares(table: pd.DataFrame) -> Figure:
    """Of each line, the first on top, a bar for each column of shares."""
    figure = blank(8.0, 1.2 + 0.36 * len(table))
    axes = figure.subplots()
    thick = 0.8 / len(table.columns)
    for place, name in enumerate(table.columns):
        heights = np.arange(len(table)) + (place - (len(table.columns) - 1) / 2) * thick
        axes.barh(heights, 100.0 * table[name].to_numpy(), height=thick, label=str(name))
    axes.set_yticks(range(len(table)), [str(name) for name in table.index])
    axes.invert_yaxis()
    axes.set(xlabel="% of rows")
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    return figure


def weights(weight: NDArray[np.float64]) -> Figure:
    """How many rows weigh how much: 0 where the policy never shows what was shown, 1 where both are alike."""
    figure = blank(8.0, 3.0)
    axes = figure.subplots()
    axes.hist(weight, bins=WEIGHT_BINS, range=(0.0, max(float(weight.max()), 2.0)), color="tab:grey")
    axes.axvline(float(weight.mean()), color="tab:red", linestyle="--", label=f"mean {weight.mean():.3g}, should be 1")
    axes.set(xlabel="weight: probability by the policy ÷ propensity", ylabel="rows")
    axes.legend()
    return figure


def calibration(judged: Judged) -> Figure:
    """The mean reward against the one expected, in BINS groups of equally many rows, with 95 % intervals.

    Of a model of P(met) the share that was met against that.
    """
    told, came = judged.predicted, judged.observed
    names = ("mean expected reward", "mean reward") if judged.p_met is None else ("mean P(met)", "share met")
    figure = blank(6.0, 6.0)
    axes = figure.subplots()
    groups = [group for group in np.array_split(np.argsort(told, kind="stable"), BINS) if group.size]
    expected = np.array([told[group].mean() for group in groups])
    observed = np.array([came[group].mean() for group in groups])
    unit = unit_of(came)
    limits = np.array([interval(came[group], unit) for group in groups])
    lowest, highest = min(0.0, float(limits.min())), float(max(expected.max(), limits.max())) * 1.05
    axes.plot([lowest, highest], [lowest, highest], color="grey", linestyle="--", label="perfect")
    axes.errorbar(expected, observed, yerr=np.abs(limits.T - observed), marker="o", capsize=3, label="model")
    axes.set(xlabel=names[0], ylabel=names[1], title=f"{judged.reward.size:,} rows not seen")
    axes.legend()
    return figure


def by_slice(slices: Sequence[Slices]) -> Figure | None:
    """Observed ÷ expected of each level, with its 95 % interval; None where no slice has any."""
    told = [
        (f"{one.by}: {level.level} ({level.rows:,})", figures, one.role)
        for one in slices
        for level, figures in one.told
        if np.isfinite(figures.observed_to_expected)
    ][:MOST_SLICES]
    if not told:
        return None
    figure = blank(8.0, 1.5 + 0.28 * len(told))
    axes = figure.subplots()
    for height, (_, found, role) in enumerate(reversed(told)):
        ratio = found.observed_to_expected
        error = [[ratio - found.observed_to_expected_low], [found.observed_to_expected_high - ratio]]
        colour = "tab:red" if found.is_off else "tab:blue"
        shape = "s" if role is Role.SENSITIVE else "o"
        axes.errorbar(ratio, height, xerr=error, marker=shape, capsize=3, color=colour)
    axes.axvline(1.0, color="grey", linestyle="--")
    axes.set_yticks(range(len(told)), [name for name, _, _ in reversed(told)])
    axes.set(xlabel="observed ÷ expected (95 %); red: off beyond chance, square: sensitive", title="By slice (rows)")
    axes.grid(axis="x", alpha=0.3)
    return figure


def gains(policy: LearntPolicy) -> Figure:
    """What the policy, and each journey wherever it may be had, gains over the best constant, paired, with 95 %."""
    found = gains_over_constant(policy)
    figure = blank(8.0, 1.5 + 0.32 * len(found))
    axes = figure.subplots()
    for height, each in enumerate(found):
        colour = "tab:red" if each.name == MODEL else "tab:grey"
        axes.errorbar(each.gain, height, xerr=NORMAL * each.se, marker="o", capsize=3, color=colour)
    axes.axvline(0.0, color="grey", linestyle="--")
    axes.set_yticks(range(len(found)), [each.name for each in found])
    best = policy.guard.order[0]
    axes.set(xlabel="gain a row (doubly robust, paired, 95 %)", title=f"Over the best constant: {best}")
    axes.grid(axis="x", alpha=0.3)
    return figure


def importance(bundle: Bundle) -> Figure:
    """The columns that lowered the training loss most, by LightGBM's total gain."""
    import lightgbm

    booster = lightgbm.Booster(model_str=bundle.model_text)
    gain = np.asarray(booster.feature_importance(importance_type="gain"), dtype=np.float64)
    order = np.argsort(gain, kind="stable")[-MOST:]
    figure = blank(8.0, 1.5 + 0.24 * order.size)
    axes = figure.subplots()
    axes.barh([bundle.encoder.columns[i] for i in order], gain[order] / max(float(gain.sum()), np.finfo(float).tiny))
    axes.set(xlabel="share of total gain", title=f"Model {bundle.version}")
    return figure


def parts_of_a_score(table: pd.DataFrame, title: str, unit: str, most: int) -> Figure:
    """What each column added: the `most` that come first, then all others, then the base, which is the last row."""
    columns, base = table.iloc[:-1], float(table["part"].iloc[-1])
    first, others = columns.head(most), columns["part"].iloc[most:]
    names = [f"{name} = {value}" if value else str(name) for name, value in first["value"].items()]
    parts = [float(part) for part in first["part"]]
    if len(others):
        names, parts = [*names, f"{len(others)} others"], [*parts, float(others.sum())]
    names, parts = [*names, "where all begin"], [*parts, base]
    figure = blank(8.0, 1.4 + 0.3 * len(names))
    axes = figure.subplots()
    axes.barh(range(len(names)), parts, color=["tab:red" if part < 0.0 else "tab:green" for part in parts])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(0.0, color="grey", linewidth=0.8)
    axes.set(xlabel=f"added to the score ({unit}); sum {sum(parts):+.3f}", title=title)
    axes.grid(axis="x", alpha=0.3)
    return figure


def interval(rewards: NDArray[np.float64], unit: float | None) -> tuple[float, float]:
    """Of the mean of some rewards: Wilson's (1927) where all there are are 0 or `unit`, else normal."""
    n, z, mean = rewards.size, NORMAL, float(rewards.mean())
    if unit is None:
        half = z * float(rewards.std()) / np.sqrt(n)
        return float(mean - half), float(mean + half)
    rate = mean / unit
    centre = rate + z * z / (2 * n)
    half = z * np.sqrt(rate * (1.0 - rate) / n + z * z / (4 * n * n))
    scale = 1.0 + z * z / n
    low, high = max(float((centre - half) / scale), 0.0), min(float((centre + half) / scale), 1.0)
    return min(low * unit, high * unit), max(low * unit, high * unit)


def save(figure: Figure, path: Path) -> None:
    """Raises: CannotWrite."""
    from features.files import replacing

    with replacing(path) as draft:
        form = path.suffix.removeprefix(".") or "png"
        figure.savefig(draft, format=form, dpi=120, metadata={"Software": None} if form == "png" else None)


def blank(width: float, height: float) -> Figure:
    """A figure of its own, drawn by Agg: no display, no global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
