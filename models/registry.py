"""The registry of models: which there are, which one challenges, and by the alias `champion` which one serves.

The path of a bundle is kept relative to HOME/mlflow, so a home that was copied elsewhere still serves; what a server
keeps is downloaded to that path when it is needed there.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.files import made_durable
from models.bundle import MANIFEST_FILE, Bundle
from models.errors import (
    BundleCorrupt,
    ChampionChanged,
    HomeMoved,
    ModelMissing,
    NothingTrained,
    PointerUnreadable,
    VersionUnknown,
)
from models.pointer import PointedModel, Pointer, moving, place_in, read_pointer, write_pointer
from models.pyfunc import BUNDLE, BUNDLE_PLACE
from models.runs import RunRecord, begun_run, log_run, name_run
from models.tracking import Registry, client_of, writing_to
from models.trial import Trials

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
"""What was champion before; `rollback` makes it so again."""
DOWNLOADS = "bundles"
"""In HOME/mlflow: the bundles that a server keeps, by their versions."""
PLACE_TAG = "rumbo.bundle_path"
"""Its value: the path of the bundle, relative to HOME/mlflow and inside of it."""
VERSION_TAG = "rumbo.bundle_version"
TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Tells MLflow's pages that the runs are of models that are trained, and not of language models."""
PROMOTED_TAG = "rumbo.promoted"
"""Of a run and of a version: a line for each time that it became champion, the last ones."""
IN_PLACE_OF = " in place of "
"""In such a line, between the two numbers."""
MAX_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """A registered model version and the run that made it."""

    run_id: str
    registry_version: str
    bundle_version: str
    is_champion: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A version of the registry: its number, the version of its bundle, and its aliases."""

    number: str
    bundle_version: str
    aliases: tuple[str, ...]


def publish(registry: Registry, record: RunRecord, now: datetime) -> PublishedModel:
    """Logs one run, registers its bundle, tries it in another process and, last of all, makes it the challenger.

    The first model of all becomes champion too.

    Raises: HomeMoved when the tracking store was made under another path; RegistryUnusable when it is damaged;
        CannotWrite when the disk is; BundleCorrupt, TrialUnfinished when what was registered does not score.
    """
    registry.folder.mkdir(parents=True, exist_ok=True)
    with writing_to(registry), client_of(registry) as client:
        run_id = begun_run(client, _experiment(client, registry), record)
        try:
            model = log_run(client, run_id, record, now)
            version = _register(client, registry, model, record)
            place = _place(registry, version)
            trials_of(registry.home).demand(record.bundle, place, registry.folder)
            made_durable(place, above=registry.folder)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        name_run(client, model, registry.model, str(version.version), record)
        client.set_terminated(run_id)
        with moving(registry.folder):
            client.set_registered_model_alias(registry.model, CHALLENGER, str(version.version))
            is_champion = not _has_had_champion(client, registry)
            if is_champion:
                _make_champion(client, registry, version, now)
            _write_down(client, registry)
    return PublishedModel(
        run_id=run_id,
        registry_version=str(version.version),
        bundle_version=record.bundle.version,
        is_champion=is_champion,
    )


def promote(registry: Registry, number: str, now: datetime, *, instead_of: str | None = None) -> str | None:
    """Makes a version champion once it has scored in a process of its own. Returns: the version that was before.

    Args:
        instead_of: the version that it was found better than.
    Raises: VersionUnknown; ModelMissing; RegistryUnusable; BundleCorrupt, TrialUnfinished; CannotWrite;
        ChampionChanged if `instead_of` is champion no more.
    """
    registry.demand()
    with writing_to(registry), client_of(registry) as client:
        return _promoted(client, registry, _version(client, registry, number), now, instead_of)


def rollback(registry: Registry, now: datetime) -> tuple[str, str | None]:
    """Makes what was champion before it again, as `promote`. Returns: it, and the version that was until now.

    Raises: ModelMissing if there is none; as `promote`.
    """
    registry.demand()
    with writing_to(registry), client_of(registry) as client:
        version, champion = (_by_alias(client, registry, alias) for alias in (PREVIOUS, CHAMPION))
        if version is not None and champion is not None and version.version == champion.version:
            version = _replaced_by(client, registry, champion)
        if version is None:
            raise ModelMissing(f"there is no champion of the model {registry.model} before this one to go back to")
        return str(version.version), _promoted(client, registry, version, now)


def point(registry: Registry) -> Pointer:
    """Writes down which versions have the aliases, with their bundles brought here. Returns: that.

    A champion whose alias was taken away stays pointed to.
    Raises: ModelMissing, also when no version is champion; RegistryUnusable; BundleCorrupt; CannotWrite.
    """
    registry.demand()
    with client_of(registry) as client, moving(registry.folder):
        pointer = _write_down(client, registry)
        _champion(client, registry)
        return pointer


def registered(registry: Registry) -> tuple[RegisteredModel, ...]:
    """Every version with a bundle, the oldest first; none if there is no registry yet. Raises: RegistryUnusable."""
    try:
        registry.demand()
    except NothingTrained:
        return ()
    with client_of(registry) as client:
        if not _is_registered(client, registry):
            return ()
        by_number: dict[str, list[str]] = {}
        for alias, number in client.get_registered_model(registry.model).aliases.items():
            by_number.setdefault(str(number), []).append(alias)
        found = [one for one in _versions(client, registry) if VERSION_TAG in one.tags]
        return tuple(
            RegisteredModel(
                number=str(one.version),
                bundle_version=one.tags[VERSION_TAG],
                aliases=tuple(sorted(by_number.get(str(one.version), []))),
            )
            for one in sorted(found, key=lambda one: int(one.version))
        )


def fetch(registry: Registry, number: str) -> Bundle:
    """The bundle of a version. Raises: VersionUnknown; ModelMissing; RegistryUnusable; BundleCorrupt."""
    registry.demand()
    with client_of(registry) as client:
        place = _place(registry, _version(client, registry, number))
    return Bundle.load(place, within=registry.folder)


def fetch_champion(registry: Registry) -> Bundle:
    """The bundle that serves.

    Raises: ModelMissing when there is none, as RegistryUnusable when the registry is damaged; BundleCorrupt when the
        bundle is.
    """
    return Bundle.load(_place_of_champion(registry), within=registry.folder)


def stamp_of(registry: Registry) -> Hashable:
    """A value that changes whenever a registry in a file is written or replaced; None when that cannot be told."""
    try:
        status = None if registry.database is None else registry.database.stat()
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def trials_of(home: Path) -> Trials:
    """The results of trying the bundles of a home, kept beside them."""
    return Trials((home / "mlflow").resolve() / "trials")


def _place_of_champion(registry: Registry) -> Path:
    registry.demand()
    with client_of(registry) as client:
        return _place(registry, _champion(client, registry))


def _place(registry: Registry, version: ModelVersion) -> Path:
    """Where the bundle of a version lies; brought there if a server keeps it. Raises: ModelMissing, BundleCorrupt."""
    if PLACE_TAG not in version.tags:
        raise ModelMissing(f"version {version.version} of the model {registry.model} does not say where its bundle is")
    place = place_in(registry.folder, version.tags[PLACE_TAG])
    if registry.has_own_artifacts and not place.is_dir():
        _download(registry, version, place)
    return place


def _download(registry: Registry, version: ModelVersion, place: Path) -> None:
    """It appears at once, and only if it is the bundle that the version names."""
    from mlflow.artifacts import download_artifacts

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        source = _source_of_bundle(str(version.source))
        found = Path(download_artifacts(artifact_uri=source, dst_path=scratch, tracking_uri=registry.uri))
        if Bundle.load(found).version != version.tags.get(VERSION_TAG):
            raise BundleCorrupt(MANIFEST_FILE, f"is not of the bundle that version {version.version} names")
        try:
            found.replace(place)
        except OSError:
            if not place.is_dir():  # another process was earlier
                raise


def _source_of_bundle(source: str) -> str:
    """What a version names: a model from code, with the bundle in it; the bundle alone, of versions made before."""
    return source if source.endswith(f"/{BUNDLE}") else f"{source}/{BUNDLE_PLACE}"


def _champion(client: MlflowClient, registry: Registry) -> ModelVersion:
    version = _by_alias(client, registry, CHAMPION)
    if version is None:
        raise ModelMissing(f"no version of the model {registry.model} has the alias {CHAMPION}")
    return version


def _by_alias(client: MlflowClient, registry: Registry, alias: str) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return client.get_model_version_by_alias(registry.model, alias)
    except MlflowException as error:
        if error.error_code not in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _version(client: MlflowClient, registry: Registry, number: str) -> ModelVersion:
    """Raises: VersionUnknown."""
    known = _versions(client, registry) if _is_registered(client, registry) else []
    for version in known:
        if str(version.version) == number:
            return version
    raise VersionUnknown(registry.model, number, sorted((str(one.version) for one in known), key=int))


def _versions(client: MlflowClient, registry: Registry) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{registry.model}'"))


def _is_registered(client: MlflowClient, registry: Registry) -> bool:
    return bool(client.search_registered_models(f"name = '{registry.model}'"))


def _has_had_champion(client: MlflowClient, registry: Registry) -> bool:
    """Also when the alias was taken away since, which somebody did on purpose."""
    if _by_alias(client, registry, CHAMPION) is not None:
        return True
    return any(PROMOTED_TAG in version.tags for version in _versions(client, registry))


def _replaced_by(client: MlflowClient, registry: Registry, champion: ModelVersion) -> ModelVersion | None:
    """What the champion was last put in place of, as its lines say: whoever was to move it was ended before it moved,
    and `previous` had moved already.
    """
    *_, last = champion.tags.get(PROMOTED_TAG, "").splitlines() or ("",)
    number = last.rpartition(IN_PLACE_OF)[2]
    found = [one for one in _versions(client, registry) if str(one.version) == number]
    return found[0] if found and number != str(champion.version) else None


def _promoted(
    client: MlflowClient, registry: Registry, version: ModelVersion, now: datetime, instead_of: str | None = None
) -> str | None:
    """Proved, durable, then champion. Returns: the version that was before."""
    place = _place(registry, version)
    trials_of(registry.home).demand(Bundle.load(place, within=registry.folder), place, registry.folder)
    made_durable(place, above=registry.folder)
    with moving(registry.folder):
        if instead_of is not None and str(_champion(client, registry).version) != instead_of:
            raise ChampionChanged(registry.model, instead_of)
        replaced = _make_champion(client, registry, version, now)
        _write_down(client, registry)
    return replaced


def _write_down(client: MlflowClient, registry: Registry) -> Pointer:
    """Rewrites the pointer if it says something else. To be called by who is `moving`."""
    try:
        before = read_pointer(registry.folder)
    except PointerUnreadable:
        before = None
    champion = _pointed(client, registry, CHAMPION)
    if champion is None and before is not None:
        champion = before.champion
    pointer = Pointer(champion=champion, challenger=_pointed_challenger(client, registry))
    if pointer != before:
        write_pointer(registry.folder, pointer)
    return pointer


def _pointed(client: MlflowClient, registry: Registry, alias: str) -> PointedModel | None:
    version = _by_alias(client, registry, alias)
    if version is None:
        return None
    place = _place(registry, version).relative_to(registry.folder).as_posix()
    named = version.tags.get(VERSION_TAG) or Bundle.load(registry.folder / place, within=registry.folder).version
    return PointedModel(number=str(version.version), version=named, place=place)


def _pointed_challenger(client: MlflowClient, registry: Registry) -> PointedModel | None:
    """One that cannot be had is no reason to leave the champion out."""
    try:
        return _pointed(client, registry, CHALLENGER)
    except (ModelMissing, BundleCorrupt) as error:
        log.warning("the challenger cannot be had: %s", error)
        return None


def _make_champion(client: MlflowClient, registry: Registry, version: ModelVersion, now: datetime) -> str | None:
    """Moves the alias; the run and the version say when, and what it replaced. Returns: that.

    `previous` is moved before, so that whatever ends this in between leaves a champion, and none of long ago to go back
    to.
    """
    before = _by_alias(client, registry, CHAMPION)
    replaced = None if before is None else str(before.version)
    number = str(version.version)
    line = f"{now.isoformat(timespec='seconds')} version {number}{IN_PLACE_OF}{replaced or 'none'}"
    lines = [*version.tags.get(PROMOTED_TAG, "").splitlines(), line][-MAX_LINES:]
    client.set_model_version_tag(registry.model, number, PROMOTED_TAG, "\n".join(lines))
    if version.run_id:
        client.set_tag(version.run_id, PROMOTED_TAG, "\n".join(lines))
    if replaced is not None and replaced != number:
        client.set_registered_model_alias(registry.model, PREVIOUS, replaced)
    client.set_registered_model_alias(registry.model, CHAMPION, number)
    return replaced


def _register(client: MlflowClient, registry: Registry, model: LoggedModel, record: RunRecord) -> ModelVersion:
    if not _is_registered(client, registry):
        client.create_registered_model(registry.model, description=record.bundle.objective)
    return client.create_model_version(
        registry.model,
        source=model.artifact_location,
        run_id=model.source_run_id,
        model_id=model.model_id,
        description=record.description,
        tags={
            PLACE_TAG: _place_for(registry, model.artifact_location, record.bundle),
            VERSION_TAG: record.bundle.version,
        },
    )


def _place_for(registry: Registry, source: str, bundle: Bundle) -> str:
    from mlflow.artifacts import download_artifacts

    if registry.has_own_artifacts:
        return f"{DOWNLOADS}/{bundle.version}"
    folder = Path(download_artifacts(artifact_uri=source)).resolve()
    return (folder / BUNDLE_PLACE).relative_to(registry.folder).as_posix()


def _experiment(client: MlflowClient, registry: Registry) -> str:
    """The id of the one experiment, made at the first run; a server says itself where its files go."""
    artifacts = None if registry.has_own_artifacts else (registry.folder / "artifacts").as_uri()
    known = client.get_experiment_by_name(registry.experiment)
    if known is None:
        return str(client.create_experiment(registry.experiment, artifact_location=artifacts, tags=TRAINING))
    if artifacts is not None and known.artifact_location != artifacts:
        raise HomeMoved(
            f"{registry.folder} was made as {known.artifact_location}, and MLflow would write there: "
            f"remove {registry.folder}, then run `rumbo train` again"
        )
    return str(known.experiment_id)
