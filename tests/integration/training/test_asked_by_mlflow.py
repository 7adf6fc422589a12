"""MLflow asks the example's model, from the registry of a home, and hears what the service would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.encoder import JourneyRow
from features.values import FeatureRow, FeatureStatus, FeatureValue
from models.bundle import Bundle
from models.predictions import ATTRIBUTES, DECIDED_AT, JOURNEY, KIND, P_OUTCOME, REWARD, VALUE
from models.registry import fetch_champion
from models.scorer import Scorer
from service.examples.complete_journey.data.campaigns import CAMPAIGNS
from tests.fixtures_features import registry_at
from training.log.options import FEATURE

pytestmark = pytest.mark.timeout(300)  # fixtures of the session prepare a home and train

ROWS = 60


@pytest.fixture(scope="module")
def champion(trained_home: Path) -> Bundle:
    return fetch_champion(registry_at(trained_home))


@pytest.fixture(scope="module")
def decided(prepared_company: Path) -> list[dict[str, Any]]:
    """Some rows of the log, from its whole length."""
    table = pq.read_table(prepared_company / CAMPAIGNS)
    return list(table.take(np.linspace(0, table.num_rows - 1, ROWS).astype(int)).to_pylist())


@pytest.fixture(scope="module")
def questions(champion: Bundle, decided: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As JSON has them: what the model reads of each row."""
    types = champion.encoder.types_read()
    return [
        {
            **{name: _plain(row[FEATURE + name]) for name in types},
            JOURNEY: row["journey_id"],
            KIND: row["kind"],
            ATTRIBUTES: dict(row["attributes"]),
            DECIDED_AT: _plain(row["decided_at"]),
        }
        for row in decided
    ]


@pytest.fixture(scope="module")
def served(champion: Bundle, decided: list[dict[str, Any]]) -> list[float]:
    """What the scorer gives each, from the row of features that a service has."""
    scorer = Scorer(champion)
    return [float(scorer.score(_facts(row), row["decided_at"], [_journey(row)])[0]) for row in decided]


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() if isinstance(value, datetime) else value


def _facts(row: dict[str, Any]) -> FeatureRow:
    facts = {name.removeprefix(FEATURE): value for name, value in row.items() if name.startswith(FEATURE)}
    return {
        name: FeatureValue(
            name=name,
            status=FeatureStatus.NULL if value is None else FeatureStatus.PRESENT,
            value=value,
            event_time=row["decided_at"],
        )
        for name, value in facts.items()
    }


def _journey(row: dict[str, Any]) -> JourneyRow:
    return JourneyRow(journey_id=row["journey_id"], kind=row["kind"], attributes=dict(row["attributes"]))


def _folder(home: Path) -> Path:
    (folder,) = (home / "mlflow" / "artifacts" / "models").glob("*/artifacts")
    return folder


def test_the_loaded_model_tells_what_is_served(
    trained_home: Path, questions: list[dict[str, Any]], served: list[float]
) -> None:
    """With ages, interactions and texts, and what is missing in some rows."""
    model = mlflow.pyfunc.load_model(str(_folder(trained_home)))
    schema = model.metadata.signature.inputs
    table = pd.DataFrame(questions)
    instants = [column.name for column in schema.inputs if column.type == mlflow.types.DataType.datetime]
    numbers = [column.name for column in schema.inputs if column.type == mlflow.types.DataType.double]
    table = table.astype(dict.fromkeys(instants, "datetime64[ns]") | dict.fromkeys(numbers, "float64"))
    told = model.predict(table)
    np.testing.assert_allclose(told[P_OUTCOME], served, rtol=0, atol=1e-12)
    assert np.ptp(served) > 0.1
    assert (told[VALUE] == 1.0).all(), "a coupon that is redeemed counts one"
    assert told[REWARD].equals(told[P_OUTCOME])


@pytest.mark.slow
def test_the_command_line_of_mlflow_asks_the_champion_of_a_home(
    trained_home: Path, questions: list[dict[str, Any]], served: list[float], tmp_path: Path
) -> None:
    """By alias, from the home's registry, where no proxy and no index could be reached."""
    (tmp_path / "input.json").write_text(json.dumps({"dataframe_records": questions}), encoding="utf-8")
    nowhere = "http://127.0.0.1:9"
    uri = f"sqlite:///{trained_home / 'mlflow' / 'mlflow.db'}"
    command = ["predict", "--env-manager", "local", "-m", "models:/complete_journey@champion", "-i", "input.json"]
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "models", *command, "-o", "output.json"],
        cwd=tmp_path,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "https_proxy": nowhere,
            "http_proxy": nowhere,
            "PIP_INDEX_URL": nowhere,
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "output.json").read_text(encoding="utf-8"))["predictions"]
    np.testing.assert_allclose([row[P_OUTCOME] for row in told], served, rtol=0, atol=1e-12)
