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
from service.decision.facts import FactKind
from service.decision.reports.effects import (
    ConsentGranted,
    ConsentWithdrawn,
    Effect,
    FeedAlive,
    Happened,
    IncidentOpened,
    IncidentResolved,
    KnownEvent,
    Moved,
    kinds_of,
)
from service.decision.reports.rows import RowResult, RowStatus
from service.state.engines.session import Locks, Session, Sql, customer_lock, micros, placeholders
from service.state.rows.fold import JourneyMove
from service.state.rows.moves import Moves
from service.state.rows.outbox import queued
from service.state.rows.versions import raise_versions


def event_locks(events: Sequence[KnownEvent]) -> Locks:
    """Each customer, so that a decision sees all of a customer's events or none; each feed too, for its heartbeat."""
    return Locks(
        exclusive=frozenset(customer_lock(e.customer_id) if e.is_of_customer else f"feed:{e.source}" for e in events)
    )


def keep_events(
    session: Session, events: Sequence[KnownEvent], now: datetime, fed: frozenset[FactKind]
) -> list[RowResult]:
    """Keeps each valid event once; an id that is reused with other content is rejected.

    `fed`: the kinds of facts of which the feature store is told.
    """
    (rows,) = session.query(
        Sql(
            f"SELECT event_id, fingerprint FROM events WHERE event_id IN {placeholders(e.event_id for e in events)}",
            [e.event_id for e in events],
        )
    )
    known: dict[str, str] = {row["event_id"]: row["fingerprint"] for row in rows}
    moves = Moves(session, ((e.customer_id, moved.journey_id) for e in events for moved in _moved_by(e)))
    results = []
    for event in events:
        fingerprint = fingerprint_of(event.customer_id, event.source, event.type, event.occurred_at, event.attributes)
        if event.event_id in known:
            results.append(duplicate_or_reused(event.event_id, "event_id", known[event.event_id] == fingerprint))
            continue
        known[event.event_id] = fingerprint
        session.execute(_row(event, now, fingerprint), *_changes(event, now, fed))
        for moved in _moved_by(event):
            move = JourneyMove(min(event.occurred_at, now), moved.move, event.event_id, moved.stage)
            moves.keep((event.customer_id, moved.journey_id), move)
        results.append(RowResult(row_id=event.event_id, status=RowStatus.ACCEPTED))
    moves.tell()
    return results


def _moved_by(event: KnownEvent) -> Iterator[Moved]:
    return (effect for effect in event.effects if isinstance(effect, Moved))


def duplicate_or_reused(row_id: str, field: str, is_same: bool) -> RowResult:
    if is_same:
        return RowResult(row_id=row_id, status=RowStatus.DUPLICATE)
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=field, code="ID_REUSED")


def fingerprint_of(*parts: str | float | datetime | Mapping[str, Scalar] | None) -> str:
    """A hash of a row's content, by which a retry is told from another row under the same id."""
    text = json.dumps([dict(p) if isinstance(p, Mapping) else p for p in parts], sort_keys=True, default=_time_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _row(event: KnownEvent, now: datetime, fingerprint: str) -> Sql:
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


def _changes(event: KnownEvent, now: datetime, fed: frozenset[FactKind]) -> Iterator[Sql]:
    if event.is_of_customer:
        yield raise_versions(event.customer_id, *kinds_of(event.effects), is_event=True)
    for effect in event.effects:
        yield from _carried_out(effect, event, now)
        yield from _queued(effect, event, now, fed)


def _carried_out(effect: Effect, event: KnownEvent, now: datetime) -> Iterator[Sql]:
    """What an effect changes beside moves, which are folded together."""
    at, customer_id = min(micros(event.occurred_at), micros(now)), event.customer_id
    match effect:
        case IncidentOpened():
            yield _open_incident(effect, event, at)
        case IncidentResolved(incident_id=incident_id):
            yield _later("incidents", {"customer_id": customer_id, "incident_id": incident_id}, "resolved_at", at)
        case ConsentGranted(purpose=purpose, channel=channel) | ConsentWithdrawn(purpose=purpose, channel=channel):
            column = "granted_at" if isinstance(effect, ConsentGranted) else "withdrawn_at"
            consent = {"customer_id": customer_id, "purpose": purpose, "channel": channel}
            yield _later("consents", consent, column, at)
        case Happened(latest=latest):
            yield _later("latest_events", {"customer_id": customer_id, "name": latest}, "at", at)
        case FeedAlive(source=source):
            yield _later("feeds", {"source": source}, "heartbeat_at", at)
        case Moved():
            pass


def _queued(effect: Effect, event: KnownEvent, now: datetime, fed: frozenset[FactKind]) -> Iterator[Sql]:
    """What the feature store must be told of it."""
    match effect:
        case IncidentOpened(incident_id=incident_id) | IncidentResolved(incident_id=incident_id):
            if FactKind.INCIDENTS in fed:
                yield queued(event.customer_id, now, incident_id=incident_id)
        case ConsentGranted(purpose=purpose, channel=channel) | ConsentWithdrawn(purpose=purpose, channel=channel):
            if FactKind.CONSENTS in fed:
                yield queued(event.customer_id, now, purpose=purpose, channel=channel)
        case _:
            pass


def _later(table: str, key: Mapping[str, str], column: str, at: int) -> Sql:
    """Keeps the latest time in a column of the row of this key."""
    names = ", ".join(key)
    return Sql(
        f"INSERT INTO {table} ({names}, {column}) VALUES ({', '.join('?' for _ in key)}, ?)"
        f" ON CONFLICT ({names}) DO UPDATE SET {column} = excluded.{column}"
        f" WHERE {table}.{column} IS NULL OR excluded.{column} > {table}.{column}",
        (*key.values(), at),
    )


def _open_incident(opened: IncidentOpened, event: KnownEvent, at: int) -> Sql:
    """The latest `opened` gives class and severity; of two at one instant, the greater event id."""
    return Sql(
        "INSERT INTO incidents (customer_id, incident_id, opened_at, opened_by, incident_class, severity)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (customer_id, incident_id) DO UPDATE SET opened_at = excluded.opened_at,"
        " opened_by = excluded.opened_by, incident_class = excluded.incident_class, severity = excluded.severity"
        " WHERE incidents.opened_at IS NULL"
        " OR (excluded.opened_at, excluded.opened_by) > (incidents.opened_at, incidents.opened_by)",
        (event.customer_id, opened.incident_id, at, event.event_id, opened.incident_class, opened.severity),
    )


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
