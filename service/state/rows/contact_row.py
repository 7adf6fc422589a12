"""How a contact stands as a row, and which rows count. What changes one is in `contacts`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from service.decision.facts import Contact
from service.decision.journey import JourneyKind
from service.state.engines.session import Row, Sql, from_micros, micros, optional_instant
from service.state.port import ContactState


def contacts_query(customer_id: str, now: datetime, back: timedelta) -> Sql:
    """A question for the contacts that count: presented, or reserved and not yet given back.

    Those of the last time `back`, and those whose reservation is open, however old.
    """
    counting = (
        "SELECT * FROM contacts WHERE customer_id = ? AND state <> 'RELEASED'"
        " AND (counts_until IS NULL OR counts_until > ?)"
    )
    whose = customer_id, micros(now)
    return Sql(
        f"{counting} AND at > ? UNION {counting} AND reserved_until > ? ORDER BY at, decision_id, journey_id",
        (*whose, micros(now - back), *whose, micros(now)),
    )


def contact_of_row(row: Row) -> Contact:
    is_presented = row["state"] == "PRESENTED"
    return Contact(
        decision_id=row["decision_id"],
        journey_id=row["journey_id"],
        kind=JourneyKind(row["kind"]),
        channel=row["channel"],
        at=from_micros(row["at"]),
        counts_until=optional_instant(row["counts_until"]),
        reserved_until=None if is_presented else from_micros(row["reserved_until"]),
        is_presented=is_presented,
        cost=row["cost"],
        decided_at=_other(row, "decided_at"),
        presented_at=_other(row, "presented_at"),
        displaces=() if is_presented else displaced_by(row),
    )


def displaced_by(row: Row) -> tuple[str, ...]:
    """The journeys that end once the contact is presented."""
    return () if row["displaces"] == "[]" else tuple(json.loads(row["displaces"]))


def _other(row: Row, column: str) -> datetime | None:
    """A time of a contact, if it is another than when it counts from."""
    return None if row[column] == row["at"] else optional_instant(row[column])


def state_of(row: Row, now: datetime) -> ContactState:
    """A reservation whose time is over is EXPIRED, whether its channel then counts or releases it."""
    state = ContactState(row["state"])
    if state is ContactState.RESERVED and now >= from_micros(row["reserved_until"]):
        return ContactState.EXPIRED
    return state
