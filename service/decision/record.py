"""A decision's memory: canonical JSON that holds all that went in and what came out. Same record, same decision.

`to_document` writes it, `replay` runs the very same pipeline on what went in, and the two outputs must be identical.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from features.values import FeatureStatus
from service.decision.arbitrate import Score, ScoredCandidate, ScoreSource, ValueSource, arbitrate
from service.decision.arms import Arm
from service.decision.decide import (
    Decision,
    DecisionTerms,
    Degradation,
    OtherScores,
    StateAtCommit,
    begin,
    conclude,
    revise,
)
from service.decision.evaluation import Evaluation
from service.decision.facts import Facts
from service.decision.facts_record import (
    Json,
    Told,
    contact_rows,
    contacts_from_json,
    facts_document,
    facts_from_json,
    number_to_json,
    time_text,
    uses_document,
    uses_from_json,
    value_from_json,
)
from service.decision.plan import Plan
from service.decision.select import Chance, Pick
from service.decision.tone import tone_of
from service.decision.variables import feature_variables, with_variables

FORMAT = 3
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
    draft = begin(plan, with_variables(facts_from_json(recorded)))
    decision = conclude(draft, _scores(recorded["scores"]), terms, _other(recorded.get("other")))
    settled = recorded["settled"]
    if settled is None:
        return decision
    return revise(
        decision, StateAtCommit(contacts=contacts_from_json(settled["contacts"]), uses=uses_from_json(settled["uses"]))
    )


def scores_of_arm(record: Json) -> Mapping[str, Sequence[Any]]:
    """The recorded scores by which the customer's arm ordered what was allowed, by journey."""
    given = record["input"]
    other: Json | None = given.get("other")
    is_challenger = record["output"].get("arm") == Arm.CHALLENGER and other is not None and other["is_shown"]
    scores: Mapping[str, Sequence[Any]] = other["scores"] if is_challenger and other is not None else given["scores"]
    return scores


def weighed_again(plan: Plan, record: Json) -> tuple[ScoredCandidate, ...]:
    """All that was scored, weighed by the catalogue that decided, its levers included, and by the scores of the arm.

    Cheaper than `replay`: no rule is checked, and the facts are read only where a weight of the moment asks for them.
    """
    told, given = scores_of_arm(record), _going_on(record)
    facts = facts_from_json({**given, "context": {}, "features": {}})
    offered = (o for o in plan.journeys.get(facts.channel, ()) if o.journey.journey_id in told)
    found = [candidate for o in offered if (candidate := o.candidate(facts)) is not None]
    if any(candidate.context_weights for candidate in found):
        facts = _with_variables(facts, given)
    return arbitrate(found, _scores(told), Evaluation(plan, facts))


def _going_on(record: Json) -> Json:
    """The input of a record without the enrolments that ended by themselves."""
    given, ended = record["input"], {journey for journey, _ in record["output"]["ended"]}
    going_on = [row for row in given["situation"]["enrolments"] if row[0] not in ended]
    return {**given, "situation": {**given["situation"], "enrolments": going_on}}


def _with_variables(facts: Facts, given: Json) -> Facts:
    """The facts with the variables that the whole of them would have; the features themselves are left out."""
    known = with_variables(replace(facts, context={k: value_from_json(v) for k, v in given["context"].items()}))
    rows = given["features"].items()
    present = ((name, value_from_json(value)) for name, (status, value, _) in rows if status == FeatureStatus.PRESENT)
    return replace(known, variables={**known.variables, **feature_variables(present)})


def output(decision: Decision, told: Told = time_text) -> Json:
    """What was decided: the slate, why it ends, and where every other candidate ended."""
    no_journey = decision.no_journey
    return {
        "ranked": [_ranked(pick, decision) for pick in decision.picks],
        "no_journey": None if no_journey is None else [r.code for r in no_journey],
        "eligible": [s.journey_id for s in decision.selection.eligible],
        "rejected": {journey_id: list(codes) for journey_id, codes in decision.rejected_codes.items()},
        "bypassed": {p.journey_id: [r.code for r in p.bypassed] for p in decision.picks if p.bypassed},
        "ended": [[e.journey_id, e.why.value] for e in decision.ended],
        "taken": list(decision.selection.taken),
        "valid_until": told(decision.valid_until),
        **({} if decision.plan.is_plain else _how_filled(decision)),
    }


def _how_filled(decision: Decision) -> Json:
    """By which arm, and what each slot was drawn from; nothing of it where the best is taken of everybody."""
    silence, arm = decision.selection.silence, decision.arm
    return {
        "arm": arm.value,
        "model_version": decision.model_version,
        "share": decision.ranking.shares[arm],
        "chances": [_chance(pick.chance) for pick in decision.picks],
        "silence": None if silence is None else {**_chance(silence), "value": decision.selection.silence_value},
    }


def _chance(chance: Chance) -> Json:
    return {
        "p": chance.p,
        "over_arms": chance.over_arms,
        "is_exploration": chance.is_exploration,
        "is_forced": chance.is_forced,
        "drawn_from": [list(option) for option in zip(chance.drawn_from.options, chance.drawn_from.p, strict=True)],
    }


def _ranked(pick: Pick, decision: Decision) -> Json:
    scored, candidate = pick.scored, pick.candidate
    return {
        "rank": pick.rank,
        "journey_id": candidate.journey_id,
        "kind": candidate.journey.kind,
        "stage": candidate.stage,
        "action_id": candidate.action.action_id,
        "tone": tone_of(candidate, decision.evaluation)[0],
        "is_offer": candidate.action.is_offer,
        "tier": candidate.journey.tier,
        "p_outcome": number_to_json(scored.score.p_outcome),
        **({} if scored.p_if_silent is None else {"p_if_silent": number_to_json(scored.p_if_silent)}),
        "source": scored.score.source,
        "value": number_to_json(scored.value),
        **({} if scored.value_source is ValueSource.FIXED else {"value_source": scored.value_source.value}),
        "lever": scored.lever,
        "context_weight": scored.context_weight,
        "priority": number_to_json(scored.priority),
        "selection_probability": pick.selection_probability,
    }


def told_score(score: Score) -> list[float | str | None]:
    """By position, as far as something was told."""
    told = [score.p_outcome, score.value, score.p_if_silent]
    p_outcome, value, p_if_silent = (None if number is None else number_to_json(number) for number in told)
    begin = [p_outcome, score.source.value]
    if p_if_silent is not None:
        return [*begin, value, p_if_silent]
    return begin if value is None else [*begin, value]


def _scores(recorded: Mapping[str, Sequence[Any]]) -> dict[str, Score]:
    return {journey: _score(*told) for journey, told in recorded.items()}


def _other(recorded: Json | None) -> OtherScores | None:
    if recorded is None:
        return None
    return OtherScores(
        model_version=recorded["model_version"],
        by_journey=_scores(recorded["scores"]),
        is_shown=recorded["is_shown"],
    )


def _other_document(other: OtherScores) -> Json:
    return {
        "model_version": other.model_version,
        "is_shown": other.is_shown,
        "scores": {journey: told_score(score) for journey, score in other.by_journey.items()},
    }


def _score(
    p_outcome: float | str, source: str, value: float | str | None = None, p_if_silent: float | str | None = None
) -> Score:
    return Score(
        p_outcome=float(p_outcome),
        source=ScoreSource(source),
        value=None if value is None else float(value),
        p_if_silent=None if p_if_silent is None else float(p_if_silent),
    )


def _input(decision: Decision) -> Json:
    settled = decision.settled
    return {
        **facts_document(decision.facts_as_read),
        **terms_document(decision),
        "settled": None
        if settled is None
        else {"contacts": contact_rows(settled.contacts), "uses": uses_document(settled.uses, time_text)},
        "scores": {journey: told_score(score) for journey, score in decision.scores.items()},
    }


def terms_document(decision: Decision) -> Json:
    """What it was made under, beside the facts and the scores of the champion."""
    terms = decision.terms
    return {
        "decision_id": terms.decision_id,
        "seed": terms.seed,
        "limit": terms.limit,
        **({} if decision.other is None else {"other": _other_document(decision.other)}),
        "model_version": terms.model_version,
        **({"features_version": terms.features_version} if terms.features_version else {}),
        "catalogue_version": decision.plan.version,
        "degraded": [{"what": d.what, "status": d.status.value, "effect": d.effect} for d in terms.degraded],
    }
