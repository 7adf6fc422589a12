"""Keeps events and what follows from them. Every step is commutative, so the order of arrival does not matter.

An event counts at the earlier of the time that it tells and its receipt: whatever a clock elsewhere says, nothing that
is told later lies before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from features.values import Scalar
from service.decision.facts import ANY, FactKind
from service.decision.reports.events import HEARTBEAT
from service.decision.reports.rows import CustomerEvent, RowResult, RowStatus
from service.state.engines.session import Locks, Session, Sql, customer_lock, micros, placeholders
from service.state.rows.fold import JourneyMove, Move
from service.state.rows.moves import Moves
from service.state.rows.outbox import queued
from service.state.rows.versions import raise_versions

_MOVES = {"journey.entered": Move.ENTERED, "journey.advanced": Move.ADVANCED, "journey.exited": Move.EXITED}
_KINDS = {"incident": FactKind.INCIDENTS, "consent": FactKind.CONSENTS, "journey": FactKind.PLACES}
"""By the first word of an event type; all others are the customer's own."""


def event_locks(events: Sequence[CustomerEvent]) -> Locks:
    """Each customer, so that a decision sees all of a customer's events or none; each feed too, for its heartbeat."""
    return Locks(
        exclusive=frozenset(customer_lock(e.customer_id) if e.type != HEARTBEAT else f"feed:{e.source}" for e in events)
    )


def keep_events(session: Session, events: Sequence[CustomerEvent], now: datetime) -> list[RowResult]:
    """Keeps each valid event once; an id that is reused with other content is rejected."""
    (rows,) = session.query(
        Sql(
            f"SELECT event_id, fingerprint FROM events WHERE event_id IN {placeholders(e.event_id for e in events)}",
            [e.event_id for e in events],
        )
    )
    known: dict[str, str] = {row["event_id"]: row["fingerprint"] for row in rows}
    moves = Moves(session, ((e.customer_id, str(e.attributes["journey_id"])) for e in events if e.type in _MOVES))
    results = []
    for event in events:
        fingerprint = fingerprint_of(event.customer_id, event.source, event.type, event.occurred_at, event.attributes)
        if event.event_id in known:
            results.append(duplicate_or_reused(event.event_id, "event_id", known[event.event_id] == fingerprint))
            continue
        known[event.event_id] = fingerprint
        session.execute(_row(event, now, fingerprint), *_changes(event, now))
        if event.type in _MOVES:
            place = event.customer_id, str(event.attributes["journey_id"])
            stage = str(event.attributes.get("stage", ""))
            moves.keep(place, JourneyMove(min(event.occurred_at, now), _MOVES[event.type], event.event_id, stage))
        results.append(RowResult(row_id=event.event_id, status=RowStatus.ACCEPTED))
    moves.tell()
    return results


def duplicate_or_reused(row_id: str, field: str, is_same: bool) -> RowResult:
    if is_same:
        return RowResult(row_id=row_id, status=RowStatus.DUPLICATE)
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=field, code="ID_REUSED")


def fingerprint_of(*parts: str | float | datetime | Mapping[str, Scalar] | None) -> str:
    """A hash of a row's content, by which a retry is told from another row under the same id."""
    text = json.dumps([dict(p) if isinstance(p, Mapping) else p for p in parts], sort_keys=True, default=_time_text)
    return hashlib.sha256(text.encode()).hexdigest()


def kind_of(event_type: str) -> FactKind:
    return _KINDS.get(event_type.split(".")[0], FactKind.EVENTS)


def _row(event: CustomerEvent, now: datetime, fingerprint: str) -> Sql:
    return Sql(
        "INSERT INTO events (event_id, customer_id, source, type, occurred_at, received_at, attributes, fingerprint)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.event_id,
            event.customer_id,
            event.source,
            event.type,
            micros(event.occurred_at),
            micros(now),
            json.dumps(dict(event.attributes), sort_keys=True, ensure_ascii=False, default=_time_text),
            fingerprint,
        ),
    )


def _changes(event: CustomerEvent, now: datetime) -> Iterator[Sql]:
    at, customer_id = min(micros(event.occurred_at), micros(now)), event.customer_id
    if event.type == HEARTBEAT:
        yield _later("feeds", {"source": event.source}, "heartbeat_at", at)
        return
    yield raise_versions(event.customer_id, kind_of(event.type), is_event=True)
    attributes = {name: str(value) for name, value in event.attributes.items()}
    if event.type == "incident.opened":
        yield _open_incident(event, attributes, at)
        yield queued(customer_id, now, incident_id=attributes["incident_id"])
    elif event.type == "incident.resolved":
        incident = {"customer_id": customer_id, "incident_id": attributes["incident_id"]}
        yield _later("incidents", incident, "resolved_at", at)
        yield queued(customer_id, now, incident_id=attributes["incident_id"])
    elif event.type.startswith("consent."):
        column = "granted_at" if event.type == "consent.granted" else "withdrawn_at"
        of = {"purpose": attributes.get("purpose", ANY), "channel": attributes.get("channel", ANY)}
        yield _later("consents", {"customer_id": customer_id, **of}, column, at)
        yield queued(customer_id, now, purpose=of["purpose"], channel=of["channel"])
    elif event.type == "purchase":
        yield _later("customers", {"customer_id": customer_id}, "last_purchase_at", at)


def _later(table: str, key: Mapping[str, str], column: str, at: int) -> Sql:
    """Keeps the latest time in a column of the row of this key."""
    names = ", ".join(key)
    return Sql(
        f"INSERT INTO {table} ({names}, {column}) VALUES ({', '.join('?' for _ in key)}, ?)"
        f" ON CONFLICT ({names}) DO UPDATE SET {column} = excluded.{column}"
        f" WHERE {table}.{column} IS NULL OR excluded.{column} > {table}.{column}",
        (*key.values(), at),
    )


def _open_incident(event: CustomerEvent, attributes: Mapping[str, str], at: int) -> Sql:
    """The latest `opened` gives class and severity; of two at one instant, the greater event id."""
    return Sql(
        "INSERT INTO incidents (customer_id, incident_id, opened_at, opened_by, incident_class, severity)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (customer_id, incident_id) DO UPDATE SET opened_at = excluded.opened_at,"
        " opened_by = excluded.opened_by, incident_class = excluded.incident_class, severity = excluded.severity"
        " WHERE incidents.opened_at IS NULL"
        " OR (excluded.opened_at, excluded.opened_by) > (incidents.opened_at, incidents.opened_by)",
        (
            event.customer_id,
            attributes["incident_id"],
            at,
            event.event_id,
            attributes.get("class"),
            attributes.get("severity"),
        ),
    )


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
