"""Reads what is known of one customer from the rows of one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from service.decision.facts import Consents, Contact, Enrolment, Incident, OpenIncidents, Situation
from service.decision.journey import JourneyKind, Stage
from service.state.database import instant, micros, optional_instant
from service.state.port import IncidentTimes, StateReading


def read_situation(db: sqlite3.Connection, customer_id: str, now: datetime, horizon: timedelta) -> StateReading:
    """A customer without rows has an empty situation: no event means nothing happened."""
    row = db.execute("SELECT * FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None:
        return StateReading(situation=Situation(), incident_heard_at={})
    incidents = read_incidents(db, customer_id)
    situation = Situation(
        facts_version=row["facts_version"],
        contacts_version=row["contacts_version"],
        has_events=bool(row["has_events"]),
        incidents=_open(incidents),
        consents=read_consents(db, customer_id),
        contacts=read_contacts(db, customer_id, now, horizon),
        enrolments=_enrolments(db, customer_id),
        last_purchase_at=optional_instant(row["last_purchase_at"]),
    )
    return StateReading(situation=situation, incident_heard_at={i.incident_id: i.heard_at for i in incidents})


def read_versions(db: sqlite3.Connection, customer_id: str) -> tuple[int, int]:
    """(facts_version, contacts_version)."""
    row = db.execute(
        "SELECT facts_version, contacts_version FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def read_contacts(db: sqlite3.Connection, customer_id: str, now: datetime, horizon: timedelta) -> tuple[Contact, ...]:
    """The contacts that count: presented, or reserved and not yet given back."""
    rows = db.execute(
        "SELECT decision_id, journey_id, kind, channel, at, counts_until FROM contacts WHERE customer_id = ?"
        " AND at > ? AND state <> 'RELEASED' AND (counts_until IS NULL OR counts_until > ?)"
        " ORDER BY at, decision_id, journey_id",
        (customer_id, micros(now - horizon), micros(now)),
    )
    return tuple(
        Contact(
            decision_id=row["decision_id"],
            journey_id=row["journey_id"],
            kind=JourneyKind(row["kind"]),
            channel=row["channel"],
            at=instant(row["at"]),
            counts_until=optional_instant(row["counts_until"]),
        )
        for row in rows
    )


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


def _open(incidents: Iterable[IncidentTimes]) -> OpenIncidents:
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
