"""Keeps events and what follows from them. Every step is commutative, so the order of arrival does not matter."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from features.values import Scalar
from service.decision.facts import ANY
from service.state.database import micros
from service.state.events import HEARTBEAT
from service.state.fold import JourneyMove, Move
from service.state.move_rows import keep_move
from service.state.port import CustomerEvent, RowResult, RowStatus

_MOVES = {"journey.entered": Move.ENTERED, "journey.advanced": Move.ADVANCED, "journey.exited": Move.EXITED}
_PUSHED = ("incident.", "consent.", "purchase")
"""Event types that change what the feature store holds."""


def keep_event(db: sqlite3.Connection, event: CustomerEvent, now: datetime) -> RowResult:
    """Keeps a valid event once; an id that is reused with other content is rejected."""
    fingerprint = fingerprint_of(event.customer_id, event.source, event.type, event.occurred_at, event.attributes)
    known = db.execute("SELECT fingerprint FROM events WHERE event_id = ?", (event.event_id,)).fetchone()
    if known is not None:
        return duplicate_or_reused(event.event_id, "event_id", known[0] == fingerprint)
    db.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
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
    _apply(db, event, now)
    return RowResult(row_id=event.event_id, status=RowStatus.ACCEPTED)


def duplicate_or_reused(row_id: str, field: str, is_same: bool) -> RowResult:
    if is_same:
        return RowResult(row_id=row_id, status=RowStatus.DUPLICATE)
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=field, code="ID_REUSED")


def fingerprint_of(*parts: str | float | datetime | Mapping[str, Scalar] | None) -> str:
    """A hash of a row's content, by which a retry is told from another row under the same id."""
    text = json.dumps([dict(p) if isinstance(p, Mapping) else p for p in parts], sort_keys=True, default=_time_text)
    return hashlib.sha256(text.encode()).hexdigest()


def raise_facts_version(db: sqlite3.Connection, customer_id: str, *, is_event: bool = True) -> None:
    """Every decision that read the facts before this commits only after reading them again."""
    db.execute(
        "INSERT INTO customers (customer_id, facts_version, has_events) VALUES (?1, 1, ?2)"
        " ON CONFLICT DO UPDATE SET facts_version = facts_version + 1, has_events = max(has_events, ?2)",
        (customer_id, int(is_event)),
    )


def _apply(db: sqlite3.Connection, event: CustomerEvent, now: datetime) -> None:
    if event.type == HEARTBEAT:
        _beat(db, event)
        return
    raise_facts_version(db, event.customer_id)
    attributes = {name: str(value) for name, value in event.attributes.items()}
    at = micros(event.occurred_at)
    if event.type == "incident.opened":
        _open_incident(db, event, attributes, at)
    elif event.type == "incident.resolved":
        _resolve_incident(db, event.customer_id, attributes["incident_id"], at)
    elif event.type.startswith("consent."):
        column = "granted_at" if event.type == "consent.granted" else "withdrawn_at"
        _keep_consent(db, event.customer_id, attributes.get("purpose", ANY), attributes.get("channel", ANY), column, at)
    elif event.type == "purchase":
        db.execute(
            "UPDATE customers SET last_purchase_at = max(coalesce(last_purchase_at, ?1), ?1) WHERE customer_id = ?2",
            (at, event.customer_id),
        )
    elif event.type in _MOVES:
        move = JourneyMove(event.occurred_at, _MOVES[event.type], event.event_id, attributes.get("stage", ""))
        keep_move(db, event.customer_id, attributes["journey_id"], move)
    if event.type.startswith(_PUSHED):
        db.execute("INSERT INTO outbox (customer_id, queued_at) VALUES (?, ?)", (event.customer_id, micros(now)))


def _beat(db: sqlite3.Connection, event: CustomerEvent) -> None:
    db.execute(
        "INSERT INTO feeds VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET heartbeat_at = max(heartbeat_at, excluded.heartbeat_at)",
        (event.source, micros(event.occurred_at)),
    )


def _open_incident(db: sqlite3.Connection, event: CustomerEvent, attributes: dict[str, str], at: int) -> None:
    """The latest `opened` gives class and severity; of two at one instant, the greater event id."""
    row = (event.customer_id, attributes["incident_id"], at, event.event_id)
    db.execute(
        "INSERT INTO incidents (customer_id, incident_id, opened_at, opened_by, incident_class, severity)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET opened_at = excluded.opened_at, opened_by = excluded.opened_by,"
        " incident_class = excluded.incident_class, severity = excluded.severity"
        " WHERE opened_at IS NULL OR (excluded.opened_at, excluded.opened_by) > (opened_at, opened_by)",
        (*row, attributes.get("class"), attributes.get("severity")),
    )


def _resolve_incident(db: sqlite3.Connection, customer_id: str, incident_id: str, at: int) -> None:
    db.execute(
        "INSERT INTO incidents (customer_id, incident_id, resolved_at) VALUES (?1, ?2, ?3)"
        " ON CONFLICT DO UPDATE SET resolved_at = max(coalesce(resolved_at, ?3), ?3)",
        (customer_id, incident_id, at),
    )


def _keep_consent(db: sqlite3.Connection, customer_id: str, purpose: str, channel: str, column: str, at: int) -> None:
    db.execute(
        f"INSERT INTO consents (customer_id, purpose, channel, {column}) VALUES (?1, ?2, ?3, ?4)"
        f" ON CONFLICT DO UPDATE SET {column} = max(coalesce({column}, ?4), ?4)",
        (customer_id, purpose, channel, at),
    )


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
