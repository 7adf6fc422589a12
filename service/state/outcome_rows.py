"""Keeps outcomes, and moves the contact they speak of."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from service.state.database import instant, micros
from service.state.event_rows import duplicate_or_reused, fingerprint_of, raise_facts_version
from service.state.fold import JourneyMove, Move
from service.state.move_rows import keep_move, set_exit
from service.state.port import KeptOutcome, Outcome, OutcomeType, RowResult, RowStatus


def keep_outcome(db: sqlite3.Connection, outcome: Outcome, now: datetime) -> RowResult:
    """Keeps a valid outcome once. Rejected: an unknown decision, a journey it did not rank, a reused id."""
    fingerprint = fingerprint_of(
        outcome.decision_id, outcome.journey_id, outcome.type.value, outcome.value, outcome.occurred_at
    )
    known = db.execute("SELECT fingerprint, late FROM outcomes WHERE outcome_id = ?", (outcome.outcome_id,)).fetchone()
    if known is not None:
        return duplicate_or_reused(outcome.outcome_id, "outcome_id", known["fingerprint"] == fingerprint)
    key = (outcome.decision_id, outcome.journey_id)
    contact = db.execute("SELECT * FROM contacts WHERE decision_id = ? AND journey_id = ?", key).fetchone()
    if contact is None:
        return _not_ranked(db, outcome)
    is_late = outcome.type is OutcomeType.PRESENTED and _is_late(contact, now)
    db.execute(
        "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            outcome.outcome_id,
            *key,
            contact["customer_id"],
            outcome.type.value,
            outcome.value,
            micros(outcome.occurred_at),
            micros(now),
            int(is_late),
            fingerprint,
        ),
    )
    raise_facts_version(db, contact["customer_id"], is_event=False)
    _move_contact(db, outcome, contact)
    return RowResult(row_id=outcome.outcome_id, status=RowStatus.ACCEPTED, late=is_late)


def _not_ranked(db: sqlite3.Connection, outcome: Outcome) -> RowResult:
    decision = db.execute("SELECT 1 FROM decisions WHERE decision_id = ?", (outcome.decision_id,)).fetchone()
    field, code = ("decision_id", "UNKNOWN_DECISION") if decision is None else ("journey_id", "NOT_RANKED")
    return RowResult(row_id=outcome.outcome_id, status=RowStatus.REJECTED, field=field, code=code)


def _is_late(contact: sqlite3.Row, now: datetime) -> bool:
    """Reported when the reservation had been given back, or its time was over."""
    is_over: bool = micros(now) >= contact["reserved_until"]
    return contact["state"] == "RELEASED" or (contact["state"] == "RESERVED" and is_over)


def _move_contact(db: sqlite3.Connection, outcome: Outcome, contact: sqlite3.Row) -> None:
    """PRESENTED confirms, at its own time, and wins over NOT_PRESENTED whatever the order; that gives back."""
    key = (outcome.decision_id, outcome.journey_id)
    if outcome.type is OutcomeType.PRESENTED:
        _present(db, outcome, contact)
    elif outcome.type is OutcomeType.NOT_PRESENTED and contact["state"] == "RESERVED":
        db.execute("UPDATE contacts SET state = 'RELEASED' WHERE decision_id = ? AND journey_id = ?", key)
    else:
        return
    db.execute(
        "UPDATE customers SET contacts_version = contacts_version + 1 WHERE customer_id = ?", (contact["customer_id"],)
    )


def _present(db: sqlite3.Connection, outcome: Outcome, contact: sqlite3.Row) -> None:
    """The contact counts from when it was first presented; then the journeys end whose place this one takes."""
    customer_id, at = contact["customer_id"], micros(outcome.occurred_at)
    if contact["state"] == "PRESENTED":
        at = min(at, contact["at"])
    db.execute(
        "UPDATE contacts SET state = 'PRESENTED', at = ?, counts_until = NULL WHERE decision_id = ? AND journey_id = ?",
        (at, outcome.decision_id, outcome.journey_id),
    )
    move = JourneyMove(outcome.occurred_at, Move.PRESENTED, outcome.outcome_id, contact["stage"])
    keep_move(db, customer_id, outcome.journey_id, move)
    for displaced in json.loads(contact["displaces"]):
        set_exit(db, customer_id, displaced, instant(at), f"{outcome.decision_id}/{outcome.journey_id}")


def read_outcomes(db: sqlite3.Connection, decision_id: str) -> tuple[KeptOutcome, ...]:
    rows = db.execute("SELECT * FROM outcomes WHERE decision_id = ? ORDER BY occurred_at, outcome_id", (decision_id,))
    return tuple(
        KeptOutcome(
            outcome=Outcome(
                outcome_id=row["outcome_id"],
                decision_id=row["decision_id"],
                journey_id=row["journey_id"],
                type=OutcomeType(row["type"]),
                value=row["value"],
                occurred_at=instant(row["occurred_at"]),
            ),
            recorded_at=instant(row["received_at"]),
            is_late=bool(row["late"]),
        )
        for row in rows
    )
