"""Glue over HTTP: a thin gRPC front that asks `feast serve` for the features and `mlflow models serve` for the scores.

python -m tests.benchmarks.speed.glue_front CATALOGUE CHANNEL MODEL_FOLDER FEAST_PORT MLFLOW_PORT FEATURE...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import grpc
import pandas as pd
import uvloop

from rumbo.decision.v1 import decision_pb2
from tests.benchmarks.speed.glue_model import GlueColumns
from tests.benchmarks.speed.glue_parts import GlueRows, answer, handlers, journeys_on


class GlueFront:
    def __init__(self, session: aiohttp.ClientSession, journeys: pd.DataFrame, rows: GlueRows, ports: Sequence[int]):
        self._session = session
        self._journeys = journeys
        self._rows = rows
        self._feast, self._mlflow = (f"http://127.0.0.1:{port}" for port in ports)
        self._features: list[str] = []

    def ask_for(self, features: list[str]) -> None:
        self._features = features

    async def decide(
        self,
        request: decision_pb2.DecideRequest,
        context: grpc.aio.ServicerContext[decision_pb2.DecideRequest, decision_pb2.DecideResponse],
    ) -> decision_pb2.DecideResponse:
        asked = {"features": self._features, "entities": {"customer_id": [request.customer_id]}}
        async with self._session.post(f"{self._feast}/get-online-features", json=asked) as answered:
            told = await answered.json()
        names = told["metadata"]["feature_names"]
        values = (result["values"][0] for result in told["results"])
        customer = pd.DataFrame([dict(zip(names, values, strict=True))]).drop(columns="customer_id")
        body = f'{{"dataframe_split": {self._rows.of(customer).to_json(orient="split", index=False)}}}'
        headers = {"Content-Type": "application/json"}
        async with self._session.post(f"{self._mlflow}/invocations", data=body, headers=headers) as answered:
            p_outcome = (await answered.json())["predictions"]
        return answer(self._journeys, p_outcome)


async def serve(catalogue: Path, channel: str, model: Path, ports: Sequence[int], features: list[str]) -> None:
    journeys = journeys_on(catalogue, channel)
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        front = GlueFront(session, journeys, GlueRows(journeys, GlueColumns.load(model)), ports)
        front.ask_for(features)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((handlers(front.decide),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sys.stdout.write(f"glue listens on 127.0.0.1:{port}\n")
        sys.stdout.flush()
        await server.wait_for_termination()


if __name__ == "__main__":
    catalogue, channel, model, feast, mlflow, *features = sys.argv[1:]
    uvloop.run(serve(Path(catalogue), channel, Path(model), (int(feast), int(mlflow)), features))
