"""What the two stores may say of a customer, for tests of the merge: readings of Feast and of the state store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from features.reading import FeatureReading, ViewFault
from features.situation import ConsentFact, ConsentStatus, IncidentFact, IncidentStatus, render
from features.values import FeatureStatus, FeatureValue, Scalar
from service.application.hydrate import FactsRequest, HydratedFacts, merge
from service.decision.facts import Consents, Incident, OpenIncidents, ResolvedIncident, Situation
from service.state.port import StateReading
from tests.builders import NOW
from tests.example import TERMS

T1, T2, T3 = (NOW - timedelta(hours=h) for h in (3, 2, 1))
ASKED = FactsRequest(customer_id="1", channel="web", placement="home", context={"basket": 1.5})
UNAVAILABLE, PRESENT = FeatureStatus.UNAVAILABLE, FeatureStatus.PRESENT


def value(name: str, content: Scalar | None, status: FeatureStatus = PRESENT) -> FeatureValue:
    return FeatureValue(name=name, status=status, value=content, event_time=T1)


def reading(*values: FeatureValue, faults: tuple[ViewFault, ...] = (), has_any_row: bool = True) -> FeatureReading:
    return FeatureReading(values={v.name: v for v in values}, degraded=faults, has_any_row=has_any_row)


def incident_fact(at: datetime, status: str, incident_id: str = "i1", **named: str) -> IncidentFact:
    return IncidentFact(
        incident_id=incident_id,
        incident_class=named.get("class_"),
        severity=named.get("severity"),
        status=IncidentStatus(status),
        at=at,
    )


def incidents(*facts: IncidentFact) -> FeatureValue:
    return value("incidents_json", render(facts))


def consents(*facts: tuple[str, str, str, datetime]) -> FeatureValue:
    listed = [ConsentFact(purpose=p, channel=c, status=ConsentStatus(s), at=at) for p, c, s, at in facts]
    return value("consents_json", render(listed))


def state(
    *known: Incident,
    heard: Mapping[str, datetime] | None = None,
    consents: Consents | None = None,
    resolved: tuple[ResolvedIncident, ...] = (),
    last_resolved_at: datetime | None = None,
    last_purchase_at: datetime | None = None,
    has_events: bool = False,
) -> StateReading:
    """What the state store says; an open incident was heard of when it was opened, unless told otherwise."""
    situation = Situation(
        incidents=OpenIncidents(known=known, resolved=resolved, last_resolved_at=last_resolved_at),
        consents=consents or Consents(),
        latest={} if last_purchase_at is None else {"last_purchase_at": last_purchase_at},
        has_events=has_events,
    )
    opened_at = {i.incident_id: i.opened_at for i in known}
    return StateReading(situation=situation, incident_heard_at={**opened_at, **(heard or {})})


def incident(at: datetime, incident_id: str = "i1", **named: str) -> Incident:
    return Incident(
        incident_id=incident_id, opened_at=at, incident_class=named.get("class_"), severity=named.get("severity")
    )


def over(at: datetime, incident_class: str | None = None, severity: str | None = None) -> ResolvedIncident:
    return ResolvedIncident(incident_class=incident_class, severity=severity, resolved_at=at)


def merged(own: StateReading, *values: FeatureValue, faults: tuple[ViewFault, ...] = ()) -> HydratedFacts:
    return made_of(reading(*values, faults=faults), own)


def made_of(read: FeatureReading, own: StateReading) -> HydratedFacts:
    """The facts of the example's customer, once so much was read."""
    return merge(ASKED, NOW, read, own, TERMS)
