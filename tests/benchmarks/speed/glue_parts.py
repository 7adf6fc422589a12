"""What both kinds of glue share: the journeys as a table, the rows of a model, and the best of them as an answer.

Glue is what a team writes that has a feature store and a model, and no decision service: all features of the customer
beside each journey, one prediction, the best three by p × value − cost. No constraints, no reasons, no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import yaml

from rumbo.decision.v1 import decision_pb2, journey_pb2
from tests.benchmarks.speed.glue_model import GlueColumns

SLOTS = 3
DAY_S = 86400.0


def journeys_on(catalogue: Path, channel: str) -> pd.DataFrame:
    """Those with an action on the channel: id, kind, attributes, value, and the cost of the first such action."""
    return pd.DataFrame(_journeys(catalogue, channel))


def _journeys(catalogue: Path, channel: str) -> Iterator[dict[str, Any]]:
    for file in sorted((catalogue / "journeys").glob("*.yaml")):
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
        actions = [one for stage in said["stages"] for one in stage["actions"] if channel in one["channels"]]
        if actions:
            yield {
                "journey_id": said["journey"],
                "journey_kind": said["kind"],
                **{name: str(value) for name, value in said.get("attributes", {}).items()},
                "value": float(said["objective"].get("value", 1.0)),
                "cost": float(actions[0].get("cost", 0.0)),
            }


class GlueRows:
    """A customer's features beside every journey, as the columns of a model."""

    def __init__(self, journeys: pd.DataFrame, columns: GlueColumns) -> None:
        self._columns = columns
        self._categories = journeys["category"].tolist()
        coded = {name: journeys[name].map(codes) for name, codes in columns.levels.items() if name in journeys}
        self._journeys = pd.DataFrame(coded)

    def of(self, customer: pd.DataFrame) -> pd.DataFrame:
        """`customer`: one row of features, as the feature store gives them. Returns: (journeys, columns)."""
        now = pd.Timestamp(datetime.now(UTC))
        known = customer.iloc[0]
        spends = [known.get(f"spend_{name}_90d", np.nan) for name in self._categories]
        for name, codes in self._columns.levels.items():
            if name in customer:
                customer[name] = customer[name].map(codes)
        for name, source in self._columns.ages.items():
            days = (now - pd.to_datetime(customer[source], utc=True)).dt.total_seconds() / DAY_S
            customer[name] = -days % 365.25 if name == "days_to_anniversary" else days
        rows = self._journeys.merge(customer, how="cross")
        rows["affinity_spend_90d"] = spends
        rows["affinity_share_90d"] = rows["affinity_spend_90d"] / rows["spend_90d"]
        return rows[self._columns.order].astype(float)


def handlers(decide: Callable[..., Any]) -> grpc.GenericRpcHandler:
    """The one method of the service that glue has; `decide` is given the request and a context."""
    handler = grpc.unary_unary_rpc_method_handler(
        decide,
        request_deserializer=decision_pb2.DecideRequest.FromString,
        response_serializer=decision_pb2.DecideResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("rumbo.decision.v1.DecisionService", {"Decide": handler})


def answer(journeys: pd.DataFrame, p_outcome: Sequence[float]) -> decision_pb2.DecideResponse:
    """The best three, the first of equal ones by id."""
    priced = journeys.assign(p_outcome=p_outcome)
    priced["priority"] = priced["p_outcome"] * priced["value"] - priced["cost"]
    best = priced.sort_values(["priority", "journey_id"], ascending=[False, True]).head(SLOTS)
    return decision_pb2.DecideResponse(
        ranked=[
            journey_pb2.RankedJourney(
                rank=rank,
                journey_id=row["journey_id"],
                p_outcome=row["p_outcome"],
                value=row["value"],
                priority=row["priority"],
            )
            for rank, row in enumerate(best.to_dict("records"), start=1)
        ]
    )
