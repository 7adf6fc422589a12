"""A decision's memory: canonical JSON that holds all that went in and what came out. Same record, same decision.

`to_json` writes it, `replay` runs the very same pipeline on what went in, and the two outputs must be identical.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import Decision, Degraded, Terms, begin, conclude, revise
from service.decision.facts import Consents, Contact, Enrolment, Facts, Incident, OpenIncidents, Situation
from service.decision.journey import JourneyKind, Stage
from service.decision.plan import Plan
from service.decision.variables import with_variables

Json = dict[str, Any]


def canonical(document: Json) -> str:
    """One text for one document: sorted keys, no spaces, no NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_document(decision: Decision) -> Json:
    """The record: `input` is enough to decide again, `output` is what was decided."""
    return {"input": _input(decision), "output": output(decision)}


def replay(plan: Plan, recorded: Json) -> Decision:
    """Decides again from a record's `input`. Rescoring is a separate check: the recorded scores are used."""
    facts = with_variables(_facts(recorded))
    terms = Terms(
        decision_id=recorded["decision_id"],
        limit=recorded["limit"],
        seed=recorded["seed"],
        model_version=recorded["model_version"],
        degraded=tuple(
            Degraded(what=d["what"], status=FeatureStatus(d["status"]), effect=d["effect"])
            for d in recorded["degraded"]
        ),
    )
    scores = {k: Score(p_outcome=float(p), source=ScoreSource(source)) for k, (p, source) in recorded["scores"].items()}
    decision = conclude(begin(plan, facts), scores, terms)
    settled = recorded["settled_contacts"]
    return decision if settled is None else revise(decision, tuple(_contact(c) for c in settled))


def output(decision: Decision) -> Json:
    """What was decided: the slate, why it ends, and where every other candidate ended."""
    no_journey = decision.no_journey
    return {
        "ranked": [
            {
                "rank": pick.rank,
                "journey_id": pick.scored.candidate.journey_id,
                "kind": pick.scored.candidate.journey.kind.value,
                "stage": pick.scored.candidate.stage.value,
                "action_id": pick.scored.candidate.action.action_id,
                "tone": pick.scored.candidate.action.tone,
                "is_offer": pick.scored.candidate.action.is_offer,
                "tier": pick.scored.candidate.journey.tier,
                "p_outcome": _number(pick.scored.score.p_outcome),
                "source": pick.scored.score.source.value,
                "value": pick.scored.candidate.journey.objective.value,
                "lever": pick.scored.lever,
                "context_weight": pick.scored.context_weight,
                "priority": _number(pick.scored.priority),
                "selection_probability": pick.selection_probability,
            }
            for pick in decision.picks
        ],
        "no_journey": None if no_journey is None else [r.code for r in no_journey],
        "eligible": [s.candidate.journey_id for s in decision.selection.eligible],
        "rejected": {r.candidate.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected},
        "taken": list(decision.selection.taken),
        "valid_until": _time(decision.valid_until),
    }


def _input(decision: Decision) -> Json:
    facts, terms, settled = decision.draft.facts, decision.terms, decision.settled_contacts
    return {
        "decision_id": terms.decision_id,
        "now": _time(facts.now),
        "seed": terms.seed,
        "customer_id": facts.customer_id,
        "channel": facts.channel,
        "placement": facts.placement,
        "context": {k: _scalar(v) for k, v in facts.context.items()},
        "limit": terms.limit,
        "features": {
            f.name: [f.status.value, _scalar(f.value), _optional_time(f.event_time)] for f in facts.features.values()
        },
        "is_known": facts.is_known,
        "situation": _situation(facts.situation),
        "settled_contacts": None if settled is None else [_contact_document(c) for c in settled],
        "scores": {k: [_number(s.p_outcome), s.source.value] for k, s in decision.scores.items()},
        "model_version": terms.model_version,
        "catalogue_version": decision.draft.plan.version,
        "degraded": [{"what": d.what, "status": d.status.value, "effect": d.effect} for d in terms.degraded],
    }


def _situation(situation: Situation) -> Json:
    incidents, consents = situation.incidents, situation.consents
    return {
        "facts_version": situation.facts_version,
        "contacts_version": situation.contacts_version,
        "has_events": situation.has_events,
        "incidents": [[i.incident_id, _time(i.opened_at), i.incident_class, i.severity] for i in incidents.known],
        "incidents_status": incidents.status.value,
        "last_resolved_at": _optional_time(incidents.last_resolved_at),
        "granted": [[*key, _time(at)] for key, at in sorted(consents.granted_at.items())],
        "withdrawn": [[*key, _time(at)] for key, at in sorted(consents.withdrawn_at.items())],
        "consents_status": consents.status.value,
        "contacts": [_contact_document(c) for c in situation.contacts],
        "enrolments": [[e.journey_id, e.stage.value, _time(e.since)] for e in situation.enrolments.values()],
        "last_purchase_at": _optional_time(situation.last_purchase_at),
    }


def _facts(recorded: Json) -> Facts:
    situation = recorded["situation"]
    return Facts(
        now=_instant(recorded["now"]),
        customer_id=recorded["customer_id"],
        channel=recorded["channel"],
        placement=recorded["placement"],
        context={k: _value(v) for k, v in recorded["context"].items()},
        features={name: _feature(name, row) for name, row in recorded["features"].items()},
        is_known=recorded["is_known"],
        situation=Situation(
            facts_version=situation["facts_version"],
            contacts_version=situation["contacts_version"],
            has_events=situation["has_events"],
            incidents=OpenIncidents(
                known=tuple(
                    Incident(incident_id=i, opened_at=_instant(at), incident_class=c, severity=s)
                    for i, at, c, s in situation["incidents"]
                ),
                status=FeatureStatus(situation["incidents_status"]),
                last_resolved_at=_optional_instant(situation["last_resolved_at"]),
            ),
            consents=Consents(
                granted_at={(p, c): _instant(at) for p, c, at in situation["granted"]},
                withdrawn_at={(p, c): _instant(at) for p, c, at in situation["withdrawn"]},
                status=FeatureStatus(situation["consents_status"]),
            ),
            contacts=tuple(_contact(c) for c in situation["contacts"]),
            enrolments={
                j: Enrolment(journey_id=j, stage=Stage(s), since=_instant(at)) for j, s, at in situation["enrolments"]
            },
            last_purchase_at=_optional_instant(situation["last_purchase_at"]),
        ),
    )


def _contact_document(contact: Contact) -> list[str | None]:
    times = [_time(contact.at), _optional_time(contact.counts_until)]
    return [contact.decision_id, contact.journey_id, contact.kind.value, contact.channel, *times]


def _contact(row: list[str]) -> Contact:
    decision_id, journey_id, kind, channel, at, until = row
    return Contact(
        decision_id=decision_id,
        journey_id=journey_id,
        kind=JourneyKind(kind),
        channel=channel,
        at=_instant(at),
        counts_until=_optional_instant(until),
    )


def _feature(name: str, row: list[Any]) -> FeatureValue:
    status, value, event_time = row
    return FeatureValue(
        name=name,
        status=FeatureStatus(status),
        value=None if value is None else _value(value),
        event_time=_optional_instant(event_time),
    )


def _scalar(value: Scalar | None) -> Any:
    """Times and numbers that are not finite are marked, for JSON has no form for them."""
    if isinstance(value, datetime):
        return {"time": _time(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": _number(value)}
    return value


def _value(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    return _instant(document["time"]) if "time" in document else float(document["number"])


def _number(value: float) -> float | str:
    """A number that is not finite goes by its name (nan, inf, -inf), for JSON has none; `float` reads both back."""
    return value if math.isfinite(value) else str(float(value))


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _optional_time(at: datetime | None) -> str | None:
    return None if at is None else _time(at)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_instant(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
