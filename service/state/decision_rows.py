"""Keeps decisions: the re-check, the reservations, what ended, and the record, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from service.decision.decide import Decision, Settled, revise
from service.decision.enrolments import WhyEnded
from service.decision.record import canonical, to_document
from service.decision.select import contact_of
from service.state.database import instant, micros, optional_instant
from service.state.event_rows import raise_facts_version
from service.state.fold import JourneyMove, Move
from service.state.move_rows import keep_move
from service.state.outcome_rows import read_outcomes
from service.state.pool_rows import read_uses
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    ContactState,
    FactsMoved,
    RequestKey,
    StoredDecision,
)
from service.state.situation_rows import read_contacts, read_versions


def commit_decision(db: sqlite3.Connection, decision: Decision, key: RequestKey | None) -> CommitResult:
    """Writes nothing unless the decision stands: its facts and the kill list are the present ones.

    What counts by now, the customer's contacts and everybody's uses of the shared pools, still allows each pick.
    """
    facts = decision.draft.facts
    if key is not None:
        earlier = find_by_request(db, facts.customer_id, key.request_id, facts.now)
        if earlier is not None:
            return AlreadyDecided(stored=earlier)
    read, present = facts.situation, read_versions(db, facts.customer_id)
    if present.facts != read.facts_version or present.kills != read.kills_version:
        return FactsMoved()
    plan = decision.draft.plan
    uses = read_uses(db, plan.pools_on(facts.channel), facts.now)
    if present.contacts != read.contacts_version or uses != dict(read.uses):
        contacts = read_contacts(db, facts.customer_id, facts.now, plan.horizon)
        decision = revise(decision, Settled(contacts=contacts, uses=uses))
    _insert(db, decision, key)
    return Committed(decision=decision)


def _insert(db: sqlite3.Connection, decision: Decision, key: RequestKey | None) -> None:
    facts, decision_id = decision.draft.facts, decision.terms.decision_id
    record = canonical(to_document(decision))
    fingerprint = "" if key is None else key.fingerprint
    times = (micros(decision.decided_at), micros(decision.valid_until))
    db.execute(
        "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?)", (decision_id, facts.customer_id, *times, fingerprint, record)
    )
    if key is not None:
        db.execute("INSERT INTO requests VALUES (?, ?, ?)", (facts.customer_id, key.request_id, decision_id))
    if decision.draft.ended:
        _end_enrolments(db, decision)
    if decision.picks:
        _reserve(db, decision)


def _end_enrolments(db: sqlite3.Connection, decision: Decision) -> None:
    """What the decision found to be over ends when its time was over, else now, so that it may be entered anew."""
    customer_id, lifetimes = decision.draft.read.customer_id, decision.draft.plan.lifetimes
    for ended in decision.draft.ended:
        at = decision.decided_at
        lasts = lifetimes[ended.journey_id].max_duration if ended.why is WhyEnded.MAX_DURATION else None
        if lasts is not None:
            at = decision.draft.read.situation.enrolments[ended.journey_id].since + lasts
        keep_move(db, customer_id, ended.journey_id, JourneyMove(at, Move.EXITED, decision.terms.decision_id, ""))
    raise_facts_version(db, customer_id, is_event=False)


def _reserve(db: sqlite3.Connection, decision: Decision) -> None:
    facts, plan = decision.draft.facts, decision.draft.plan
    channel = plan.channels[facts.channel]
    reserved_until = micros(decision.valid_until)
    for pick in decision.picks:
        contact = contact_of(pick.scored, facts, channel, decision.terms.decision_id)
        db.execute(
            "INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'RESERVED', ?, ?)",
            (
                contact.decision_id,
                contact.journey_id,
                facts.customer_id,
                contact.kind.value,
                contact.channel,
                pick.scored.candidate.stage.value,
                micros(contact.at),
                reserved_until,
                None if contact.counts_until is None else micros(contact.counts_until),
                contact.cost,
                json.dumps(decision.displaced(pick)),
            ),
        )
    db.execute(
        "INSERT INTO customers (customer_id, contacts_version) VALUES (?, 1)"
        " ON CONFLICT DO UPDATE SET contacts_version = contacts_version + 1",
        (facts.customer_id,),
    )


def find_by_request(db: sqlite3.Connection, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
    row = db.execute(
        "SELECT decision_id FROM requests WHERE customer_id = ? AND request_id = ?", (customer_id, request_id)
    ).fetchone()
    return None if row is None else find_decision(db, row[0], now)


def find_decision(db: sqlite3.Connection, decision_id: str, now: datetime) -> StoredDecision | None:
    row = db.execute("SELECT * FROM decisions WHERE decision_id = ?", (decision_id,)).fetchone()
    if row is None:
        return None
    contacts = db.execute(
        "SELECT journey_id, state, counts_until, reserved_until FROM contacts WHERE decision_id = ?", (decision_id,)
    )
    return StoredDecision(
        decision_id=decision_id,
        customer_id=row["customer_id"],
        valid_until=instant(row["valid_until"]),
        request_fingerprint=row["fingerprint"],
        record=json.loads(row["record"]),
        contact_states={c["journey_id"]: _state(c, now) for c in contacts},
        outcomes=read_outcomes(db, decision_id),
    )


def _state(contact: sqlite3.Row, now: datetime) -> ContactState:
    """A reservation whose time is over is EXPIRED, whether its channel then counts or releases it."""
    state = ContactState(contact["state"])
    ended = optional_instant(contact["reserved_until"])
    if state is ContactState.RESERVED and ended is not None and now >= ended:
        return ContactState.EXPIRED
    return state
