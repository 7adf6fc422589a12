"""A catalogue whose slots are drawn, under which customers are in arms, and decisions under it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from service.catalogue.load import parse
from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import Arm
from service.decision.decide import Decision, DecisionTerms, OtherScores, begin, conclude
from service.decision.facts import Consents, Facts
from service.state.port import Committed
from tests.builders import NOW, facts
from tests.contract.adapters import Store
from tests.contract.history import SOURCE, TERMS
from tests.contract.rows import event

_DOCUMENT: dict[str, Any] = json.loads(SOURCE)


def _explored(journey: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a kind that explores; basket and survey share the first tier, and basket is pushed."""
    tier = min(journey["tier"], 2) if journey["journey"] != "survey" else 1
    pushed = {"lever": {"weight": 2.0, "until": "2030-01-01", "why": "push"}} if journey["journey"] == "basket" else {}
    return {**journey, "kind": "loyalty", "consent": ["marketing"], "tier": tier, "never_with": [], **pushed}


EXPLORING = json.dumps(
    {
        "policies": {
            **_DOCUMENT["policies"],
            "purposes": ["marketing"],
            "exploration": {"default": {"scheme": "epsilon", "epsilon": 0.5}},
            "silence": {"value": 0.25, "explored": True},
            "arms": {"salt": "s", "holdout": 0.2, "random": 0.2, "no_levers": 0.2, "challenger": 0.2},
        },
        "journeys": [_explored(journey) for journey in _DOCUMENT["journeys"]],
    }
)
CATALOGUE = parse(EXPLORING, TERMS)
PLAN = CATALOGUE.plan
CUSTOMERS: Mapping[Arm, str] = {
    arm: next(str(i) for i in range(1000) if PLAN.arms.of(str(i)) is arm) for arm in PLAN.arms.with_share
}
"""One of each arm."""
P_OUTCOME = {"basket": 0.5, "survey": 0.25, "tips": 0.125, "contact-us": 0.0625}
OTHERS = {"basket": 0.2, "survey": 0.9, "tips": 0.3, "contact-us": 0.4}
"""The challenger's."""


def _scores(p_outcome: Mapping[str, float]) -> Mapping[str, Score]:
    return {journey: Score(p_outcome=p, source=ScoreSource.MODEL) for journey, p in p_outcome.items()}


def with_consent(known: Facts) -> Facts:
    """To all that the catalogue asks for."""
    consents = Consents(granted_at={("marketing", "web"): known.now - timedelta(days=1)})
    return replace(known, situation=replace(known.situation, consents=consents))


def drawn(known: Facts, decision_id: str, *, limit: int = 2) -> Decision:
    """Not committed."""
    other = OtherScores(model_version="m2", by_journey=_scores(OTHERS), is_shown=True)
    terms = DecisionTerms(decision_id=decision_id, limit=limit, model_version="m1")
    return conclude(begin(PLAN, known), _scores(P_OUTCOME), terms, other)


async def explored(
    state: Store, decision_id: str, arm: Arm, *, now: datetime = NOW, limit: int = 2, customer_id: str = ""
) -> Decision:
    """A committed decision for a customer of this arm, or for the one named; d1, d2, ... are other draws."""
    await state.keep_catalogue(CATALOGUE.version, EXPLORING)
    customer_id = customer_id or CUSTOMERS[arm]
    grant = event(
        f"grant-{customer_id}", "consent.granted", NOW, customer_id=customer_id, purpose="marketing", channel="web"
    )
    await state.record_events([grant], NOW)
    reading = await state.situation(customer_id, now, PLAN.reach_on("web"))
    known = replace(facts(now=now, situation=reading.situation), customer_id=customer_id)
    result = await state.commit(drawn(known, decision_id, limit=limit), None)
    assert isinstance(result, Committed)
    return result.decision
