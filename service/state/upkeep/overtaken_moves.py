"""Moves through a journey that an exit has made meaningless: whatever is told later, they change nothing.

The exit itself stays, so that what is told late of the time before it changes nothing either. An exit that a live
contact caused may still be moved to an earlier time, and what lies before it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.state.engines.session import Locks, Row, Session, Sql, customer_lock, micros
from service.state.rows.fold import Move
from service.state.rows.past import IN_TURN
from service.state.upkeep.retention import Retention, day_before

_FIXED_EXIT = (
    f"x.move = {Move.EXITED:d} AND x.at < ? AND NOT EXISTS (SELECT 1 FROM contacts c"
    " WHERE c.customer_id = x.customer_id AND c.decision_id || '/' || c.journey_id = x.row_id)"
)
_BEFORE = f"(m.at < x.at OR (m.at = x.at AND m.move < {Move.EXITED:d}))"
_OF_ONE = f"m.customer_id = x.customer_id AND m.journey_id = x.journey_id AND {_BEFORE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OvertakenMoves:
    """Those before an exit that took place before an instant, in microseconds; found exit by exit."""

    before: int

    @property
    def table(self) -> str:
        return "moves"

    def count(self) -> Sql:
        text = (
            f"SELECT count(*) AS past FROM moves m WHERE m.at < ? AND EXISTS"
            f" (SELECT 1 FROM moves x WHERE {_FIXED_EXIT} AND {_OF_ONE})"
        )
        return Sql(text, (self.before, self.before))

    def find(self, after: Row | None, at_most: int) -> Sql:
        """Exits, whether something lies before them or not."""
        seen = (
            (0, "", "", "")
            if after is None
            else (after["at"], after["customer_id"], after["journey_id"], after["row_id"])
        )
        order = "x.at, x.customer_id, x.journey_id, x.row_id"
        text = (
            f"SELECT {order}, EXISTS (SELECT 1 FROM moves m WHERE {_OF_ONE}) AS has_earlier FROM moves x"
            f" WHERE {_FIXED_EXIT} AND ({order}) > (?, ?, ?, ?) ORDER BY {order} LIMIT ?"
        )
        return Sql(text, (self.before, *seen, at_most))

    def needs(self, rows: Iterable[Row]) -> Locks:
        customers = (customer_lock(row["customer_id"]) for row in rows if row["has_earlier"])
        return Locks(exclusive=frozenset({IN_TURN, *customers}))

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        gone = session.query(*(_earlier(row) for row in rows if row["has_earlier"]))
        return sum(map(len, gone))


def overtaken_moves(retention: Retention, now: datetime) -> OvertakenMoves:
    return OvertakenMoves(before=micros(day_before(now, retention.moves)))


def _earlier(exit_: Row) -> Sql:
    return Sql(
        "DELETE FROM moves WHERE customer_id = ? AND journey_id = ? AND (at < ? OR (at = ? AND move < ?)) RETURNING at",
        (exit_["customer_id"], exit_["journey_id"], exit_["at"], exit_["at"], int(Move.EXITED)),
    )
