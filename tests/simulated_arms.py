"""Decisions by arms with known truth: what each journey is worth to each customer, and so what a policy is worth.

They are decided by the real core, drawn as it draws, and told in the columns of the exported table. Journeys are of one
tier; who has fewer than six visits may not have `d`. What the challenger thinks of them is nearer the truth than what
the champion does, and neither is the truth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import Arms
from service.decision.decide import OtherScores
from service.decision.explore import NO_EXPLORATION, NO_SILENCE, ExplorationPolicy, Silence
from service.decision.journey import NO_JOURNEY, JourneyKind
from service.decision.plan import Plan
from service.decision.record import canonical, to_document, weighed_again
from service.state.export.slots import ENTRY, MORE, EligibleSet, arm_of, slots_of
from service.state.export.table import ELIGIBLE
from tests.builders import COMPILER, NOW, Entry, catalogue, decide, facts, feature, journey

JOURNEYS: Final = ("a", "b", "c", "d")
VISITS: Final = 10
Matrix = NDArray[np.float64]
TRUTH: Matrix = np.array(
    [[0.15 + 0.3 * math.sin(1.0 + j + visits / 3.0) ** 2 for j in range(len(JOURNEYS))] for visits in range(VISITS)]
)
"""(visits, journey) P(objective met | shown); by itself nothing comes."""
CHAMPION: Matrix = TRUTH + 0.2 * np.cos(np.arange(VISITS)[:, None] * 2.0 + np.arange(len(JOURNEYS)))
CHALLENGER: Matrix = TRUTH + 0.05 * np.sin(np.arange(VISITS)[:, None] * 3.0 + np.arange(len(JOURNEYS)))


def may_have(visits: int) -> list[int]:
    return list(range(len(JOURNEYS) - (visits < 6)))


def plan_of(arms: Arms, exploration: ExplorationPolicy = NO_EXPLORATION, silence: Silence = NO_SILENCE) -> Plan:
    audience = COMPILER.compile("customer.visits >= 6")
    offered = [
        Entry(journey=journey(name, kind=JourneyKind.PROMOTIONAL), audience=audience if name == "d" else None)
        for name in JOURNEYS
    ]
    return catalogue(*offered, arms=arms, exploration=exploration, silence=silence).plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsLog:
    """An exported log; `visits` (customers,) and `policy`, the challenger's order in each row as a table's rows."""

    file: Path
    rows: Sequence[Mapping[str, Any]]
    visits: NDArray[np.int64]

    def value(self, slots: int) -> float:
        """Of the challenger's order in so many slots, a decision: the truth of its best, for these customers."""
        worth = {v: sum(TRUTH[v, j] for j in _order(v)[:slots]) for v in range(VISITS)}
        return float(np.mean([worth[int(v)] for v in self.visits]))

    def policy(self) -> pa.Table:
        """The challenger's: in each row the best of what was left for its slot."""
        taken = []
        for row in self.rows:
            before = {e["journey_id"] for e in row["eligible"] if e["rank"] is not None and e["rank"] < row["rank"]}
            order = [JOURNEYS[j] for j in _order(int(row["feature_visits"])) if JOURNEYS[j] not in before]
            taken.append(order[0] if order else NO_JOURNEY)
        return pa.table({"row": np.arange(len(taken)), "journey_id": taken, "probability": np.ones(len(taken))})


def _order(visits: int) -> list[int]:
    return sorted(may_have(visits), key=lambda j: -CHALLENGER[visits, j])


def arms_log(place: Path, plan: Plan, seed: int, *, customers: int, slots: int = 1) -> ArmsLog:
    """A decision a customer, whose first presentation meets its objective as often as is true."""
    draw = np.random.default_rng(seed)
    visits = draw.integers(0, VISITS, customers)
    rows: list[dict[str, Any]] = []
    for i, seen in enumerate(visits.tolist()):
        known = replace(facts(features=[feature("visits", seen)]), customer_id=f"{seed}-{i}")
        other = OtherScores(model_version="m2", by_journey=_scores(CHALLENGER[seen]), is_shown=True)
        decision = decide(
            plan, known, limit=slots, scores=_scores(CHAMPION[seen]), decision_id=f"{seed}-{i}", other=other
        )
        rows += _rows(json.loads(canonical(to_document(decision))), plan, seen, draw)
    file = place / f"log-{seed}-{slots}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    return ArmsLog(file=file, rows=rows, visits=visits)


def _scores(p_outcome: NDArray[np.float64]) -> Mapping[str, Score]:
    return {
        name: Score(p_outcome=float(p), source=ScoreSource.MODEL) for name, p in zip(JOURNEYS, p_outcome, strict=True)
    }


def _rows(record: dict[str, Any], plan: Plan, visits: int, draw: np.random.Generator) -> list[dict[str, Any]]:
    every = EligibleSet(record, {one.journey_id: one for one in weighed_again(plan, record)}, {})
    arm, share = arm_of(record)
    told = []
    for slot in slots_of(record):
        is_silent = slot.journey_id == NO_JOURNEY
        p_met = 0.0 if is_silent else TRUTH[visits, JOURNEYS.index(slot.journey_id)]
        told.append(
            {
                "decision_id": record["input"]["decision_id"],
                "customer_id": record["input"]["customer_id"],
                "decided_at": NOW,
                "rank": slot.rank,
                "journey_id": slot.journey_id,
                "kind": None if is_silent else "promotional",
                "propensity": slot.propensity,
                "propensity_over_arms": slot.drawn[0],
                "arm": arm,
                "share": share,
                "eligible": [dict(zip((*ENTRY, *MORE), entry, strict=True)) for entry in every.at(slot)],
                "presented_at": None if is_silent else NOW,
                "reward": float(draw.random() < p_met),
                "is_censored": False,
                "feature_visits": visits,
            }
        )
    return told


_TIME, _REAL = pa.timestamp("us", "UTC"), pa.float64()
SCHEMA: Final = pa.schema(
    {
        **dict.fromkeys(("decision_id", "customer_id", "journey_id", "kind", "arm"), pa.string()),
        **dict.fromkeys(("decided_at", "presented_at"), _TIME),
        **dict.fromkeys(("propensity", "propensity_over_arms", "share", "reward"), _REAL),
        "rank": pa.int32(),
        "eligible": pa.list_(ELIGIBLE),
        "is_censored": pa.bool_(),
        "feature_visits": pa.int64(),
    }
)
