"""A naive twin of the situation: from the list of all events, by design section 4, nothing kept between events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from service.decision.facts import Enrolment, Incident
from service.decision.journey import Stage
from service.state.port import CustomerEvent

RANK = {"journey.entered": 1, "journey.advanced": 2, "journey.exited": 3}


def times(events: Sequence[CustomerEvent], type_: str, **attributes: str) -> list[datetime]:
    """When events of this type happened that have these attributes."""
    return [e.occurred_at for e in events if e.type == type_ and attributes.items() <= e.attributes.items()]


def open_incidents(events: Sequence[CustomerEvent]) -> list[Incident]:
    """Open iff the latest `opened` is later than the latest `resolved`; a tie is resolved."""
    found = []
    for incident_id in sorted({str(e.attributes["incident_id"]) for e in events if e.type.startswith("incident.")}):
        opens = [e for e in events if e.type == "incident.opened" and e.attributes["incident_id"] == incident_id]
        resolved = times(events, "incident.resolved", incident_id=incident_id)
        if not opens or (resolved and max(resolved) >= max(e.occurred_at for e in opens)):
            continue
        latest = max(opens, key=lambda e: (e.occurred_at, e.event_id))
        named = {name: latest.attributes.get(name) for name in ("class", "severity")}
        found.append(
            Incident(
                incident_id=incident_id,
                opened_at=latest.occurred_at,
                incident_class=None if named["class"] is None else str(named["class"]),
                severity=None if named["severity"] is None else str(named["severity"]),
            )
        )
    return found


def last_heard(events: Sequence[CustomerEvent]) -> dict[str, datetime]:
    """When each incident was last opened or resolved."""
    heard: dict[str, datetime] = {}
    for one in events:
        if one.type.startswith("incident."):
            incident_id = str(one.attributes["incident_id"])
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
