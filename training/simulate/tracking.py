"""A simulation as a run of MLflow, in an experiment of its own beside those of its training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from features.company.company import load_company
from models.tracking import Registry
from service.bootstrap.in_process import Home
from training.side_run import side_run
from training.simulate.figures import Figures
from training.simulate.pictures import simulation_picture

if TYPE_CHECKING:
    from mlflow.entities import Metric


def track(home: Home, found: Figures) -> str:
    """Logs the figures by day, the picture, and all of it as JSON. Returns: the run's id.

    Raises: RegistryUnusable, CannotWrite.
    """
    with side_run(Registry.of(load_company(home.company), home.home), "loop") as run:
        for name in ("customers", "days", "seed"):
            run.client.log_param(run.run_id, name, getattr(found, name))
        run.metrics([*_metrics(found)])
        run.files("simulation", found.model_dump_json(indent=1), simulation_picture([found]))
    return run.run_id


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
