"""A run of MLflow: parameters, metrics, files, the data that it saw, and the model that came of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from models.bundle import Bundle
from models.pyfunc import BUNDLE, save_model, signature_of

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.tracking import MlflowClient

Item = TypeVar("Item")

MODEL_NAME: Final = "model"
UNREGISTERED: Final = "not registered"
MAX_DESCRIPTION: Final = 5_000
"""Characters that MLflow's table has for that of a version."""
DIGEST: Final = 12
"""Characters of the sha256 that a list shows beside the data's name; the whole of it is in its source."""
PARAMETERS_AT_ONCE, METRICS_AT_ONCE = 100, 1_000
"""The most that MLflow takes in one request."""
NOTE_TAG, SOURCE_TAG, VERSIONS_TAG = "mlflow.note.content", "mlflow.source.name", "mlflow.modelVersions"
CONTEXT_TAG: Final = "mlflow.data.context"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenData:
    """The data that a run learnt from: the name of its file or folder, its sha256, and how many rows were used."""

    name: str
    sha256: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What a training run leaves behind; `files` is a folder logged as it is (pictures, JSON).

    `headline`: what tells it from others in a list; `description`: Markdown, of at most MAX_DESCRIPTION characters.
    """

    parameters: Mapping[str, str | int | float]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Path
    bundle: Bundle
    headline: str = ""
    description: str = ""
    data: SeenData | None = None


def begun_run(client: MlflowClient, experiment: str, record: RunRecord) -> str:
    """Its id. It has its name from the version that comes of it, if one does."""
    tags = {SOURCE_TAG: "rumbo train", NOTE_TAG: record.description, **record.tags}
    return str(client.create_run(experiment, run_name=UNREGISTERED, tags=tags).info.run_id)


def log_run(client: MlflowClient, run_id: str, record: RunRecord, now: datetime) -> LoggedModel:
    """Everything that is known of the run, and its model."""
    from mlflow.entities import Metric, Param

    parameters = [Param(name, str(setting)) for name, setting in record.parameters.items()]
    for few in _parts(parameters, PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=few)
    client.log_artifacts(run_id, str(record.files))
    if record.data is not None:
        _log_data(client, run_id, record.data, record.bundle)
    model = _log_model(client, run_id, record, now)
    of = {"model_id": model.model_id}
    if record.data is not None:
        of |= {"dataset_name": record.data.name, "dataset_digest": record.data.sha256[:DIGEST]}
    at_ms = int(now.timestamp() * 1000)
    metrics = [Metric(name, value, at_ms, 0, **of) for name, value in record.metrics.items()]
    for some in _parts(metrics, METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=some)
    return model


def name_run(client: MlflowClient, logged: LoggedModel, model: str, number: str, record: RunRecord) -> None:
    """By the version that came of it and what it is worth; the logged model names the version, which links them."""
    named = f"version {number}, {record.headline}" if record.headline else f"version {number}"
    client.update_run(str(logged.source_run_id), name=named)
    client.set_logged_model_tags(logged.model_id, {VERSIONS_TAG: json.dumps([{"name": model, "version": number}])})


def _log_data(client: MlflowClient, run_id: str, data: SeenData, bundle: Bundle) -> None:
    """By name and hash; what is described of its columns are those that the model reads."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = signature_of(bundle).inputs
    dataset = Dataset(
        name=data.name,
        digest=data.sha256[:DIGEST],
        source_type="local",
        source=json.dumps({"uri": data.name, "sha256": data.sha256}),
        schema=json.dumps({"mlflow_colspec": inputs.to_dict()}),
        profile=json.dumps(dict(data.rows)),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(CONTEXT_TAG, "training")])])


def _log_model(client: MlflowClient, run_id: str, record: RunRecord, now: datetime) -> LoggedModel:
    """As `mlflow.pyfunc.log_model`, which asks whatever server the process was last told of."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models.model import Model

    experiment = client.get_run(run_id).info.experiment_id
    parameters = {name: str(setting) for name, setting in record.parameters.items()}
    model = client.create_logged_model(experiment, MODEL_NAME, run_id, params=parameters, model_type="python_function")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    about = Model(
        artifact_path=model.artifact_location, model_uuid=model.model_id, run_id=run_id, model_id=model.model_id
    )
    try:
        with tempfile.TemporaryDirectory() as scratch:
            bundle, folder = Path(scratch) / BUNDLE, Path(scratch) / MODEL_NAME
            record.bundle.save(bundle)
            save_model(folder, bundle, record.bundle, now, about)
            client.log_model_artifacts(model.model_id, str(folder))
    except BaseException:
        client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED)
        raise
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
