"""Glue in one process: Feast's `get_online_features(...).to_df()`, pandas, and a model as `mlflow.pyfunc` loads it.

    python -m tests.benchmarks.speed.glue_process FEATURE_REPO CATALOGUE CHANNEL MODEL_FOLDER

One thread answers: nearly all of it holds the interpreter's lock.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import mlflow.pyfunc
from feast import FeatureStore

from rumbo.decision.v1 import decision_pb2
from tests.benchmarks.speed.glue_model import MODEL, GlueColumns
from tests.benchmarks.speed.glue_parts import GlueRows, answer, handlers, journeys_on

THREADS = 1


class Glue:
    def __init__(self, repo: Path, catalogue: Path, channel: str, model: Path) -> None:
        columns = GlueColumns.load(model)
        self._journeys = journeys_on(catalogue, channel)
        self._rows = GlueRows(self._journeys, columns)
        self._store = FeatureStore(repo_path=str(repo))
        self._model = mlflow.pyfunc.load_model(str(model / MODEL))
        self._features = asked_features(self._store, columns)

    def decide(self, request: decision_pb2.DecideRequest, context: Any) -> decision_pb2.DecideResponse:
        asked = [{"customer_id": request.customer_id}]
        customer = self._store.get_online_features(features=self._features, entity_rows=asked).to_df()
        return answer(self._journeys, self._model.predict(self._rows.of(customer)))


def asked_features(store: FeatureStore, columns: GlueColumns) -> list[str]:
    """As Feast wants them named: by their views."""
    known = ((view.name, field.name) for view in store.list_feature_views() for field in view.features)
    return [f"{view}:{name}" for view, name in known if name in columns.features]


def main(repo: Path, catalogue: Path, channel: str, model: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS))
    os.chdir(repo)
    server.add_generic_rpc_handlers((handlers(Glue(repo, catalogue, channel, model).decide),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"glue listens on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3], Path(sys.argv[4]).resolve())
