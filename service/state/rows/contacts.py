"""The one door through which contacts change.

With a row go what the pools count of it and the version of its customer's contacts: caps, capacity and budgets are
exact (P6) only if the three never part. No other module writes the table, which a test holds.

    RESERVED --present--> PRESENTED        RESERVED --release--> RELEASED --present--> PRESENTED
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.decision.facts import Contact
from service.decision.windows import LOOKBACK
from service.state.engines.session import Row, Session, Sql, micros, optional_micros, placeholders
from service.state.rows.contact_row import contact_of_row
from service.state.rows.past import PastRows
from service.state.rows.pools import Counters

_COLUMNS = (
    "decision_id", "journey_id", "customer_id", "kind", "channel", "stage", "at", "decided_at", "presented_at",
    "reserved_until", "counts_until", "state", "cost", "displaces",
)  # fmt: skip
_ROWS_AT_ONCE = 500
"""Rows in one statement: databases take some ten thousand values."""
_CHANGED = ("state", "at", "presented_at", "counts_until")
"""The columns that change after a contact was reserved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A contact to be reserved. `displaces`: the journeys whose enrolments end once it is presented."""

    contact: Contact
    stage: str
    displaces: Sequence[str]


Change = tuple[Row | None, Row]
"""A contact before, if it is there, and afterwards."""


class Contacts:
    """The contacts of one transaction, which locks their customers and, where one may use a pool, the counters."""

    def __init__(self, session: Session, counters: Counters) -> None:
        self._session = session
        self._counters = counters

    def reserve(self, customer_id: str, reserved_until: datetime, reservations: Iterable[Reservation]) -> None:
        """Until `reserved_until` each may be presented, and counts."""
        rows = list[Row]()
        for one in reservations:
            self._counters.change(self._session, None, one.contact)
            rows.append(_reserved_row(customer_id, reserved_until, one))
        self._insert(rows)
        if rows:
            self._session.execute(_raise_version([customer_id]))

    def present(self, contact: Row, *, at: int, presented_at: int) -> Row:
        """It counts from `at`, and was first shown at `presented_at` (microseconds). Returns: the row afterwards."""
        presented = {"state": "PRESENTED", "at": at, "presented_at": presented_at, "counts_until": None}
        after = {**contact, **presented}
        self._change([(contact, after)])
        return after

    def release(self, contact: Row) -> Row:
        """It no longer counts, unless it is presented all the same. Returns: the row afterwards."""
        after = {**contact, "state": "RELEASED"}
        self._change([(contact, after)])
        return after

    def release_reserved(self, decision_id: str) -> None:
        """Gives back all that a decision still has reserved."""
        question = "SELECT * FROM contacts WHERE decision_id = ? AND state = 'RESERVED'"
        (rows,) = self._session.query(Sql(question, (decision_id,)))
        self._change([(row, {**row, "state": "RELEASED"}) for row in rows])

    def take(self, changes: Sequence[Change], now: datetime) -> None:
        """Imports contacts as they stand elsewhere. What lies behind LOOKBACK is in no pool."""
        self._change(changes, counted_after=micros(now - LOOKBACK))

    @staticmethod
    def forgotten(before: datetime) -> PastRows:
        """The contacts that neither counted nor were reserved since `before`: deleting them changes no count."""
        return PastRows(
            table="contacts",
            key=("decision_id", "journey_id"),
            order="at",
            where="at < ? AND reserved_until < ?",
            values=(micros(before), micros(before)),
            by_customer=True,
        )

    def _change(self, changes: Sequence[Change], *, counted_after: int | None = None) -> None:
        """The three together: the rows, what the pools count of them, the versions of their customers."""
        for before, after in changes:
            if before is not None:
                self._update(after)
            old, new = (_counted(row, counted_after) for row in (before, after))
            self._counters.change(self._session, old, new)
        self._insert([after for before, after in changes if before is None])
        customers = dict.fromkeys(after["customer_id"] for _, after in changes)
        if customers:
            self._session.execute(_raise_version(list(customers)))

    def _insert(self, rows: Sequence[Row]) -> None:
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            batch = rows[first : first + _ROWS_AT_ONCE]
            listed = ", ".join(placeholders(_COLUMNS) for _ in batch)
            values = [row[name] for row in batch for name in _COLUMNS]
            self._session.execute(Sql(f"INSERT INTO contacts ({', '.join(_COLUMNS)}) VALUES {listed}", values))

    def _update(self, row: Row) -> None:
        changed = ", ".join(f"{name} = ?" for name in _CHANGED)
        self._session.execute(
            Sql(
                f"UPDATE contacts SET {changed} WHERE decision_id = ? AND journey_id = ?",
                [row[name] for name in (*_CHANGED, "decision_id", "journey_id")],
            )
        )


def _reserved_row(customer_id: str, reserved_until: datetime, one: Reservation) -> Row:
    contact, at = one.contact, micros(one.contact.at)
    return {
        "decision_id": contact.decision_id,
        "journey_id": contact.journey_id,
        "customer_id": customer_id,
        "kind": contact.kind.value,
        "channel": contact.channel,
        "stage": one.stage,
        "at": at,
        "decided_at": at,
        "presented_at": None,
        "reserved_until": micros(reserved_until),
        "counts_until": optional_micros(contact.counts_until),
        "state": "RESERVED",
        "cost": contact.cost,
        "displaces": json.dumps(list(one.displaces)) if one.displaces else "[]",
    }


def _counted(row: Row | None, after: int | None) -> Contact | None:
    """What the pools count of it; only what counts from later than `after`, if that is given."""
    if row is None or row["state"] == "RELEASED" or (after is not None and row["at"] <= after):
        return None
    return contact_of_row(row)


def _raise_version(customers: Collection[str]) -> Sql:
    """Raises the version of their contacts: a decision that read them before is revised when it commits."""
    return Sql(
        "INSERT INTO customers (customer_id, contacts_version) VALUES "
        + ", ".join("(?, 1)" for _ in customers)
        + " ON CONFLICT (customer_id) DO UPDATE SET contacts_version = customers.contacts_version + 1",
        tuple(customers),
    )
