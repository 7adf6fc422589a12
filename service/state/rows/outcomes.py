"""Keeps outcomes, and moves the contact they speak of.

An outcome names the decision of its contact, or the customer alone: it then belongs to the contact of its journey that
was last presented to her, and is kept as if it had named that decision. To which it was given never changes.

An outcome counts from the time that it tells, but not before its decision; what it moves in the customer's journeys
happened by the time that it came. Several reports that a contact was presented are one presentation, which counts from
the latest of them and began with the earliest. So neither the order in which reports come nor one more of them ever
moves a count back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.decision.facts import FactKind
from service.decision.reports.events import FieldFault
from service.decision.reports.rows import Outcome, OutcomeType, RowResult, RowStatus
from service.state.engines.session import (
    POOLS_LOCK,
    RULES_LOCK,
    Locks,
    Row,
    Session,
    Sql,
    customer_lock,
    from_micros,
    micros,
    placeholders,
)
from service.state.port import KeptOutcome
from service.state.rows.contact_row import displaced_by
from service.state.rows.contacts import Contacts
from service.state.rows.decision_ids import find_row
from service.state.rows.events import duplicate_or_reused, fingerprint_of
from service.state.rows.fold import JourneyMove, Move
from service.state.rows.last_presented import LastPresented, Windows
from service.state.rows.moves import Moves
from service.state.rows.pools import Counters
from service.state.rows.versions import raise_versions

Key = tuple[str, str]
"""(decision id, journey id)"""
_MOVING = (OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED)


def outcome_locks(session: Session, outcomes: Sequence[Outcome]) -> Locks:
    """The customers whose contacts these outcomes speak of, which never change; the pools, if a contact may move."""
    ids = sorted({o.decision_id for o in outcomes if o.decision_id})
    (rows,) = session.query(
        Sql(f"SELECT DISTINCT customer_id FROM contacts WHERE decision_id IN {placeholders(ids)}", ids),
    )
    named = (o.customer_id for o in outcomes if o.customer_id)
    customers = frozenset(customer_lock(one) for one in (*named, *(row["customer_id"] for row in rows)))
    moves = any(o.type in _MOVING for o in outcomes)
    return Locks(exclusive=customers | {POOLS_LOCK} if moves else customers, shared=frozenset({RULES_LOCK}))


def keep_outcomes(
    session: Session, outcomes: Sequence[Outcome], now: datetime, counters: Counters, windows: Windows
) -> list[RowResult]:
    """Keeps each valid outcome once. Rejected: of an unknown decision, or of a journey that it did not rank; of a
    customer to whom the journey was not presented, or not so that one contact could be told; a reused id.
    """
    keeper = _OutcomeWriter(session, outcomes, now, counters, windows)
    results = [keeper.keep(outcome) for outcome in outcomes]
    keeper.tell()
    return results


class _OutcomeWriter:
    """Writes some outcomes; what they concern is read at once, and each sees what those before it changed."""

    def __init__(
        self, session: Session, outcomes: Sequence[Outcome], now: datetime, counters: Counters, windows: Windows
    ) -> None:
        ids, decisions = [o.outcome_id for o in outcomes], sorted({o.decision_id for o in outcomes if o.decision_id})
        known, contacts = session.query(
            Sql(
                f"SELECT outcome_id, fingerprint, decision_id FROM outcomes WHERE outcome_id IN {placeholders(ids)}",
                ids,
            ),
            Sql(f"SELECT * FROM contacts WHERE decision_id IN {placeholders(decisions)}", decisions),
        )
        self._session, self._now = session, now
        self._door = Contacts(session, counters.at(session))
        self._known: dict[str, tuple[str, str]] = {r["outcome_id"]: (r["fingerprint"], r["decision_id"]) for r in known}
        self._contacts: dict[Key, Row] = {(row["decision_id"], row["journey_id"]): dict(row) for row in contacts}
        self._moves = Moves(session, (p for o in outcomes if o.type is OutcomeType.PRESENTED for p in self._places(o)))
        self._last_presented = LastPresented(session, windows, outcomes, now)

    def keep(self, outcome: Outcome) -> RowResult:
        fingerprint = _fingerprint(outcome)
        if outcome.outcome_id in self._known:
            first, decision_id = self._known[outcome.outcome_id]
            is_same = first == fingerprint
            result = duplicate_or_reused(outcome.outcome_id, "outcome_id", is_same)
            return replace(result, decision_id=decision_id) if is_same else result
        contact = self._contact(outcome)
        if isinstance(contact, FieldFault):
            return RowResult(
                row_id=outcome.outcome_id, status=RowStatus.REJECTED, field=contact.field, code=contact.code
            )
        return self._keep(replace(outcome, decision_id=contact["decision_id"], customer_id=""), contact, fingerprint)

    def tell(self) -> None:
        self._moves.tell()

    def _contact(self, outcome: Outcome) -> Row | FieldFault:
        """The row of the contact that it speaks of, or why there is none."""
        if outcome.customer_id:
            return self._last_presented.of(outcome)
        contact = self._contacts.get((outcome.decision_id, outcome.journey_id))
        return self._not_ranked(outcome) if contact is None else contact

    def _keep(self, outcome: Outcome, contact: Row, fingerprint: str) -> RowResult:
        """Keeps one that names the decision of its contact."""
        self._known[outcome.outcome_id] = fingerprint, outcome.decision_id
        is_late = outcome.type is OutcomeType.PRESENTED and self._is_late(contact)
        self._session.execute(
            _row(outcome, contact, self._now, is_late=is_late, fingerprint=fingerprint),
            raise_versions(contact["customer_id"], *_kinds(outcome)),
        )
        self._move(outcome, contact)
        return RowResult(
            row_id=outcome.outcome_id, status=RowStatus.ACCEPTED, late=is_late, decision_id=outcome.decision_id
        )

    def _places(self, outcome: Outcome) -> list[tuple[str, str]]:
        """Where a customer's place may change once this is presented: here, and where it displaces."""
        contact = self._contacts.get((outcome.decision_id, outcome.journey_id))
        if contact is None:
            return []
        return [
            (contact["customer_id"], journey) for journey in (outcome.journey_id, *displaced_by(contact["displaces"]))
        ]

    def _not_ranked(self, outcome: Outcome) -> FieldFault:
        is_known = find_row(self._session, outcome.decision_id) is not None
        field, code = ("journey_id", "NOT_RANKED") if is_known else ("decision_id", "UNKNOWN_DECISION")
        return FieldFault(field=field, code=code)

    def _is_late(self, contact: Row) -> bool:
        """Reported when the reservation had been given back, or its time was over."""
        is_over: bool = micros(self._now) >= contact["reserved_until"]
        return contact["state"] == "RELEASED" or (contact["state"] == "RESERVED" and is_over)

    def _move(self, outcome: Outcome, contact: Row) -> None:
        """PRESENTED confirms, and wins over NOT_PRESENTED whatever the order; that gives back."""
        place = outcome.decision_id, outcome.journey_id
        if outcome.type is OutcomeType.PRESENTED:
            self._contacts[place] = self._present(outcome, contact)
            self._last_presented.presented(contact["customer_id"], outcome.journey_id)
        elif outcome.type is OutcomeType.NOT_PRESENTED and contact["state"] == "RESERVED":
            self._contacts[place] = self._door.release(contact)

    def _present(self, outcome: Outcome, contact: Row) -> Row:
        """Enters the journey, and ends those whose place it takes, from when it was first presented on."""
        customer_id, cause = contact["customer_id"], f"{outcome.decision_id}/{outcome.journey_id}"
        at = _at(outcome, contact)
        shown_at = max(contact["decided_at"], min(at, micros(self._now)))
        first_at = shown_at if contact["presented_at"] is None else min(shown_at, contact["presented_at"])
        entered = JourneyMove(from_micros(shown_at), Move.PRESENTED, cause, contact["stage"])
        self._moves.keep_last((customer_id, outcome.journey_id), entered)
        for displaced in displaced_by(contact["displaces"]):
            self._moves.keep_first((customer_id, displaced), JourneyMove(from_micros(first_at), Move.EXITED, cause, ""))
        return self._door.present(contact, at=max(at, contact["at"]), presented_at=first_at)


def _fingerprint(outcome: Outcome) -> str:
    """Of what was reported: the customer where she was named, whichever decision it was given to."""
    whose = {"customer_id": outcome.customer_id} if outcome.customer_id else outcome.decision_id
    return fingerprint_of(whose, outcome.journey_id, outcome.type.value, outcome.value, outcome.occurred_at)


def _at(outcome: Outcome, contact: Row) -> int:
    """When it counts from."""
    return int(max(micros(outcome.occurred_at), contact["decided_at"]))


def _kinds(outcome: Outcome) -> tuple[FactKind, ...]:
    """PRESENTED moves the customer through the journey too, and out of those that it displaces."""
    is_presented = outcome.type is OutcomeType.PRESENTED
    return (FactKind.OUTCOMES, FactKind.PLACES) if is_presented else (FactKind.OUTCOMES,)


def _row(outcome: Outcome, contact: Row, now: datetime, *, is_late: bool, fingerprint: str) -> Sql:
    return Sql(
        "INSERT INTO outcomes (outcome_id, decision_id, journey_id, customer_id, type, value, occurred_at, at,"
        " received_at, late, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            outcome.outcome_id,
            outcome.decision_id,
            outcome.journey_id,
            contact["customer_id"],
            outcome.type.value,
            outcome.value,
            micros(outcome.occurred_at),
            _at(outcome, contact),
            micros(now),
            int(is_late),
            fingerprint,
        ),
    )


def outcomes_of(decision_id: str) -> Sql:
    return Sql("SELECT * FROM outcomes WHERE decision_id = ? ORDER BY occurred_at, outcome_id", (decision_id,))


def kept_outcome(row: Row) -> KeptOutcome:
    return KeptOutcome(
        outcome=Outcome(
            outcome_id=row["outcome_id"],
            decision_id=row["decision_id"],
            journey_id=row["journey_id"],
            type=OutcomeType(row["type"]),
            value=row["value"],
            occurred_at=from_micros(row["occurred_at"]),
        ),
        recorded_at=from_micros(row["received_at"]),
        is_late=bool(row["late"]),
    )
