"""Keeps imported decisions with their contacts and outcomes, so that caps, cooldowns and training see them.

Nobody is enrolled by them: a table of decisions does not tell which enrolments have ended since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.decision.journey import JourneyKind, effective_kind
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
from service.state.history.decisions import HistoryDecision
from service.state.history.faults import RowFault
from service.state.port import IMPORTED
from service.state.rows.contacts import Contacts
from service.state.rows.events import fingerprint_of
from service.state.rows.pools import Counters
from service.state.rows.record import record_of
from service.state.rows.versions import raise_fact_versions

_AT_ONCE, _IDS_AT_ONCE = 500, 5000
"""Rows, or ids, in one statement: databases take some ten thousand values."""
_STATES = ("RESERVED", "RELEASED", "PRESENTED")
"""A later state wins over an earlier one, as with outcomes that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """How many decisions were new, had changed since they were imported, or were there already."""

    added: int = 0
    updated: int = 0
    known: int = 0

    def __add__(self, other: ImportCounts) -> ImportCounts:
        return ImportCounts(
            added=self.added + other.added, updated=self.updated + other.updated, known=self.known + other.known
        )


HistoryRecord = tuple[HistoryDecision, str]
"""A decision and the canonical text of its record."""


def history_locks(decisions: Sequence[HistoryDecision]) -> Locks:
    customers = {customer_lock(decision.customer_id) for decision in decisions}
    return Locks(exclusive=frozenset({*customers, POOLS_LOCK}), shared=frozenset({RULES_LOCK}))


def conflicts(session: Session, decisions: Sequence[HistoryDecision]) -> list[list[RowFault]]:
    """The faults by decision: rows whose ids stand for something else in the store."""
    ids = [decision.decision_id for decision in decisions]
    told = [outcome["outcome_id"] for d in decisions for row in d.rows for outcome in row.cells["outcomes"]]
    slices = [told[first : first + _IDS_AT_ONCE] for first in range(0, len(told), _IDS_AT_ONCE)]
    known, *outcomes = session.query(
        Sql(
            f"SELECT decision_id, customer_id, decided_at FROM decisions WHERE decision_id IN {placeholders(ids)}", ids
        ),
        *(
            Sql(f"SELECT outcome_id, decision_id, journey_id FROM outcomes WHERE outcome_id IN {placeholders(s)}", s)
            for s in slices
        ),
    )
    owners = {row["decision_id"]: (row["customer_id"], row["decided_at"]) for row in known}
    spoken_of = {row["outcome_id"]: (row["decision_id"], row["journey_id"]) for rows in outcomes for row in rows}
    return [list(_conflicts(decision, owners, spoken_of)) for decision in decisions]


def _conflicts(
    decision: HistoryDecision, owners: Mapping[str, Any], spoken_of: Mapping[str, Any]
) -> Iterator[RowFault]:
    own = decision.customer_id, decision.cells["decided_at"]
    for row in decision.rows:
        if owners.get(decision.decision_id, own) != own:
            yield row.fault("decision_id", "ID_REUSED", "another decision of the store has it")
        place = decision.decision_id, row.cells["journey_id"]
        if any(spoken_of.get(outcome["outcome_id"], place) != place for outcome in row.cells["outcomes"]):
            yield row.fault("outcomes", "ID_REUSED", "another contact's outcome in the store has it")


def keep_history(
    session: Session, decisions: Sequence[HistoryRecord], now: datetime, counters: Counters
) -> ImportCounts:
    """Keeps what is new, brings up to date what was imported before, and leaves alone what was decided here."""
    keeper = _HistoryWriter(session, [decision for decision, _ in decisions], now, counters.at(session))
    for decision, record in decisions:
        keeper.keep(decision, record)
    keeper.tell()
    return keeper.kept


@dataclass(slots=True)
class _HistoryWriter:
    """Writes some decisions of a history; what the store holds of them is read at once."""

    session: Session
    decisions: Sequence[HistoryDecision]
    now: datetime
    counters: Counters
    kept: ImportCounts = field(default_factory=ImportCounts)
    changed: dict[str, None] = field(default_factory=dict)
    new: dict[str, list[Row]] = field(default_factory=lambda: {"decisions": [], "outcomes": []})
    moved: list[tuple[Row | None, Row]] = field(default_factory=list)
    known: Mapping[str, Row] = field(init=False)
    contacts: Mapping[tuple[str, str], Row] = field(init=False)
    outcomes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        ids = [decision.decision_id for decision in self.decisions]
        times = [decision.cells["decided_at"] for decision in self.decisions]
        records, contacts, outcomes = self.session.query(
            Sql(
                f"SELECT decision_id, record FROM decisions WHERE decision_id IN {placeholders(ids)}"
                " AND decided_at BETWEEN ? AND ?",
                (*ids, min(times), max(times)),
            ),
            Sql(f"SELECT * FROM contacts WHERE decision_id IN {placeholders(ids)}", ids),
            Sql(f"SELECT outcome_id FROM outcomes WHERE decision_id IN {placeholders(ids)}", ids),
        )
        self.known = {row["decision_id"]: row for row in records}
        self.contacts = {(row["decision_id"], row["journey_id"]): row for row in contacts}
        self.outcomes = frozenset(row["outcome_id"] for row in outcomes)

    def keep(self, decision: HistoryDecision, record: str) -> None:
        known = self.known.get(decision.decision_id)
        if known is not None and IMPORTED not in record_of(known):
            self.kept += ImportCounts(known=1)
            return
        is_changed = known is None or known["record"] != record
        if known is None:
            self.new["decisions"].append(_decision(decision, record))
        elif is_changed:
            self.session.execute(_renewed(decision, record))
        for row in decision.rows:
            is_changed |= self._keep_contact(decision, row.cells)
            is_changed |= self._keep_outcomes(decision, row.cells)
        if is_changed:
            self.changed[decision.customer_id] = None
        self.kept += (
            ImportCounts(added=1) if known is None else ImportCounts(updated=1) if is_changed else ImportCounts(known=1)
        )

    def tell(self) -> None:
        """The new rows, and that the customers' facts and contacts are others than were read before."""
        for table, rows in self.new.items():
            for first in range(0, len(rows), _AT_ONCE):
                self.session.execute(_insert(table, rows[first : first + _AT_ONCE]))
        Contacts(self.session, self.counters).take(self.moved, self.now)
        if self.changed:
            self.session.execute(raise_fact_versions(list(self.changed)))

    def _keep_contact(self, decision: HistoryDecision, cells: Mapping[str, Any]) -> bool:
        """Whether anything changed."""
        after = _contact(decision, cells)
        if after is None:
            return False
        before = self.contacts.get((decision.decision_id, cells["journey_id"]))
        if before is not None:
            after = _later(before, after)
            if after == dict(before):
                return False
        self.moved.append((before, after))
        return True

    def _keep_outcomes(self, decision: HistoryDecision, cells: Mapping[str, Any]) -> bool:
        """Whether there was a new one."""
        unknown = [outcome for outcome in cells["outcomes"] if outcome["outcome_id"] not in self.outcomes]
        self.new["outcomes"] += (_outcome(decision, cells["journey_id"], outcome, self.now) for outcome in unknown)
        return bool(unknown)


def _decision(decision: HistoryDecision, record: str) -> Row:
    cells = decision.cells
    return {
        "decision_id": decision.decision_id,
        "customer_id": decision.customer_id,
        "decided_at": cells["decided_at"],
        "valid_until": cells["valid_until"],
        "fingerprint": "",
        "catalogue_version": cells["catalogue_version"],
        "record": record,
    }


def _renewed(decision: HistoryDecision, record: str) -> Sql:
    return Sql(
        "UPDATE decisions SET record = ? WHERE decision_id = ? AND decided_at = ?",
        (record, decision.decision_id, decision.cells["decided_at"]),
    )


def _contact(decision: HistoryDecision, cells: Mapping[str, Any]) -> Row | None:
    """The row of a contact; None if it was no longer kept. An expired reservation is kept as a past one.

    It counts as if its outcomes were reported: from its decision on, and from the latest time at which it was shown.
    """
    state, decided_at = cells["contact_state"], cells["decided_at"]
    if state is None:
        return None
    shown = [o["occurred_at"] for o in cells["outcomes"] if o["type"] == "PRESENTED"]
    presented_at = max(decided_at, cells["presented_at"]) if state == "PRESENTED" else None
    return {
        "decision_id": decision.decision_id,
        "journey_id": cells["journey_id"],
        "customer_id": decision.customer_id,
        "kind": effective_kind(JourneyKind(cells["kind"]), is_offer=bool(cells["is_offer"])).value,
        "channel": cells["channel"],
        "stage": cells["stage"],
        "at": decided_at if presented_at is None else max(presented_at, *shown),
        "decided_at": decided_at,
        "presented_at": presented_at,
        "reserved_until": cells["valid_until"],
        "counts_until": None if state == "PRESENTED" else cells.get("counts_until"),
        "state": "RESERVED" if state == "EXPIRED" else state,
        "cost": cells.get("cost") or 0.0,
        "displaces": "[]",
    }


def _later(before: Row, after: Row) -> Row:
    """A contact as it stood, brought up to date by how it stands in a table: no later state and no count is undone."""
    if _STATES.index(after["state"]) < _STATES.index(before["state"]):
        return before
    first = [row["presented_at"] for row in (before, after) if row["presented_at"] is not None]
    changed = {
        "state": after["state"],
        "at": max(before["at"], after["at"]),
        "presented_at": min(first, default=None),
        "counts_until": after["counts_until"] if after["state"] != before["state"] else before["counts_until"],
    }
    return {**before, **changed}


def _outcome(decision: HistoryDecision, journey_id: str, outcome: Mapping[str, Any], now: datetime) -> Row:
    kind, value, at = outcome["type"], outcome["value"], outcome["occurred_at"]
    return {
        "outcome_id": outcome["outcome_id"],
        "decision_id": decision.decision_id,
        "journey_id": journey_id,
        "customer_id": decision.customer_id,
        "type": kind,
        "value": value,
        "occurred_at": at,
        "at": max(at, decision.cells["decided_at"]),
        "received_at": micros(now),
        "late": int(outcome["is_late"]),
        "fingerprint": fingerprint_of(decision.decision_id, journey_id, kind, value, from_micros(at)),
    }


def _insert(table: str, rows: Sequence[Row]) -> Sql:
    """Rows of the same columns, in one statement."""
    names = tuple(rows[0])
    listed = ", ".join(placeholders(names) for _ in rows)
    return Sql(f"INSERT INTO {table} ({', '.join(names)}) VALUES {listed}", [v for row in rows for v in row.values()])
