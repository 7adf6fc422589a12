"""Finds a decision by its id. Rows lie by day, and an id of version 7 tells its own."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from service.state.engines.session import Row, Session, Sql

_HOUR_US = timedelta(hours=1) // timedelta(microseconds=1)
_MS_US = 1000
_ALWAYS = (-(2**62), 2**62)


def find_row(session: Session, decision_id: str) -> Row | None:
    """The row of a decision: where its id says that it lies, else anywhere."""
    told = _span(decision_id)
    for begins, ends in (told, _ALWAYS) if told is not None else (_ALWAYS,):
        (rows,) = session.query(
            Sql(
                "SELECT * FROM decisions WHERE decision_id = ? AND decided_at BETWEEN ? AND ?",
                (decision_id, begins, ends),
            )
        )
        if rows:
            return rows[0]
    return None


def _span(decision_id: str) -> tuple[int, int] | None:
    """Two hours around the time in an id of version 7 (RFC 9562): its first 48 bits are milliseconds since 1970."""
    try:
        parsed = UUID(decision_id)
    except ValueError:
        return None
    if parsed.version != 7:
        return None
    at = (parsed.int >> 80) * _MS_US
    return at - _HOUR_US, at + _HOUR_US
