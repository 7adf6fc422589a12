"""Facts as canonical JSON values, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.facts import (
    Consents,
    Contact,
    Enrolment,
    FactKind,
    Facts,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
    UntoldIncident,
    Use,
)
from service.decision.journey import JourneyKind, Stage

Json = dict[str, Any]
Told = Callable[[datetime], Any]
"""How a document has a time: as text, or as it is, for a writer that writes the same text."""
_FORM_1_LATEST = "last_purchase_at"


def facts_document(facts: Facts) -> Json:
    """What `facts_from_json` needs; variables follow from it."""
    return {
        **moment_document(facts, time_text),
        "features": _feature_rows(facts.features.values()),
        "situation": _situation_document(facts.situation),
    }


def moment_document(facts: Facts, told: Told) -> Json:
    """Who asks, where and when, without what is known of her."""
    return {
        "now": told(facts.now),
        "customer_id": facts.customer_id,
        "channel": facts.channel,
        "placement": facts.placement,
        "context": {k: recorded_value(v) for k, v in facts.context.items()},
        "is_known": facts.is_known,
    }


def facts_from_json(recorded: Json) -> Facts:
    """The facts of a document, without variables."""
    return Facts(
        now=from_iso(recorded["now"]),
        customer_id=recorded["customer_id"],
        channel=recorded["channel"],
        placement=recorded["placement"],
        context={k: value_from_json(v) for k, v in recorded["context"].items()},
        features={name: _feature(name, row) for name, row in recorded["features"].items()},
        is_known=recorded["is_known"],
        situation=_situation(recorded["situation"]),
    )


def _feature_rows(features: Iterable[FeatureValue]) -> Json:
    """The features of a view share their event time, which is written once."""
    times: dict[datetime | None, str | None] = {None: None}
    rows: Json = {}
    for feature in features:
        at, value = feature.event_time, feature.value
        if at not in times:
            times[at] = _optional_time(at)
        rows[feature.name] = [feature.status, recorded_value(value), times[at]]
    return rows


def contact_rows(contacts: Iterable[Contact]) -> list[list[Any]]:
    return [
        [
            c.decision_id,
            c.journey_id,
            c.kind.value,
            c.channel,
            time_text(c.at),
            _optional_time(c.counts_until),
            _optional_time(c.reserved_until),
            c.is_presented,
            c.cost,
            *rest_of_contact(_optional_time(c.decided_at), _optional_time(c.presented_at), list(c.displaces)),
        ]
        for c in contacts
    ]


def rest_of_contact(decided_at: str | None, presented_at: str | None, displaces: list[str]) -> list[Any]:
    """Other times, and what it displaces; left out where there is none, as in records of before contacts had them."""
    if displaces:
        return [decided_at, presented_at, displaces]
    return [] if decided_at is None and presented_at is None else [decided_at, presented_at]


def contacts_from_json(rows: Iterable[list[Any]]) -> tuple[Contact, ...]:
    return tuple(
        Contact(
            decision_id=decision_id,
            journey_id=journey_id,
            kind=JourneyKind(kind),
            channel=channel,
            at=from_iso(at),
            counts_until=_optional_instant(counts_until),
            reserved_until=_optional_instant(reserved_until),
            is_presented=is_presented,
            cost=cost,
            decided_at=_optional_instant(rest[0]) if rest else None,
            presented_at=_optional_instant(rest[1]) if rest else None,
            displaces=tuple(rest[2]) if len(rest) > 2 else (),
        )
        for decision_id, journey_id, kind, channel, at, counts_until, reserved_until, is_presented, cost, *rest in rows
    )


def uses_document(uses: Mapping[str, tuple[Use, ...]], told: Told) -> Json:
    return {pool: [[told(u.ends_at), u.amount] for u in listed] for pool, listed in uses.items()}


def uses_from_json(document: Json) -> dict[str, tuple[Use, ...]]:
    return {
        pool: tuple(Use(ends_at=from_iso(at), amount=amount) for at, amount in rows) for pool, rows in document.items()
    }


def number_to_json(value: float) -> float | str:
    """A number that is not finite goes by its name (nan, inf, -inf), for JSON has none; `float` reads both back."""
    return value if math.isfinite(value) else str(float(value))


def in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def time_text(at: datetime) -> str:
    return in_utc(at).isoformat()


def from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _situation_document(situation: Situation) -> Json:
    return {
        **standing_document(situation, time_text),
        "contacts": contact_rows(situation.contacts),
        "responses": [[r.decision_id, r.journey_id, r.type, time_text(r.at)] for r in situation.responses],
    }


def standing_document(situation: Situation, told: Told) -> Json:
    """All of a situation but the contacts and the responses to them, of which there may be many."""
    incidents, consents = situation.incidents, situation.consents
    return {
        "versions": {kind.value: version for kind, version in situation.versions.items()},
        "contacts_version": situation.contacts_version,
        "kills_version": situation.kills_version,
        "has_events": situation.has_events,
        "incidents": [[i.incident_id, told(i.opened_at), i.incident_class, i.severity] for i in incidents.known],
        "resolved": [[r.incident_class, r.severity, told(r.resolved_at)] for r in incidents.resolved],
        "incidents_status": incidents.status,
        "incidents_truncated": incidents.is_truncated,
        **_untold_document(incidents.untold),
        "last_resolved_at": None if incidents.last_resolved_at is None else told(incidents.last_resolved_at),
        "granted": [[*key, told(at)] for key, at in sorted(consents.granted_at.items())],
        "withdrawn": [[*key, told(at)] for key, at in sorted(consents.withdrawn_at.items())],
        "consents_status": consents.status,
        "enrolments": [[e.journey_id, e.stage, told(e.since)] for e in situation.enrolments.values()],
        "latest": {name: told(at) for name, at in situation.latest.items()},
        "kills": dict(situation.kills),
        "uses": uses_document(situation.uses, told),
        "feeds": {source: told(at) for source, at in situation.feeds.items()},
    }


def _untold_document(untold: tuple[UntoldIncident, ...]) -> Json:
    """Left out where there is none, as in records of before features told of incidents."""
    return {"incidents_untold": [[u.incident_class, u.fact, u.status] for u in untold]} if untold else {}


def _situation(document: Json) -> Situation:
    return Situation(
        versions={FactKind(kind): version for kind, version in document.get("versions", {}).items()},
        contacts_version=document["contacts_version"],
        kills_version=document["kills_version"],
        has_events=document["has_events"],
        incidents=_incidents(document),
        consents=Consents(
            granted_at={(p, c): from_iso(at) for p, c, at in document["granted"]},
            withdrawn_at={(p, c): from_iso(at) for p, c, at in document["withdrawn"]},
            status=FeatureStatus(document["consents_status"]),
        ),
        contacts=contacts_from_json(document["contacts"]),
        responses=tuple(
            Response(decision_id=d, journey_id=j, type=t, at=from_iso(at)) for d, j, t, at in document["responses"]
        ),
        enrolments={
            j: Enrolment(journey_id=j, stage=Stage(s), since=from_iso(at)) for j, s, at in document["enrolments"]
        },
        latest=_latest(document),
        kills=document["kills"],
        uses=uses_from_json(document["uses"]),
        feeds={source: from_iso(at) for source, at in document["feeds"].items()},
    )


def _latest(document: Json) -> dict[str, datetime]:
    """A record of form 1 tells of one feature alone, by a name of its own."""
    told = document["latest"] if "latest" in document else {_FORM_1_LATEST: document[_FORM_1_LATEST]}
    return {name: from_iso(at) for name, at in told.items() if at is not None}


def _incidents(document: Json) -> OpenIncidents:
    return OpenIncidents(
        known=tuple(
            Incident(incident_id=i, opened_at=from_iso(at), incident_class=c, severity=s)
            for i, at, c, s in document["incidents"]
        ),
        resolved=tuple(
            ResolvedIncident(incident_class=c, severity=s, resolved_at=from_iso(at))
            for c, s, at in document["resolved"]
        ),
        untold=tuple(
            UntoldIncident(incident_class=c, fact=fact, status=status)
            for c, fact, status in document.get("incidents_untold", ())
        ),
        status=FeatureStatus(document["incidents_status"]),
        is_truncated=document.get("incidents_truncated", False),
        last_resolved_at=_optional_instant(document["last_resolved_at"]),
    )


def _feature(name: str, row: list[Any]) -> FeatureValue:
    status, value, event_time = row
    return FeatureValue(
        name=name,
        status=FeatureStatus(status),
        value=None if value is None else value_from_json(value),
        event_time=_optional_instant(event_time),
    )


def recorded_value(value: Scalar | None) -> Any:
    """Times and numbers that are not finite are marked, for JSON has no form for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": number_to_json(value)}
    return {"time": time_text(value)} if isinstance(value, datetime) else value


def value_from_json(document: Any) -> Any:
    """The value that a document stands for: a time or a number that is not finite is marked in it."""
    if not isinstance(document, Mapping):
        return document
    return from_iso(document["time"]) if "time" in document else float(document["number"])


def _optional_time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def _optional_instant(text: str | None) -> datetime | None:
    return None if text is None else from_iso(text)
