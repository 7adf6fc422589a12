"""Reads what is known of one customer from the rows of one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.decision.constraints.capacity import Pool
from service.decision.facts import (
    Consents,
    Contact,
    Enrolment,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
)
from service.decision.journey import JourneyKind, Stage
from service.state.database import instant, micros, optional_instant
from service.state.kill_rows import list_kills, read_kills_version
from service.state.pool_rows import read_uses
from service.state.port import IncidentTimes, StateReading


def read_situation(
    db: sqlite3.Connection, customer_id: str, now: datetime, horizon: timedelta, pools: Sequence[Pool]
) -> StateReading:
    """A customer without rows has a situation of nothing but what concerns everybody: no event, nothing happened."""
    everybodys = Situation(
        kills_version=read_kills_version(db),
        kills={kill.target: kill.why for kill in list_kills(db)},
        uses=read_uses(db, pools, now),
        feeds=_feeds(db),
    )
    row = db.execute("SELECT * FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None:
        return StateReading(situation=everybodys, incident_heard_at={})
    incidents = read_incidents(db, customer_id)
    situation = replace(
        everybodys,
        facts_version=row["facts_version"],
        contacts_version=row["contacts_version"],
        has_events=bool(row["has_events"]),
        incidents=_open_and_resolved(incidents),
        consents=read_consents(db, customer_id),
        contacts=read_contacts(db, customer_id, now, horizon),
        responses=_responses(db, customer_id, now - horizon),
        enrolments=_enrolments(db, customer_id),
        last_purchase_at=optional_instant(row["last_purchase_at"]),
    )
    return StateReading(situation=situation, incident_heard_at={i.incident_id: i.heard_at for i in incidents})


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What a commit compares with what was read."""

    facts: int
    contacts: int
    kills: int


def read_versions(db: sqlite3.Connection, customer_id: str) -> Versions:
    row = db.execute(
        "SELECT facts_version, contacts_version FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    facts, contacts = (0, 0) if row is None else row
    return Versions(facts=facts, contacts=contacts, kills=read_kills_version(db))


def read_contacts(db: sqlite3.Connection, customer_id: str, now: datetime, horizon: timedelta) -> tuple[Contact, ...]:
    """The contacts that count: presented, or reserved and not yet given back."""
    rows = db.execute(
        "SELECT * FROM contacts WHERE customer_id = ?"
        " AND at > ? AND state <> 'RELEASED' AND (counts_until IS NULL OR counts_until > ?)"
        " ORDER BY at, decision_id, journey_id",
        (customer_id, micros(now - horizon), micros(now)),
    )
    return tuple(_contact(row, is_presented=row["state"] == "PRESENTED") for row in rows)


def _contact(row: sqlite3.Row, *, is_presented: bool) -> Contact:
    return Contact(
        decision_id=row["decision_id"],
        journey_id=row["journey_id"],
        kind=JourneyKind(row["kind"]),
        channel=row["channel"],
        at=instant(row["at"]),
        counts_until=optional_instant(row["counts_until"]),
        reserved_until=None if is_presented else instant(row["reserved_until"]),
        is_presented=is_presented,
        cost=row["cost"],
    )


def _responses(db: sqlite3.Connection, customer_id: str, since: datetime) -> tuple[Response, ...]:
    """What the customer did; whether a contact took place at all is no response."""
    rows = db.execute(
        "SELECT decision_id, journey_id, type, occurred_at FROM outcomes WHERE customer_id = ? AND occurred_at > ?"
        " AND type NOT IN ('PRESENTED', 'NOT_PRESENTED') ORDER BY occurred_at, outcome_id",
        (customer_id, micros(since)),
    )
    return tuple(
        Response(
            decision_id=row["decision_id"],
            journey_id=row["journey_id"],
            type=row["type"],
            at=instant(row["occurred_at"]),
        )
        for row in rows
    )


def _feeds(db: sqlite3.Connection) -> dict[str, datetime]:
    rows = db.execute("SELECT source, heartbeat_at FROM feeds ORDER BY source")
    return {source: instant(heartbeat_at) for source, heartbeat_at in rows}


def read_incidents(db: sqlite3.Connection, customer_id: str) -> list[IncidentTimes]:
    """Every incident of the customer, open or not."""
    rows = db.execute("SELECT * FROM incidents WHERE customer_id = ? ORDER BY incident_id", (customer_id,))
    return [
        IncidentTimes(
            incident_id=row["incident_id"],
            opened_at=optional_instant(row["opened_at"]),
            resolved_at=optional_instant(row["resolved_at"]),
            incident_class=row["incident_class"],
            severity=row["severity"],
        )
        for row in rows
    ]


def _open_and_resolved(incidents: Iterable[IncidentTimes]) -> OpenIncidents:
    listed = tuple(incidents)
    return OpenIncidents(
        known=tuple(
            Incident(
                incident_id=i.incident_id,
                opened_at=i.opened_at,
                incident_class=i.incident_class,
                severity=i.severity,
            )
            for i in listed
            if i.opened_at is not None and i.is_open
        ),
        resolved=tuple(
            ResolvedIncident(incident_class=i.incident_class, severity=i.severity, resolved_at=i.resolved_at)
            for i in listed
            if i.resolved_at is not None and not i.is_open
        ),
        last_resolved_at=max((i.resolved_at for i in listed if i.resolved_at is not None), default=None),
    )


def read_consents(db: sqlite3.Connection, customer_id: str) -> Consents:
    rows = db.execute("SELECT * FROM consents WHERE customer_id = ?", (customer_id,)).fetchall()
    return Consents(
        granted_at={
            (r["purpose"], r["channel"]): instant(r["granted_at"]) for r in rows if r["granted_at"] is not None
        },
        withdrawn_at={
            (r["purpose"], r["channel"]): instant(r["withdrawn_at"]) for r in rows if r["withdrawn_at"] is not None
        },
    )


def _enrolments(db: sqlite3.Connection, customer_id: str) -> dict[str, Enrolment]:
    rows = db.execute("SELECT * FROM enrolments WHERE customer_id = ? ORDER BY journey_id", (customer_id,))
    return {
        row["journey_id"]: Enrolment(
            journey_id=row["journey_id"], stage=Stage(row["stage"]), since=instant(row["since"])
        )
        for row in rows
    }
