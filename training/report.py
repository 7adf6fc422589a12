"""What a training run leaves for people: two pictures, the metrics, the data it saw, the packages it ran with."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.files import write_text
from models.calibration import Vector
from models.registry import PublishedModel
from training.evaluate import mean_of, spread_of
from training.experiment import Experiment, SeedResult
from training.history import CampaignHistory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PACKAGES = ("lightgbm", "numpy", "pandas", "pyarrow", "feast", "duckdb", "mlflow", "matplotlib")
BINS = 10
SHOWN_FEATURES = 25


def write_files(folder: Path, experiment: Experiment, history: CampaignHistory, company: Path) -> None:
    """Everything that is logged beside the bundle: calibration.png, importance.png, data.json, environment.json.

    `company`: the folder that was prepared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    champion = experiment.champion
    _save(calibration_curve(experiment.test_label, champion), folder / "calibration.png")
    _save(importance(champion), folder / "importance.png")
    source = json.loads((company / "dataset.json").read_text(encoding="utf-8"))
    _write(folder / "data.json", {"sha256": history.fingerprint, "pairs": pair_counts(experiment), "dataset": source})
    _write(folder / "environment.json", environment())


def write_metrics(path: Path, experiment: Experiment, published: PublishedModel) -> dict[str, object]:
    """HOME/training/metrics.json, for the demo and the guides; returns what it wrote."""
    document = {**summary(experiment), "run_id": published.run_id, "registry_version": published.registry_version}
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, document)
    return document


def summary(experiment: Experiment) -> dict[str, object]:
    """The measured figures: means over seeds and each baseline under `metrics`, the rest around them."""
    champion = experiment.champion
    by_seed = [result.metrics for result in experiment.results]
    return {
        "model_version": champion.bundle.version,
        "objective": champion.bundle.objective,
        "seeds": [result.seed for result in experiment.results],
        "metrics": {
            "model": mean_of(by_seed).as_dict(),
            **{name: metrics.as_dict() for name, metrics in experiment.baselines.items()},
        },
        "spread": dict(spread_of(by_seed)),
        "by_seed": [metrics.as_dict() for metrics in by_seed],
        "uncalibrated": mean_of([result.uncalibrated for result in experiment.results]).as_dict(),
        "calibration": {
            **champion.bundle.calibration.to_json(),
            "walk_forward_log_loss": {
                kind.value: loss for kind, loss in champion.fitted.choice.forward_log_loss.items()
            },
        },
        "pairs": pair_counts(experiment),
    }


def pair_counts(experiment: Experiment) -> dict[str, int]:
    parts = experiment.split
    return {
        "training": len(parts.training),
        "training_redeemed": sum(pair.is_redeemed for pair in parts.training),
        "training_households": len({pair.customer_id for pair in parts.training}),
        "test": len(parts.test),
        "test_redeemed": sum(pair.is_redeemed for pair in parts.test),
        "test_households": len({pair.customer_id for pair in parts.test}),
        "left_out": parts.left_out,
        "censored": parts.censored,
    }


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that decide the result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def calibration_curve(label: Vector, result: SeedResult) -> Figure:
    """Observed rate against mean prediction, in BINS groups of equally many test pairs, with 95 % Wilson intervals."""
    figure = _figure(6.0, 6.0)
    axes = figure.subplots()
    groups = np.array_split(np.argsort(result.p, kind="stable"), BINS)
    predicted = np.array([result.p[group].mean() for group in groups])
    observed = np.array([label[group].mean() for group in groups])
    interval = np.array([wilson(float(label[group].sum()), group.size) for group in groups])
    error = np.abs(interval.T - observed)
    limit = float(max(predicted.max(), interval.max())) * 1.05
    axes.plot([0.0, limit], [0.0, limit], color="grey", linestyle="--", label="perfect")
    axes.errorbar(predicted, observed, yerr=error, marker="o", capsize=3, label=f"model, seed {result.seed}")
    axes.set(xlabel="mean predicted probability", ylabel="observed rate", title="Calibration on the test period")
    axes.legend()
    return figure


def importance(result: SeedResult) -> Figure:
    """The features that lowered the training loss most, by LightGBM's total gain."""
    gain = result.fitted.booster.feature_importance(importance_type="gain")
    order = np.argsort(gain)[-SHOWN_FEATURES:]
    names = [result.bundle.encoder.columns[i] for i in order]
    figure = _figure(8.0, 7.0)
    axes = figure.subplots()
    axes.barh(names, gain[order] / gain.sum())
    axes.set(xlabel="share of total gain", title=f"Feature importance, seed {result.seed}")
    return figure


def wilson(positives: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a rate, within [0, 1]. Source: Wilson (1927)."""
    rate = positives / n
    centre = rate + z * z / (2 * n)
    half = z * np.sqrt(rate * (1.0 - rate) / n + z * z / (4 * n * n))
    scale = 1.0 + z * z / n
    return max(float((centre - half) / scale), 0.0), min(float((centre + half) / scale), 1.0)


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, drawn by Agg: no display, no global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _write(path: Path, document: Mapping[str, object]) -> None:
    write_text(path, json.dumps(document, indent=1, sort_keys=True) + "\n")
