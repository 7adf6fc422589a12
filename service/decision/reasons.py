"""Why a journey that may be shown stands where it stands. Made only when an answer is written."""

from __future__ import annotations

from features.values import Scalar
from service.decision.arbitrate import Scored, ScoreSource
from service.decision.select import Pick
from service.decision.verdict import Reason, ReasonKind


def for_pick(pick: Pick) -> tuple[Reason, ...]:
    """What its place follows from: tier, probability, value, and the weights that moved it."""
    return (_weighed(pick.scored, ReasonKind.RANKED),)


def for_eligible(scored: Scored) -> tuple[Reason, ...]:
    return (Reason(code="NO_SLOT_LEFT", kind=ReasonKind.ELIGIBLE), _weighed(scored, ReasonKind.ELIGIBLE))


def _weighed(scored: Scored, kind: ReasonKind) -> Reason:
    journey = scored.candidate.journey
    params: dict[str, Scalar] = {
        "tier": journey.tier,
        "p_outcome": scored.score.p_outcome,
        "value": journey.objective.value,
        "cost": scored.candidate.action.cost,
        "context_weight": scored.context_weight,
        "lever": scored.lever,
    }
    if journey.lever is not None and scored.lever != 1.0:
        params["lever_why"] = journey.lever.why
        params["lever_until"] = journey.lever.until
    code = "RANKED_BY_MODEL" if scored.score.source is ScoreSource.MODEL else "RANKED_BY_PRIOR"
    return Reason(code=code, kind=kind, params=params)
