"""A look of the monitor as a run of MLflow, in an experiment of its own: figures by week, the picture, all as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

from models.tracking import Registry
from training.monitor.pictures import monitoring_picture
from training.monitor.report import Monitoring
from training.side_run import side_run

if TYPE_CHECKING:
    from mlflow.entities import Metric

_STRANGE: Final = re.compile(r"[^\w\-. :/]")


def track(registry: Registry, found: Monitoring) -> str:
    """Returns: the run's id. Raises: RegistryUnusable, CannotWrite."""
    with side_run(registry, "monitor") as run:
        run.client.log_param(run.run_id, "log", found.log)
        run.client.log_param(run.run_id, "expected_by", found.expected_by or "")
        run.metrics([*_metrics(found)])
        run.files("monitor", found.model_dump_json(indent=1), monitoring_picture(found))
    return run.run_id


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
