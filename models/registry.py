"""The registry of models: MLflow on SQLite inside the home folder, where the alias `champion` tells which one serves.

The path of a bundle is kept relative to the home, so a home that was copied elsewhere still serves.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import CannotWrite
from features.files import made_durable, writing
from models.bundle import Bundle
from models.errors import HomeMoved, ModelMissing, NothingTrained, RegistryUnusable
from models.trial import Trials

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

EXPERIMENT = "rumbo-redemption"
MODEL_NAME = "rumbo-redemption"
CHAMPION = "champion"
BUNDLE_FOLDER = "bundle"
PLACE_TAG = "rumbo.bundle_path"
"""Its value: the path of the bundle, relative to HOME/mlflow and inside of it."""
VERSION_TAG = "rumbo.bundle_version"

MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    "MLFLOW_CONFIGURE_LOGGING": "false",
}
"""MLflow and its libraries read these at import: nothing is sent anywhere, no git is looked for, no connection is
kept, so that a database that was put in place of another is seen, and what libraries log goes where the rest goes."""

PRIMARY_CODE_MASK = 0xFF
"""The bits of an extended result code of SQLite that are the primary one."""
REFUSED_BY_DISK = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)

LOCKED_S = 2.0
"""How long another may hold the database before it counts as locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What a training run leaves behind.

    `metrics_by_seed` holds one value a seed, logged as steps; `files` is a folder logged as it is (pictures, JSON).
    """

    parameters: Mapping[str, str | int | float]
    metrics: Mapping[str, float]
    metrics_by_seed: Mapping[str, Sequence[float]]
    tags: Mapping[str, str]
    files: Path
    bundle: Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """A registered model version and the run that made it."""

    run_id: str
    registry_version: str
    bundle_version: str


def publish(home: Path, record: RunRecord) -> PublishedModel:
    """Logs one run, registers its bundle, tries it in another process and, last of all, points `champion` at it.

    Raises: HomeMoved when the tracking store was made under another path; RegistryUnusable when it is damaged;
        CannotWrite when the disk is; BundleCorrupt, TrialUnfinished when what was registered does not score.
    """
    folder = _mlflow_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with _writing(folder), _client(folder) as client:
        run_id = client.create_run(_experiment(client, folder), tags=dict(record.tags)).info.run_id
        try:
            _log(client, run_id, record)
            version = _register(client, folder, run_id, record.bundle)
            place = _inside(folder, version.tags[PLACE_TAG])
            trials_of(home).demand(record.bundle, place, folder)
            made_durable(place, above=folder)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, version.version)
    return PublishedModel(run_id=run_id, registry_version=str(version.version), bundle_version=record.bundle.version)


def fetch_champion(home: Path) -> Bundle:
    """The bundle that serves.

    Raises: ModelMissing when there is none, as RegistryUnusable when the registry is damaged; BundleCorrupt when the
        bundle is.
    """
    return Bundle.load(_place_of_champion(home), within=_mlflow_folder(home))


def fetch_tried_champion(home: Path, trials: Trials) -> Bundle:
    """The bundle that serves, once it has scored in a process of its own.

    Raises: as `fetch_champion`; TrialUnfinished.
    """
    place, root = _place_of_champion(home), _mlflow_folder(home)
    bundle = Bundle.load(place, within=root)
    trials.demand(bundle, place, root)
    return bundle


def stamp_of(home: Path) -> Hashable:
    """A value that changes whenever the registry of a home is written or replaced; None when it cannot be read."""
    try:
        status = _database(_mlflow_folder(home)).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def trials_of(home: Path) -> Trials:
    """The results of trying the bundles of a home, kept beside them."""
    return Trials(_mlflow_folder(home) / "trials")


def _place_of_champion(home: Path) -> Path:
    folder = _mlflow_folder(home)
    if not _database(folder).exists():
        raise NothingTrained(f"no model was trained into {home}: run `rumbo train`")
    _demand_registry(_database(folder))
    with _client(folder) as client:
        return _inside(folder, _champion(client).tags[PLACE_TAG])


def _inside(folder: Path, place: str) -> Path:
    """Raises: ModelMissing when `place` leads out of `folder`."""
    try:
        found = (folder / place).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelMissing(f"the champion lies at no place: {error}") from error
    if not found.is_relative_to(folder):
        raise ModelMissing(f"the champion lies outside of {folder}, from where nothing is loaded")
    return found


def _demand_registry(database: Path) -> None:
    """Checks the database before MLflow opens it, which would fill an empty one and try a locked one for minutes.

    Raises: RegistryUnusable.
    """
    if not database.is_file():
        raise RegistryUnusable(f"{database} is no file")
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=LOCKED_S)) as connection:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise RegistryUnusable(f"{database} cannot be read: {error}") from error
    if tables == 0:
        raise RegistryUnusable(f"{database} is empty")


def _champion(client: MlflowClient) -> ModelVersion:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        version = client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
    except MlflowException as error:
        if error.error_code not in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"):
            raise
        raise ModelMissing(f"no version of the model {MODEL_NAME} has the alias {CHAMPION}") from error
    if PLACE_TAG not in version.tags:
        raise ModelMissing(f"version {version.version} of the model {MODEL_NAME} does not say where its bundle is")
    return version


def _log(client: MlflowClient, run_id: str, record: RunRecord) -> None:
    for name, setting in record.parameters.items():
        client.log_param(run_id, name, setting)
    for name, value in record.metrics.items():
        client.log_metric(run_id, name, value)
    for name, values in record.metrics_by_seed.items():
        for step, value in enumerate(values):
            client.log_metric(run_id, f"seed.{name}", value, step=step)
    client.log_artifacts(run_id, str(record.files))
    with tempfile.TemporaryDirectory() as scratch:
        record.bundle.save(Path(scratch))
        client.log_artifacts(run_id, scratch, BUNDLE_FOLDER)


def _register(client: MlflowClient, folder: Path, run_id: str, bundle: Bundle) -> ModelVersion:
    from mlflow.artifacts import download_artifacts

    source = f"{client.get_run(run_id).info.artifact_uri}/{BUNDLE_FOLDER}"
    place = Path(download_artifacts(artifact_uri=source)).resolve().relative_to(folder)
    if not client.search_registered_models(f"name = '{MODEL_NAME}'"):
        client.create_registered_model(MODEL_NAME, description=bundle.objective)
    return client.create_model_version(
        MODEL_NAME,
        source=source,
        run_id=run_id,
        tags={PLACE_TAG: place.as_posix(), VERSION_TAG: bundle.version},
    )


def _experiment(client: MlflowClient, folder: Path) -> str:
    """The id of the one experiment, made at the first run."""
    artifacts = (folder / "artifacts").as_uri()
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is None:
        return str(client.create_experiment(EXPERIMENT, artifact_location=artifacts))
    if known.artifact_location != artifacts:
        raise HomeMoved(
            f"{folder} was made as {known.artifact_location}, and MLflow would write there: "
            f"remove {folder}, then run `rumbo train` again"
        )
    return str(known.experiment_id)


@contextmanager
def _client(folder: Path) -> Iterator[MlflowClient]:
    """A client of the tracking store and registry in `folder`; its database is made at the first use."""
    from sqlalchemy.exc import SQLAlchemyError

    store = f"sqlite:///{_database(folder)}"
    with _quiet():
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            yield MlflowClient(tracking_uri=store, registry_uri=store)
        except (MlflowException, SQLAlchemyError) as error:
            first = str(error).partition("\n")[0]
            raise RegistryUnusable(f"{_database(folder)} is not a registry of models: {first}") from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """RegistryUnusable becomes CannotWrite where the disk is at fault, not the content."""
    try:
        with writing(folder):
            yield
    except RegistryUnusable as error:
        if not _is_fault_of_the_disk(error):
            raise
        raise CannotWrite(f"{_database(folder)} cannot be written: {error.__cause__}".partition("\n")[0]) from error


def _is_fault_of_the_disk(error: BaseException) -> bool:
    """Whether the cause is a database file that cannot grow, or cannot be changed at all."""
    cause: BaseException | None = error
    while cause is not None:
        code: int | None = getattr(getattr(cause, "orig", cause), "sqlite_errorcode", None)
        if code is not None and code & PRIMARY_CODE_MASK in REFUSED_BY_DISK:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow from sending telemetry (for good) and from logging and warning (meanwhile)."""
    for name, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401 - reads the variables when it is imported

    levels = {name: logging.getLogger(name).level for name in ("mlflow", "alembic")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # MLflow uses a loader that SQLAlchemy 2.1 deprecates
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _mlflow_folder(home: Path) -> Path:
    return (home / "mlflow").resolve()


def _database(folder: Path) -> Path:
    return folder / "mlflow.db"
