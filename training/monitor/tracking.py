"""A look of the monitor as a run of MLflow, in an experiment of its own: figures by week, the picture, all as JSON."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.files import writing
from models.tracking import Registry, client_of, writing_to
from training.monitor.pictures import monitoring_picture
from training.monitor.report import Monitoring
from training.pictures import save

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

SUFFIX: Final = "-monitor"
"""Behind the name of the experiment of training."""
AT_ONCE: Final = 1000
"""What MLflow takes in a batch."""
PICTURE, REPORT = "monitor.png", "monitor.json"
_STRANGE: Final = re.compile(r"[^\w\-. :/]")


def track(registry: Registry, found: Monitoring) -> str:
    """Returns: the run's id. Raises: RegistryUnusable, CannotWrite."""
    registry.folder.mkdir(parents=True, exist_ok=True)
    with writing_to(registry), client_of(registry) as client, tempfile.TemporaryDirectory() as scratch:
        run_id = str(client.create_run(_experiment(client, registry)).info.run_id)
        try:
            _log(client, run_id, found, Path(scratch))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return run_id


def _log(client: MlflowClient, run_id: str, found: Monitoring, scratch: Path) -> None:
    client.log_param(run_id, "log", found.log)
    client.log_param(run_id, "expected_by", found.expected_by or "")
    metrics = [*_metrics(found)]
    for begin in range(0, len(metrics), AT_ONCE):
        client.log_batch(run_id, metrics=metrics[begin : begin + AT_ONCE])
    with writing(scratch):
        (scratch / REPORT).write_text(found.model_dump_json(indent=1), encoding="utf-8")
        save(monitoring_picture(found), scratch / PICTURE)
    client.log_artifacts(run_id, str(scratch))


def _metrics(found: Monitoring) -> Iterator[Metric]:
    """A step is a week of the log, counted from its first."""
    begin = found.mix[0].week
    yield _metric("alarms", len(found.alarms), found.last_decided, begin)
    for week in found.weeks:
        if week.ratio is not None:
            yield _metric(f"ratio.{week.kind}", week.ratio, week.week, begin)
        if week.calibration_error is not None:
            yield _metric(f"calibration_error.{week.kind}", week.calibration_error, week.week, begin)
    for feature in found.features:
        for name, value in (("psi", feature.shift.psi), ("missing", feature.missing), ("stale", feature.stale)):
            yield _metric(f"{name}.{feature.feature}", value, feature.begins, begin)
    for mix in found.mix_shifts:
        yield _metric("psi_of_mix", mix.shift.psi, mix.begins, begin)


def _metric(name: str, value: float, day: date, begin: date) -> Metric:
    from mlflow.entities import Metric

    at = datetime.combine(day, time(), UTC)
    return Metric(_STRANGE.sub("_", name), value, int(at.timestamp() * 1000), (day - begin).days // 7)


def _experiment(client: MlflowClient, registry: Registry) -> str:
    name = registry.experiment + SUFFIX
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    artifacts = None if registry.has_own_artifacts else (registry.folder / "artifacts-of-monitor").as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))
