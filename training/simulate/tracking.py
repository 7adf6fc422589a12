"""A simulation as a run of MLflow, in an experiment of its own beside those of its training."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.company.company import load_company
from features.files import writing
from models.tracking import Registry, client_of, writing_to
from service.bootstrap.in_process import Home
from training.pictures import save
from training.simulate.figures import Figures
from training.simulate.pictures import simulation_picture

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

SUFFIX: Final = "-loop"
"""Behind the name of the experiment of training."""
AT_ONCE: Final = 1_000
"""What MLflow takes in a batch."""
PICTURE, FIGURES = "simulation.png", "simulation.json"


def track(home: Home, found: Figures) -> str:
    """Logs the figures by day, the picture, and all of it as JSON. Returns: the run's id.

    Raises: RegistryUnusable, CannotWrite.
    """
    registry = Registry.of(load_company(home.company), home.home)
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


def _log(client: MlflowClient, run_id: str, found: Figures, scratch: Path) -> None:
    for name in ("customers", "days", "seed"):
        client.log_param(run_id, name, getattr(found, name))
    metrics = list(_metrics(found))
    for begin in range(0, len(metrics), AT_ONCE):
        client.log_batch(run_id, metrics=metrics[begin : begin + AT_ONCE])
    with writing(scratch):
        (scratch / FIGURES).write_text(found.model_dump_json(indent=1), encoding="utf-8")
        save(simulation_picture([found]), scratch / PICTURE)
    client.log_artifacts(run_id, str(scratch))


def _metrics(found: Figures) -> Iterator[Metric]:
    """A step is a day."""
    from mlflow.entities import Metric

    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    for policy, values in found.by_day.items():
        for day, value in enumerate(values):
            if value is not None:
                yield Metric(f"value.{policy}", value, now_ms, day)
    of_all = {
        "of_oracle": found.of_oracle.value,
        "of_oracle.low": found.of_oracle.low,
        "of_oracle.high": found.of_oracle.high,
        "of_oracle.all_arms": found.of_oracle_all_arms.value,
        "forbidden": float(len(found.forbidden)),
        "promoted": float(found.promoted),
        "held_back": float(found.held_back),
        "held_back.cost": found.cost_of_holding_back,
        **{f"of_oracle.{name}": figures.of_oracle.value for name, figures in found.policies.items()},
    }
    for name, value in of_all.items():
        yield Metric(name, value, now_ms, found.days)


def _experiment(client: MlflowClient, registry: Registry) -> str:
    name = registry.experiment + SUFFIX
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    artifacts = None if registry.has_own_artifacts else (registry.folder / "artifacts-of-loop").as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))
