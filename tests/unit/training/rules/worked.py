"""Four decisions by hand, as the export has them.

    d1  ana, web    offer ranked, tips eligible; loan denied by CAPACITY
    d2  ana, web    tips ranked; offer denied by CONTACT_CAP, loan by AUDIENCE and CAPACITY
    d3  bob, email  nothing: offer denied by CONSENT_MISSING, loan by CONSENT_MISSING and AUDIENCE
    d4  bob, web    offer ranked, tips denied at select by NEVER_WITH; loan denied by AUDIENCE

Offer is worth 10 at a prior of 0.2, loan 100 at 0.05; what shows an offer costs 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from service.state.export.denials import denials_schema
from service.state.export.table import ELIGIBLE, OUTCOME
from training.rules.log import RulesLog, rules_log

AT = datetime(2026, 3, 1, tzinfo=UTC)
TERMS: Mapping[str, tuple[float, float]] = {"offer": (10.0, 0.2), "loan": (100.0, 0.05), "tips": (1.0, 0.5)}
TIME = pa.timestamp("us", "UTC")


def entry(journey: str, place: str, p_outcome: float | None) -> Mapping[str, Any]:
    rank = 1 if place == "RANKED" else None
    return {"journey_id": journey, "place": place, "rank": rank, "p_outcome": p_outcome, "score_source": "MODEL"}


def shown(
    decision: str,
    journey: str,
    eligible: Sequence[Mapping[str, Any]],
    *,
    customer: str = "ana",
    channel: str = "web",
    rank: int = 1,
    stage: str = "need",
    reward: float | None = None,
    outcomes: Sequence[tuple[str, float | None]] = (),
    expects: str | None = None,
    catalogue: str = "c1",
) -> Mapping[str, Any]:
    said = [
        {"outcome_id": f"{decision}-{n}", "type": kind, "value": value, "occurred_at": AT, "is_late": False}
        for n, (kind, value) in enumerate(outcomes)
    ]
    return {
        "decision_id": decision,
        "customer_id": customer,
        "decided_at": AT,
        "channel": channel,
        "rank": rank,
        "journey_id": journey,
        "stage": stage,
        "action_id": f"{journey}-{stage}",
        "value": TERMS[journey][0],
        "cost": 1.0 if journey == "offer" else 0.0,
        "presented_at": None if reward is None else AT + timedelta(minutes=1),
        "reward": reward,
        "outcomes": said,
        "expects": expects,
        "eligible": list(eligible),
        "catalogue_version": catalogue,
    }


def denial(decision: str, journey: str, *codes: str, customer: str = "ana", channel: str = "web") -> Mapping[str, Any]:
    value, prior = TERMS[journey]
    return {
        "decision_id": decision,
        "customer_id": customer,
        "decided_at": AT,
        "channel": channel,
        "placement": None,
        "journey_id": journey,
        "codes": list(codes),
        "kind": "promotional",
        "tier": 4,
        "value": value,
        "prior": prior,
    }


def log_of(rows: Sequence[Mapping[str, Any]], denials: Sequence[Mapping[str, Any]]) -> RulesLog:
    """Of these rows of the two tables."""
    return rules_log(shown_table(rows), pa.Table.from_pylist(list(denials), denials_schema()))


def shown_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    types = {"decided_at": TIME, "presented_at": TIME, "outcomes": pa.list_(OUTCOME), "eligible": pa.list_(ELIGIBLE)}
    types |= dict.fromkeys(("value", "cost", "reward"), pa.float64()) | {"rank": pa.int32()}
    names = shown("", "offer", []).keys()
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist(list(rows), schema)


D1 = (entry("offer", "RANKED", 0.3), entry("tips", "ELIGIBLE", 0.4))
D2 = (entry("tips", "RANKED", 0.6),)
D4 = (entry("offer", "RANKED", 0.5), entry("tips", "DENIED_AT_SELECT", 0.2))
SHOWN = (
    shown("d1", "offer", D1, reward=10.0, expects="signs"),
    shown("d2", "tips", D2, reward=0.0, outcomes=[("PRESENTED", None), ("NPS", 3.0), ("NPS", 9.0)]),
    shown("d4", "offer", D4, customer="bob", reward=0.0, expects="signs"),
)
DENIALS = (
    denial("d1", "loan", "CAPACITY"),
    denial("d2", "loan", "AUDIENCE", "CAPACITY"),
    denial("d2", "offer", "CONTACT_CAP"),
    denial("d3", "loan", "CONSENT_MISSING", "AUDIENCE", customer="bob", channel="email"),
    denial("d3", "offer", "CONSENT_MISSING", customer="bob", channel="email"),
    denial("d4", "loan", "AUDIENCE", customer="bob"),
    denial("d4", "tips", "NEVER_WITH", customer="bob"),
)
