"""Pictures of policies' values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from training.evaluation import MODEL, Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ESTIMATOR = "dr"
MOST = 24


def value_intervals(found: Evaluation) -> Figure:
    """The doubly robust value of each policy, best first, with its 95 % interval; the policy judged stands out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = [(name, each) for name, by in found.policies.items() if (each := by.get(ESTIMATOR)) is not None]
    ranked = sorted(known, key=lambda item: item[1].value)[-MOST:]
    figure = Figure(figsize=(8.0, 1.5 + 0.32 * len(ranked)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for height, (name, estimate) in enumerate(ranked):
        error = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        colour = "tab:red" if name == MODEL else "tab:grey"
        axes.errorbar(estimate.value, height, xerr=error, marker="o", capsize=3, color=colour)
    axes.set_yticks(range(len(ranked)), [name for name, _ in ranked])
    axes.set(xlabel="value a decision (doubly robust, 95 %)", title=f"{found.decisions:,} decisions: {found.gain}")
    axes.grid(axis="x", alpha=0.3)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Raises: CannotWrite."""
    from features.files import replacing

    with replacing(path) as draft:
        figure.savefig(draft, format=path.suffix.removeprefix(".") or "png", dpi=120)
