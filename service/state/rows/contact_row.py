"""How a contact stands as a row. What changes one is in `contacts`."""

from __future__ import annotations

import json
from datetime import datetime
from operator import itemgetter

from service.decision.facts import Contact
from service.decision.journey import JourneyKind
from service.state.engines.session import Row, from_micros, optional_instant
from service.state.port import ContactState

CONTACT_COLUMNS = (
    "decision_id", "journey_id", "kind", "channel", "at", "counts_until", "reserved_until", "state", "cost",
    "decided_at", "presented_at", "displaces",
)  # fmt: skip
"""Those that a contact is made of, in the order in which `contact_of` takes them."""
_KINDS = {kind.value: kind for kind in JourneyKind}
_cells = itemgetter(*CONTACT_COLUMNS)


def contact_of_row(row: Row) -> Contact:
    return contact_of(*_cells(row))


def contact_of(
    decision_id: str,
    journey_id: str,
    kind: str,
    channel: str,
    at: int,
    counts_until: int | None,
    reserved_until: int,
    state: str,
    cost: float,
    decided_at: int | None,
    presented_at: int | None,
    displaces: str,
) -> Contact:
    """The contact of a row's cells. A time that is as `at` is not told."""
    is_presented = state == "PRESENTED"
    return Contact(
        decision_id=decision_id,
        journey_id=journey_id,
        kind=_KINDS[kind],
        channel=channel,
        at=from_micros(at),
        counts_until=optional_instant(counts_until),
        reserved_until=None if is_presented else from_micros(reserved_until),
        is_presented=is_presented,
        cost=cost,
        decided_at=None if decided_at == at else optional_instant(decided_at),
        presented_at=None if presented_at == at else optional_instant(presented_at),
        displaces=() if is_presented else displaced_by(displaces),
    )


def displaced_by(listed: str) -> tuple[str, ...]:
    """The journeys that end once the contact is presented."""
    return () if listed == "[]" else tuple(json.loads(listed))


def state_of(row: Row, now: datetime) -> ContactState:
    """A reservation whose time is over is EXPIRED, whether its channel then counts or releases it."""
    state = ContactState(row["state"])
    if state is ContactState.RESERVED and now >= from_micros(row["reserved_until"]):
        return ContactState.EXPIRED
    return state
