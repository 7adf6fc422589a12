"""`rumbo train` without its command line: read, split, fit, measure, publish."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from features.company.company import Company
from features.company.registry import features_of
from features.files import demand_writable, writing
from models.registry import PublishedModel, RunRecord, publish
from models.tracking import Registry
from training.evaluate import mean_of, spread_of
from training.experiment import Announce, Experiment, run
from training.fit import PARAMETERS, ROUNDS
from training.history import CampaignHistory, read_history
from training.report import pair_counts, write_files, write_metrics
from training.split import split

METRICS_FILE = Path("training") / "metrics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """The result of `rumbo train`; `document` is the content of metrics.json."""

    experiment: Experiment
    published: PublishedModel
    document: dict[str, object]


def train_home(company: Company, home: Path, seeds: int, announce: Announce) -> TrainingResult:
    """Trains on a prepared company, publishes the first seed's model as champion and writes metrics.json.

    Raises: CompanyInvalid; HomeNotPrepared; TooFewExamples; HomeMoved; BundleCorrupt, TrialUnfinished; CannotWrite.
    """
    announce("point-in-time join")
    known = features_of(company)
    if home.is_dir():
        demand_writable(home)
    history = read_history(company.folder, known.schema)
    experiment = run(split(history), known.schema, known.model, range(seeds), announce)
    announce("MLflow run")
    with tempfile.TemporaryDirectory() as scratch:
        with writing(Path(scratch)):
            write_files(Path(scratch), experiment, history, company.folder)
        record = _record(experiment, history, Path(scratch))
        published = publish(Registry.of(company, home), record, datetime.now(UTC), is_promoted=True)
    return TrainingResult(
        experiment=experiment,
        published=published,
        document=write_metrics(home / METRICS_FILE, experiment, published),
    )


def _record(experiment: Experiment, history: CampaignHistory, files: Path) -> RunRecord:
    by_seed = [result.metrics for result in experiment.results]
    compared = {"model": mean_of(by_seed), **experiment.baselines}
    means = {f"{name}.{metric}": value for name, m in compared.items() for metric, value in m.as_dict().items()}
    return RunRecord(
        parameters=_parameters(experiment, history),
        metrics={**means, **{f"model.{name}_std": value for name, value in spread_of(by_seed).items()}},
        metrics_by_seed={name: [m.as_dict()[name] for m in by_seed] for name in by_seed[0].as_dict()},
        tags={"data_sha256": history.fingerprint, "bundle_version": experiment.champion.bundle.version},
        files=files,
        bundle=experiment.champion.bundle,
    )


def _parameters(experiment: Experiment, history: CampaignHistory) -> dict[str, str | int | float]:
    return {
        **PARAMETERS,
        "rounds": ROUNDS,
        "seeds": len(experiment.results),
        "calibration": experiment.champion.bundle.calibration.kind.value,
        "columns": len(experiment.champion.bundle.encoder.columns),
        "shift_weeks": history.dataset.shift_weeks,
        **{f"pairs_{name}": count for name, count in pair_counts(experiment).items()},
    }
