"""Why a journey that may be shown stands where it stands. Made only when an answer is written."""

from __future__ import annotations

from collections.abc import Iterator

from features.values import Scalar
from service.decision.arbitrate import ScoredCandidate, ScoreSource, ValueSource
from service.decision.decide import Decision
from service.decision.journey import RankBy
from service.decision.select import Pick
from service.decision.tone import tone_of
from service.decision.verdict import Reason, ReasonKind, explored


def for_pick(pick: Pick, decision: Decision) -> Iterator[Reason]:
    """What its place follows from, what it passed by bypass, which journey it displaces, and why it speaks so."""
    yield _weighed(pick.scored, ReasonKind.RANKED)
    if pick.chance.is_exploration:
        yield explored(pick.chance.p)
    yield from pick.bypassed
    for other in decision.displaced(pick):
        yield Reason(code="DISPLACES", kind=ReasonKind.RANKED, params={"other": other})
    tone = tone_of(pick.candidate, decision.evaluation)[1]
    if tone is not None:
        yield tone


def for_eligible(scored: ScoredCandidate) -> Iterator[Reason]:
    yield Reason(code="NO_SLOT_LEFT", kind=ReasonKind.ELIGIBLE)
    yield _weighed(scored, ReasonKind.ELIGIBLE)


def _weighed(scored: ScoredCandidate, kind: ReasonKind) -> Reason:
    journey = scored.candidate.journey
    params: dict[str, Scalar] = {
        "tier": journey.tier,
        "p_outcome": scored.score.p_outcome,
        "value": scored.value,
        "cost": scored.candidate.action.cost,
        "context_weight": scored.context_weight,
        "lever": scored.lever,
    }
    if scored.p_if_silent is not None:
        params["p_if_silent"] = scored.p_if_silent
    if journey.objective.rank_by is RankBy.UPLIFT:
        params["ranked_by"] = scored.ranked_by.name
    if scored.value_source is not ValueSource.FIXED:
        params["value_source"] = scored.value_source.value
    if journey.lever is not None and scored.lever != 1.0:
        params["lever_why"] = journey.lever.why
        params["lever_until"] = journey.lever.until
    code = "RANKED_BY_MODEL" if scored.score.source is ScoreSource.MODEL else "RANKED_BY_PRIOR"
    return Reason(code=code, kind=kind, params=params)
