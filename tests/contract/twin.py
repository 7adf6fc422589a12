"""A naive twin of the situation: from the list of all events, by design section 4, nothing kept between events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from service.decision.facts import Enrolment, FactKind, Incident, ResolvedIncident
from service.decision.journey import Stage
from service.decision.reports.rows import CustomerEvent

RANK = {"journey.entered": 1, "journey.advanced": 2, "journey.exited": 3}
OPENS = {"incident.opened": "incident_id", "claim.opened": "incident_id", "case.opened": "case_id"}
RESOLVES = {"incident.resolved": "incident_id", "claim.closed": "incident_id"}
"""Where each type says of which incident it tells."""
LATEST = {"purchase": "last_purchase_at", "card.renewed": "last_renewed_at", "claim.opened": "last_claim_at"}
"""The feature that tells when one of a type last happened."""


def times(events: Sequence[CustomerEvent], type_: str, **attributes: str) -> list[datetime]:
    """When events of this type happened that have these attributes."""
    return [e.occurred_at for e in events if e.type == type_ and attributes.items() <= e.attributes.items()]


def versions(events: Sequence[CustomerEvent]) -> dict[FactKind, int]:
    """One for each event of the kind; whatever is of no other is the customer's own, and so is that there is any."""
    incidents = sum(e.type in {*OPENS, *RESOLVES} for e in events)
    consents, places = (sum(e.type.startswith(first) for e in events) for first in ("consent.", "journey."))
    others = len(events) - incidents - consents - places + len(times(events, "claim.opened"))
    return {
        FactKind.INCIDENTS: incidents,
        FactKind.CONSENTS: consents,
        FactKind.PLACES: places,
        FactKind.EVENTS: others + bool(events),
        FactKind.OUTCOMES: 0,
    }


def latest(events: Sequence[CustomerEvent]) -> dict[str, datetime]:
    """When something last happened, by the feature that tells it."""
    told = {name: times(events, type_) for type_, name in LATEST.items()}
    return {name: max(listed) for name, listed in told.items() if listed}


def open_incidents(events: Sequence[CustomerEvent]) -> list[Incident]:
    """Open iff the latest `opened` is later than the latest `resolved`; a tie is resolved."""
    found = []
    for incident_id in _incident_ids(events):
        latest, resolved_at = _latest_opening(events, incident_id), _resolved_at(events, incident_id)
        if latest is not None and (resolved_at is None or resolved_at < latest.occurred_at):
            incident_class, severity = _named(latest)
            found.append(
                Incident(
                    incident_id=incident_id,
                    opened_at=latest.occurred_at,
                    incident_class=incident_class,
                    severity=severity,
                )
            )
    return found


def resolved_incidents(events: Sequence[CustomerEvent]) -> list[ResolvedIncident]:
    """The others, by when they were last resolved, as the latest `opened` called them."""
    are_open = {i.incident_id for i in open_incidents(events)}
    found = []
    for incident_id in _incident_ids(events):
        resolved_at = _resolved_at(events, incident_id)
        if incident_id not in are_open and resolved_at is not None:
            incident_class, severity = _named(_latest_opening(events, incident_id))
            found.append(ResolvedIncident(incident_class=incident_class, severity=severity, resolved_at=resolved_at))
    return found


def last_resolved_at(events: Sequence[CustomerEvent]) -> datetime | None:
    """When any incident was last resolved."""
    return max((e.occurred_at for e in events if e.type in RESOLVES), default=None)


def _id(one: CustomerEvent) -> str | None:
    """The incident that an event tells of."""
    named = {**OPENS, **RESOLVES}.get(one.type)
    return None if named is None else str(one.attributes[named])


def _incident_ids(events: Sequence[CustomerEvent]) -> list[str]:
    return sorted({incident_id for e in events if (incident_id := _id(e)) is not None})


def _latest_opening(events: Sequence[CustomerEvent], incident_id: str) -> CustomerEvent | None:
    opens = [e for e in events if e.type in OPENS and _id(e) == incident_id]
    return max(opens, key=lambda e: (e.occurred_at, e.event_id), default=None)


def _resolved_at(events: Sequence[CustomerEvent], incident_id: str) -> datetime | None:
    return max((e.occurred_at for e in events if e.type in RESOLVES and _id(e) == incident_id), default=None)


def _named(opening: CustomerEvent | None) -> tuple[str | None, str | None]:
    """Class and severity."""
    if opening is None:
        return None, None
    attributes = {name: str(value) for name, value in opening.attributes.items()}
    by_type = {"incident.opened": attributes.get("class"), "case.opened": attributes.get("area")}
    return by_type.get(opening.type, "claims"), attributes.get("severity")


def last_heard(events: Sequence[CustomerEvent]) -> dict[str, datetime]:
    """When each incident was last opened or resolved."""
    heard: dict[str, datetime] = {}
    for one in events:
        incident_id = _id(one)
        if incident_id is not None:
            heard[incident_id] = max(one.occurred_at, heard.get(incident_id, one.occurred_at))
    return heard


def consents(events: Sequence[CustomerEvent], purpose: str, channel: str) -> bool:
    """Holds iff the latest grant is later than the latest withdrawal that covers it; a tie is withdrawn."""
    granted = times(events, "consent.granted", purpose=purpose, channel=channel)
    withdrawn = [
        e.occurred_at
        for e in events
        if e.type == "consent.withdrawn"
        and e.attributes.get("purpose", purpose) == purpose
        and e.attributes.get("channel", channel) == channel
    ]
    return bool(granted) and (not withdrawn or max(granted) > max(withdrawn))


def place(events: Sequence[CustomerEvent], journey_id: str) -> Enrolment | None:
    """What followed the last exit: entered by the first of it, at the stage of the last of it."""
    moves = [e for e in events if e.type in RANK and e.attributes["journey_id"] == journey_id]
    moves.sort(key=lambda e: (e.occurred_at, RANK[e.type], e.event_id))
    while any(e.type == "journey.exited" for e in moves):
        moves.pop(0)
    if not moves:
        return None
    return Enrolment(journey_id=journey_id, stage=Stage(str(moves[-1].attributes["stage"])), since=moves[0].occurred_at)
