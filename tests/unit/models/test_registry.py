"""The registry on a real MLflow store: what is published is what is fetched."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import lightgbm
import mlflow
import pytest
from mlflow.tracking import MlflowClient

from models.bundle import MODEL_FILE, Bundle
from models.errors import (
    BundleCorrupt,
    ChampionChanged,
    HomeMoved,
    ModelMissing,
    NothingTrained,
    RegistryUnusable,
    VersionUnknown,
)
from models.pointer import PointedModel, Pointer, bundle_at, read_pointer
from models.registry import (
    CHALLENGER,
    CHAMPION,
    PLACE_TAG,
    PREVIOUS,
    PROMOTED_TAG,
    VERSION_TAG,
    PublishedModel,
    fetch,
    fetch_champion,
    point,
    promote,
    publish,
    registered,
    rollback,
)
from models.runs import RunRecord, SeenData
from models.tracking import Registry
from tests.model_builders import NOW, bundle

pytestmark = pytest.mark.timeout(180)  # MLflow makes its database in some seconds


MODEL, EXPERIMENT = "offers", "grocer"


def registry_in(home: Path) -> Registry:
    return Registry(home=home, experiment=EXPERIMENT, model=MODEL)


def record(own: Bundle, files: Path) -> RunRecord:
    return RunRecord(
        parameters={"num_leaves": 8, "objective": "binary"},
        metrics={"model.auc": 0.8},
        tags={"data_sha256": "0" * 64},
        files=files,
        bundle=own,
        headline="AUC 0.800",
        description="# A card",
        data=SeenData(name="log.parquet", sha256="ab" * 32, rows={"trained": 300}),
    )


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


@pytest.fixture(scope="module")
def published(trained: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublishedModel]:
    """A home with one published model; to be read only."""
    home = tmp_path_factory.mktemp("registry") / "home with a space"
    files = tmp_path_factory.mktemp("files")
    (files / "data.json").write_text("{}", encoding="utf-8")
    return home, publish(registry_in(home), record(trained, files), NOW)


@pytest.fixture
def own_home(published: tuple[Path, PublishedModel], tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(published[0], tmp_path / "home"))


def client_of(home: Path) -> MlflowClient:
    store = f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
    return MlflowClient(tracking_uri=store, registry_uri=store)


def test_the_champion_is_the_bundle_that_was_published(trained: Bundle, published: tuple[Path, PublishedModel]) -> None:
    home, model = published
    assert fetch_champion(registry_in(home)).version == trained.version == model.bundle_version


def test_a_run_holds_parameters_metrics_tags_files_and_the_bundle(published: tuple[Path, PublishedModel]) -> None:
    home, model = published
    client = client_of(home)
    run = client.get_run(model.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"num_leaves": "8", "objective": "binary"}
    assert run.data.metrics["model.auc"] == 0.8
    assert run.data.tags["data_sha256"] == "0" * 64
    assert {item.path for item in client.list_artifacts(model.run_id)} == {"data.json"}


def test_the_model_version_names_its_run_its_logged_model_and_what_it_is(
    published: tuple[Path, PublishedModel],
) -> None:
    home, model = published
    client = client_of(home)
    version = client.get_model_version_by_alias(MODEL, CHAMPION)
    assert (version.run_id, version.description) == (model.run_id, "# A card")
    outputs = client.get_run(model.run_id).outputs
    assert outputs is not None
    logged = client.get_logged_model(outputs.model_outputs[0].model_id)
    assert (version.source, logged.status) == (logged.artifact_location, "READY")
    assert {(one.key, one.value, one.dataset_name) for one in logged.metrics or ()} == {
        ("model.auc", 0.8, "log.parquet")
    }
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": MODEL, "version": "1"}]


def test_a_run_is_named_by_its_version_and_says_what_it_learnt_from(published: tuple[Path, PublishedModel]) -> None:
    run = client_of(published[0]).get_run(published[1].run_id)
    assert run.info.run_name == "version 1, AUC 0.800"
    assert run.data.tags["mlflow.note.content"] == "# A card"
    assert run.inputs is not None
    (seen,) = run.inputs.dataset_inputs
    assert (seen.dataset.name, seen.dataset.digest) == ("log.parquet", "ab" * 6)
    assert json.loads(seen.dataset.source)["sha256"] == "ab" * 32
    assert json.loads(str(seen.dataset.profile)) == {"trained": 300}
    columns = {column["name"]: column["type"] for column in json.loads(str(seen.dataset.schema))["mlflow_colspec"]}
    assert (columns["spend_90d"], columns["age_band"]) == ("double", "string")


def test_the_model_from_code_is_no_pickle_and_names_versions_without_asking_anybody(
    published: tuple[Path, PublishedModel],
) -> None:
    (folder,) = (published[0] / "mlflow" / "artifacts" / "models").glob("*/artifacts")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "MLmodel",
        "artifacts/bundle/manifest.json",
        "artifacts/bundle/model.txt",
        "conda.yaml",
        "input_example.json",
        "model_code.py",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    }
    required = (folder / "requirements.txt").read_text(encoding="utf-8").split()
    assert f"lightgbm=={lightgbm.__version__}" in required
    assert all("==" in line for line in required)


def test_publishing_leaves_no_setting_of_mlflow_changed(trained: Bundle, own_home: Path, tmp_path: Path) -> None:
    """The home was copied, so this ends before a run begins; the fixture's own publication went before."""
    before = (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), mlflow.active_run())
    with pytest.raises(HomeMoved):
        publish(registry_in(own_home), record(trained, tmp_path), NOW)
    assert str(own_home) not in "".join(map(str, before))
    assert before == (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), mlflow.active_run())


def registered_as_before(home: Path, own: Bundle, alias: str | None = CHAMPION) -> str:
    """A version as releases before registered it: the bundle among the files of the run. Returns: its number."""
    client, place = client_of(home), home / "mlflow" / "artifacts" / "before" / "bundle"
    own.save(place)
    tags = {PLACE_TAG: place.relative_to(home / "mlflow").as_posix(), VERSION_TAG: own.version}
    version = client.create_model_version(MODEL, source=place.as_uri(), tags=tags)
    if alias is not None:
        client.set_registered_model_alias(MODEL, alias, str(version.version))
    return str(version.version)


def test_a_version_that_was_registered_before_still_serves_and_is_promoted(trained: Bundle, own_home: Path) -> None:
    registry, old = registry_in(own_home), replace(trained, history=frozenset({"another"}))
    number = registered_as_before(own_home, old)
    assert fetch_champion(registry).version == fetch(registry, number).version == old.version
    assert promote(registry, "1", NOW) == number
    assert promote(registry, number, NOW) == "1"


def pointed(home: Path) -> Pointer:
    found = read_pointer(registry_in(home).folder)
    assert found is not None
    return found


def test_what_was_published_is_pointed_to_and_can_be_loaded_by_that_alone(
    trained: Bundle, published: tuple[Path, PublishedModel]
) -> None:
    home, model = published
    found = pointed(home)
    assert found.champion == found.challenger
    assert found.champion is not None
    assert (found.champion.number, found.champion.version) == (model.registry_version, trained.version)
    assert bundle_at(registry_in(home).folder, found.champion).sha256 == trained.sha256


def test_promotion_and_rollback_move_the_pointer_and_remember_what_was_before(trained: Bundle, own_home: Path) -> None:
    registry, other = registry_in(own_home), replace(trained, history=frozenset({"another"}))
    with pytest.raises(ModelMissing, match=r"no champion .* before this one"):
        rollback(registry, NOW)
    number = registered_as_before(own_home, other, alias=None)
    assert promote(registry, number, NOW) == "1"
    assert (aliases(own_home)[CHAMPION], aliases(own_home)[PREVIOUS]) == (number, "1")
    assert pointed(own_home).champion == PointedModel(
        number=number, version=other.version, place="artifacts/before/bundle"
    )
    assert promote(registry, number, NOW) == number
    assert aliases(own_home)[PREVIOUS] == "1"
    assert rollback(registry, NOW) == ("1", number)
    assert (aliases(own_home)[CHAMPION], aliases(own_home)[PREVIOUS]) == ("1", number)
    champion = pointed(own_home).champion
    assert champion is not None
    assert champion.version == trained.version


def test_a_rollback_that_was_killed_between_its_aliases_can_be_asked_for_again(trained: Bundle, own_home: Path) -> None:
    registry = registry_in(own_home)
    number = registered_as_before(own_home, replace(trained, history=frozenset({"another"})), alias=None)
    promote(registry, number, NOW)
    client_of(own_home).set_registered_model_alias(MODEL, PREVIOUS, number)  # as far as it came
    assert rollback(registry, NOW) == ("1", number)
    assert (aliases(own_home)[CHAMPION], aliases(own_home)[PREVIOUS]) == ("1", number)


def test_nothing_is_promoted_over_a_champion_that_it_was_not_judged_against(trained: Bundle, own_home: Path) -> None:
    registry, before = registry_in(own_home), pointed(own_home)
    number = registered_as_before(own_home, replace(trained, history=frozenset({"another"})), alias=None)
    with pytest.raises(ChampionChanged, match=r"version 9 .* is champion no more"):
        promote(registry, number, NOW, instead_of="9")
    assert (aliases(own_home)[CHAMPION], pointed(own_home)) == ("1", before)
    assert promote(registry, number, NOW, instead_of="1") == "1"


def test_a_promotion_that_ended_between_its_aliases_leaves_one_champion_and_nothing_to_go_back_to(
    trained: Bundle, own_home: Path
) -> None:
    client_of(own_home).set_registered_model_alias(MODEL, PREVIOUS, "1")
    with pytest.raises(ModelMissing, match="before this one"):
        rollback(registry_in(own_home), NOW)
    assert aliases(own_home)[CHAMPION] == "1"


def test_a_bundle_that_cannot_score_is_not_promoted_and_neither_alias_nor_pointer_moves(
    trained: Bundle, own_home: Path
) -> None:
    broken = replace(trained, model_text=trained.model_text.replace("tree_sizes=", "tree_sizes=7 "))
    number, before = registered_as_before(own_home, broken, alias=None), pointed(own_home)
    with pytest.raises(BundleCorrupt):
        promote(registry_in(own_home), number, NOW)
    assert (aliases(own_home), pointed(own_home)) == ({CHAMPION: "1", CHALLENGER: "1"}, before)


def test_an_alias_that_others_moved_is_written_down_and_one_that_they_took_away_leaves_the_champion(
    trained: Bundle, own_home: Path
) -> None:
    other = replace(trained, history=frozenset({"another"}))
    number = registered_as_before(own_home, other)
    found = point(registry_in(own_home))
    assert found == pointed(own_home)
    assert found.champion is not None
    assert (found.champion.number, found.champion.version) == (number, other.version)
    for alias in (CHAMPION, CHALLENGER):
        client_of(own_home).delete_registered_model_alias(MODEL, alias)
    with pytest.raises(ModelMissing, match="alias champion"):
        point(registry_in(own_home))
    assert pointed(own_home) == Pointer(champion=found.champion)


def test_a_challenger_whose_files_are_gone_keeps_no_champion_from_being_pointed_to(
    trained: Bundle, own_home: Path
) -> None:
    client = client_of(own_home)
    lost = client.create_model_version(MODEL, source="gone", tags={PLACE_TAG: "../gone", VERSION_TAG: "0" * 16})
    client.set_registered_model_alias(MODEL, CHALLENGER, str(lost.version))
    found = point(registry_in(own_home))
    assert found.challenger is None
    assert found.champion is not None


def aliases(home: Path) -> dict[str, str]:
    return {alias: str(number) for alias, number in client_of(home).get_registered_model(MODEL).aliases.items()}


@pytest.mark.slow
def test_a_later_model_challenges_until_it_is_promoted_and_its_run_says_so(trained: Bundle, tmp_path: Path) -> None:
    """The first of all is champion at once; an alias that was taken away on purpose comes back by promotion alone."""
    home, files = tmp_path / "home", tmp_path / "files"
    files.mkdir()
    registry = registry_in(home)
    other = replace(trained, history=frozenset({"another"}))
    first, second = (publish(registry, record(each, files), NOW) for each in (trained, other))
    assert (first.is_champion, second.is_champion) == (True, False)
    assert fetch_champion(registry).version == trained.version
    assert [(one.number, one.aliases) for one in registered(registry)] == [("1", (CHAMPION,)), ("2", (CHALLENGER,))]
    assert fetch(registry, "2").version == other.version
    assert promote(registry, "2", NOW) == "1"
    assert fetch_champion(registry).version == other.version
    tags = client_of(home).get_run(second.run_id).data.tags
    assert tags[PROMOTED_TAG] == "2018-01-03T12:00:00+00:00 version 2 in place of 1"
    with pytest.raises(VersionUnknown, match="has no version 7; there are: 1, 2"):
        promote(registry, "7", NOW)
    client_of(home).delete_registered_model_alias(MODEL, CHAMPION)
    assert not publish(registry, record(trained, files), NOW).is_champion


def test_a_run_that_breaks_is_marked_failed_and_makes_no_champion(trained: Bundle, tmp_path: Path) -> None:
    home, files = tmp_path / "home", tmp_path / "files"
    files.mkdir()
    with pytest.raises(ValueError, match="JSON compliant"):
        publish(registry_in(home), record(replace(trained, metrics={"auc": float("nan")}), files), NOW)
    client = client_of(home)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FAILED", "not registered")
    (logged,) = client.search_logged_models([experiment.experiment_id])
    assert logged.status == "FAILED"
    with pytest.raises(ModelMissing):
        fetch_champion(registry_in(home))


def test_a_home_that_was_copied_elsewhere_still_serves(trained: Bundle, own_home: Path) -> None:
    assert fetch_champion(registry_in(own_home)).version == trained.version


def test_training_into_a_copied_home_is_refused_instead_of_writing_to_the_old_place(
    trained: Bundle, own_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(HomeMoved, match="remove"):
        publish(registry_in(own_home), record(trained, tmp_path), NOW)


def test_a_home_without_a_registry_has_no_model_and_gets_none(tmp_path: Path) -> None:
    with pytest.raises(NothingTrained, match="rumbo train"):
        fetch_champion(registry_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_registry_without_champion_has_no_model(own_home: Path) -> None:
    client_of(own_home).delete_registered_model_alias(MODEL, CHAMPION)
    with pytest.raises(ModelMissing, match="alias champion"):
        fetch_champion(registry_in(own_home))


@pytest.mark.parametrize("content", [b"garbage" * 1_000, b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_a_database_that_is_garbage_is_a_missing_model(own_home: Path, content: bytes) -> None:
    (own_home / "mlflow" / "mlflow.db").write_bytes(content)
    with pytest.raises(RegistryUnusable):
        fetch_champion(registry_in(own_home))


def test_an_empty_database_is_a_missing_model(own_home: Path) -> None:
    (own_home / "mlflow" / "mlflow.db").write_bytes(b"")
    with pytest.raises(ModelMissing):
        fetch_champion(registry_in(own_home))


def test_a_damaged_champion_is_refused(own_home: Path) -> None:
    (model,) = own_home.rglob(MODEL_FILE)
    model.write_text(model.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    with pytest.raises(BundleCorrupt, match=MODEL_FILE):
        fetch_champion(registry_in(own_home))


def test_a_champion_whose_files_are_gone_is_refused(own_home: Path) -> None:
    shutil.rmtree(own_home / "mlflow" / "artifacts")
    with pytest.raises(BundleCorrupt):
        fetch_champion(registry_in(own_home))


def test_mlflow_s_telemetry_is_off(published: tuple[Path, PublishedModel]) -> None:
    assert published[1].run_id
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
