"""Latency against load: the median and the 99th percentile of each contender at what it was asked a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.speed.figures import Figures

INCHES, DPI = (9.0, 5.0), 120


def draw(curves: Mapping[str, Sequence[Figures]], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=INCHES)
    for name, curve in curves.items():
        rates = [point["asked_per_s"] for point in curve]
        (line,) = axes.plot(rates, [point["p50_ms"] for point in curve], marker="o", label=f"{name}, median")
        p99 = [point["p99_ms"] for point in curve]
        axes.plot(rates, p99, marker="o", linestyle="--", color=line.get_color(), label=f"{name}, 99th percentile")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("calls a second, at 25, 50, 70 and 90 % of what each can take")
    axes.set_ylabel("ms from when a call was due")
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=7, ncols=2, handlelength=4)
    figure.tight_layout()
    figure.savefig(file, dpi=DPI)
    pyplot.close(figure)
