"""A registry on an MLflow server: what one home publishes another one serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from models.errors import ModelMissing, RegistryUnusable
from models.predictions import ATTRIBUTES, DECIDED_AT, JOURNEY, KIND
from models.registry import PLACE_TAG, VERSION_TAG, fetch_champion, promote, publish
from models.scorer import Scorer
from models.tracking import Registry
from tests.model_builders import NOW, SOAP, bundle, row
from tests.unit.models.test_registry import record

START_S = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that keeps its files itself."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "a")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *stores],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )
    try:
        _await(f"{address}/health", process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with its workers, which outlive a server that is asked to end
        process.wait(30)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except OSError:
            time.sleep(0.2)  # nothing tells when it listens
        else:
            return
    raise AssertionError("the server did not begin to listen")


def test_another_home_downloads_the_champion_and_promotes_another(server: str, tmp_path: Path) -> None:
    here, there = (
        Registry(home=tmp_path / name, experiment="offers of a bank", model="offers", tracking_uri=server)
        for name in ("here", "there")
    )
    with pytest.raises(ModelMissing, match="alias champion"):
        fetch_champion(there)
    (tmp_path / "files").mkdir()
    first = bundle()
    second = replace(first, history=frozenset({"another"}))
    published = publish(here, record(first, tmp_path / "files"), NOW)
    assert published.is_champion
    assert not publish(here, record(second, tmp_path / "files"), NOW).is_champion
    assert fetch_champion(there).version == first.version
    kept = tmp_path / "there" / "mlflow" / "bundles"
    assert [folder.name for folder in kept.iterdir()] == [first.version]
    assert promote(there, "2", NOW) == "1"
    assert fetch_champion(here).version == fetch_champion(there).version == second.version


def test_a_model_on_a_server_is_asked_by_the_command_line_of_mlflow_and_an_older_one_is_served(
    server: str, tmp_path: Path
) -> None:
    """One that was registered before it was a model from code has its bundle among the files of its run."""
    registry = Registry(home=tmp_path / "home", experiment="asked", model="asked", tracking_uri=server)
    (tmp_path / "files").mkdir()
    own = bundle()
    publish(registry, record(own, tmp_path / "files"), NOW)
    question = {JOURNEY: SOAP.journey_id, KIND: SOAP.kind, ATTRIBUTES: dict(SOAP.attributes), "spend_90d": 70.0}
    asked = {"dataframe_records": [{**question, DECIDED_AT: "2018-01-03T12:00:00"}]}
    (tmp_path / "input.json").write_text(json.dumps(asked), encoding="utf-8")
    command = ["predict", "--env-manager", "local", "-m", "models:/asked@champion", "-i", "input.json"]
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "models", *command, "-o", "output.json"],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": server},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (told,) = json.loads((tmp_path / "output.json").read_text(encoding="utf-8"))["predictions"]
    expected = Scorer(own).score(row(spend_90d=70.0), NOW, [SOAP])[0]
    assert told == {"p_outcome": pytest.approx(expected, abs=1e-12), "value": None, "reward": None}

    client, older = MlflowClient(server, server), replace(own, history=frozenset({"older"}))
    experiment = client.get_experiment_by_name("asked")
    assert experiment is not None
    run = client.create_run(experiment.experiment_id)
    older.save(tmp_path / "older")
    client.log_artifacts(run.info.run_id, str(tmp_path / "older"), "bundle")
    tags = {PLACE_TAG: f"bundles/{older.version}", VERSION_TAG: older.version}
    client.create_model_version("asked", f"{run.info.artifact_uri}/bundle", run.info.run_id, tags=tags)
    assert promote(registry, "2", NOW) == "1"
    assert fetch_champion(registry).version == older.version


def test_a_server_that_is_away_is_told_by_its_address(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = Registry(home=tmp_path, experiment="offers", model="offers", tracking_uri=address)
    with pytest.raises(RegistryUnusable, match=address):
        fetch_champion(away)
