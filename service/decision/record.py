"""A decision's memory: canonical JSON that holds all that went in and what came out. Same record, same decision.

`to_document` writes it, `replay` runs the very same pipeline on what went in, and the two outputs must be identical.
"""

from __future__ import annotations

import json

from features.values import FeatureStatus
from service.decision.arbitrate import Score, ScoreSource, ValueSource
from service.decision.decide import Decision, DecisionTerms, Degradation, StateAtCommit, begin, conclude, revise
from service.decision.facts_record import (
    Json,
    contact_rows,
    contacts_from_json,
    facts_document,
    facts_from_json,
    number_to_json,
    time_text,
    uses_document,
    uses_from_json,
)
from service.decision.plan import Plan
from service.decision.select import Pick
from service.decision.tone import tone_of
from service.decision.variables import with_variables

FORMAT = 2
"""The form in which records are written; those of every form before are read."""
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canonical(document: Json) -> str:
    """One text for one document: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(document)


def to_document(decision: Decision) -> Json:
    """The record: `input` is enough to decide again, `output` is what was decided, `format` numbers their form."""
    return {"format": FORMAT, "input": _input(decision), "output": output(decision)}


def replay(plan: Plan, recorded: Json) -> Decision:
    """Decides again from a record's `input`. Rescoring is a separate check: the recorded scores are used."""
    terms = DecisionTerms(
        decision_id=recorded["decision_id"],
        limit=recorded["limit"],
        seed=recorded["seed"],
        model_version=recorded["model_version"],
        features_version=recorded.get("features_version", ""),
        degraded=tuple(
            Degradation(what=d["what"], status=FeatureStatus(d["status"]), effect=d["effect"])
            for d in recorded["degraded"]
        ),
    )
    scores = {journey: _score(*told) for journey, told in recorded["scores"].items()}
    decision = conclude(begin(plan, with_variables(facts_from_json(recorded))), scores, terms)
    settled = recorded["settled"]
    if settled is None:
        return decision
    return revise(
        decision, StateAtCommit(contacts=contacts_from_json(settled["contacts"]), uses=uses_from_json(settled["uses"]))
    )


def output(decision: Decision) -> Json:
    """What was decided: the slate, why it ends, and where every other candidate ended."""
    no_journey = decision.no_journey
    return {
        "ranked": [_ranked(pick, decision) for pick in decision.picks],
        "no_journey": None if no_journey is None else [r.code for r in no_journey],
        "eligible": [s.journey_id for s in decision.selection.eligible],
        "rejected": {r.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected},
        "bypassed": {p.journey_id: [r.code for r in p.bypassed] for p in decision.picks if p.bypassed},
        "ended": [[e.journey_id, e.why.value] for e in decision.ended],
        "taken": list(decision.selection.taken),
        "valid_until": time_text(decision.valid_until),
    }


def _ranked(pick: Pick, decision: Decision) -> Json:
    scored, candidate = pick.scored, pick.candidate
    return {
        "rank": pick.rank,
        "journey_id": candidate.journey_id,
        "kind": candidate.journey.kind.value,
        "stage": candidate.stage.value,
        "action_id": candidate.action.action_id,
        "tone": tone_of(candidate, decision.evaluation)[0],
        "is_offer": candidate.action.is_offer,
        "tier": candidate.journey.tier,
        "p_outcome": number_to_json(scored.score.p_outcome),
        "source": scored.score.source.value,
        "value": number_to_json(scored.value),
        **({} if scored.value_source is ValueSource.FIXED else {"value_source": scored.value_source.value}),
        "lever": scored.lever,
        "context_weight": scored.context_weight,
        "priority": number_to_json(scored.priority),
        "selection_probability": pick.selection_probability,
    }


def _told(score: Score) -> list[float | str]:
    told = [number_to_json(score.p_outcome), score.source.value]
    return told if score.value is None else [*told, number_to_json(score.value)]


def _score(p_outcome: float | str, source: str, value: float | str | None = None) -> Score:
    return Score(p_outcome=float(p_outcome), source=ScoreSource(source), value=None if value is None else float(value))


def _input(decision: Decision) -> Json:
    terms, settled = decision.terms, decision.settled
    return {
        **facts_document(decision.facts_as_read),
        "decision_id": terms.decision_id,
        "seed": terms.seed,
        "limit": terms.limit,
        "settled": None
        if settled is None
        else {"contacts": contact_rows(settled.contacts), "uses": uses_document(settled.uses)},
        "scores": {journey: _told(score) for journey, score in decision.scores.items()},
        "model_version": terms.model_version,
        **({"features_version": terms.features_version} if terms.features_version else {}),
        "catalogue_version": decision.plan.version,
        "degraded": [{"what": d.what, "status": d.status.value, "effect": d.effect} for d in terms.degraded],
    }
