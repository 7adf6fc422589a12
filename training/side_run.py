"""A run of MLflow in an experiment of its own beside those of training: what looks at a model, and makes none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.files import writing
from models.tracking import Registry, client_of, writing_to
from training.pictures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

AT_ONCE: Final = 1_000
"""What MLflow takes in a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRun:
    """A run that is under way."""

    client: MlflowClient
    run_id: str

    def metrics(self, metrics: Sequence[Metric]) -> None:
        for begin in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(self.run_id, metrics=metrics[begin : begin + AT_ONCE])

    def files(self, name: str, document: str, picture: Figure) -> None:
        """`name`.json and `name`.png."""
        with tempfile.TemporaryDirectory() as scratch:
            with writing(Path(scratch)):
                (Path(scratch) / f"{name}.json").write_text(document, encoding="utf-8")
                save(picture, Path(scratch) / f"{name}.png")
            self.client.log_artifacts(self.run_id, scratch)


@contextmanager
def side_run(registry: Registry, what: str) -> Iterator[SideRun]:
    """In the experiment of training, with -`what` behind its name. It has failed if what goes on within does.

    Raises: RegistryUnusable, CannotWrite.
    """
    registry.folder.mkdir(parents=True, exist_ok=True)
    with writing_to(registry), client_of(registry) as client:
        run_id = str(client.create_run(_experiment(client, registry, what)).info.run_id)
        try:
            yield SideRun(client=client, run_id=run_id)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)


def _experiment(client: MlflowClient, registry: Registry, what: str) -> str:
    name = f"{registry.experiment}-{what}"
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    artifacts = None if registry.has_own_artifacts else (registry.folder / f"artifacts-of-{what}").as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))
