"""Which contact an outcome belongs to that names its customer in place of a decision.

    presented ├────────── within ──────────┤        of the last that was presented by then; both ends belong to it
     ──────────┼── presented again ├─────────┄      from here on what is reported belongs to the later one

It is given away as an event is that meets an objective (`export.rewards`): at the earlier of its time and its receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from service.decision.reports.events import FieldFault
from service.decision.reports.rows import Outcome
from service.state.engines.session import Row, Session, Sql, micros
from service.state.rows.catalogues import catalogue_source

_MICROSECOND = timedelta(microseconds=1)
_Question = tuple[str, str, int]
"""(customer id, journey id, when, in microseconds)"""


class Windows(Protocol):
    """How long after it was presented a journey's objective may be met."""

    def of(self, read: Callable[[str], str | None], version: str, journey_id: str) -> timedelta | None:
        """`read` gives the text of a catalogue's version, if it is kept. None if the window cannot be told."""


class LastPresented:
    """The contacts that some outcomes belong to, in a transaction that locks their customers.

    What it read is true until `presented` tells of a contact that the transaction itself presents.
    """

    def __init__(self, session: Session, windows: Windows, outcomes: Sequence[Outcome], now: datetime) -> None:
        """`now`: when they were received."""
        self._session = session
        self._now = micros(now)
        self._windows = windows
        self._last: dict[_Question, Sequence[Row]] = {}
        self._versions: dict[str, str | None] = {}
        self._read([self._question(outcome) for outcome in outcomes if outcome.customer_id])

    def of(self, outcome: Outcome) -> Row | FieldFault:
        """The row of the contact, or why there is none."""
        question = self._question(outcome)
        if question not in self._last:
            self._read([question])
        last = self._last[question]
        if not last:
            return FieldFault(field="journey_id", code="NO_CONTACT")
        contact, *earlier = last
        if any(other["presented_at"] == contact["presented_at"] for other in earlier):
            return FieldFault(field="journey_id", code="AMBIGUOUS")
        within = self._within(contact)
        if within is None:
            return FieldFault(field="journey_id", code="WINDOW_UNKNOWN")
        is_over = question[2] > contact["presented_at"] + within // _MICROSECOND
        return FieldFault(field="journey_id", code="WINDOW_OVER") if is_over else contact

    def presented(self, customer_id: str, journey_id: str) -> None:
        """What was read of this journey is read again when it is needed."""
        for question in [q for q in self._last if q[:2] == (customer_id, journey_id)]:
            del self._last[question]

    def _question(self, outcome: Outcome) -> _Question:
        return outcome.customer_id, outcome.journey_id, min(micros(outcome.occurred_at), self._now)

    def _read(self, questions: Sequence[_Question]) -> None:
        if not questions:
            return
        found = self._session.query(*map(_last_two, questions))
        self._last.update(zip(questions, found, strict=True))
        decisions = {rows[0]["decision_id"]: rows[0]["decided_at"] for rows in found if rows}
        unread = [one for one in decisions.items() if one[0] not in self._versions]
        if unread:
            versions = self._session.query(*(_version_of(*one) for one in unread))
            for (decision_id, _), rows in zip(unread, versions, strict=True):
                self._versions[decision_id] = rows[0]["catalogue_version"] if rows else None

    def _within(self, contact: Row) -> timedelta | None:
        version = self._versions[contact["decision_id"]]
        if version is None:
            return None
        return self._windows.of(partial(catalogue_source, self._session), version, contact["journey_id"])


def _last_two(question: _Question) -> Sql:
    """Two, for of two that were presented at the same instant neither is the last."""
    return Sql(
        "SELECT * FROM contacts WHERE customer_id = ? AND journey_id = ? AND presented_at <= ?"
        " ORDER BY presented_at DESC LIMIT 2",
        question,
    )


def _version_of(decision_id: str, decided_at: int) -> Sql:
    return Sql(
        "SELECT catalogue_version FROM decisions WHERE decision_id = ? AND decided_at = ?", (decision_id, decided_at)
    )
