"""Catalogues that no decision refers to: marked when they are first found so, and deleted some time later.

A service that keeps its catalogue again, as it does when it starts and once an hour, takes the mark away: a catalogue
in force stays, decided under or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from service.state.engines.session import RULES_LOCK, Locks, Row, Session, Sql, micros, placeholders
from service.state.rows.past import IN_TURN
from service.state.upkeep.retention import Retention

_USED = "EXISTS (SELECT 1 FROM decisions d WHERE d.catalogue_version = catalogues.version)"
_ANY_UNKNOWN = "EXISTS (SELECT 1 FROM decisions d WHERE d.catalogue_version = ?)"
_UNKNOWN = "?"
"""What a program of an earlier step recorded may refer to any."""
_LISTED = Sql(
    f"SELECT version, unused_since, {_USED} OR {_ANY_UNKNOWN} AS is_used FROM catalogues ORDER BY version", (_UNKNOWN,)
)


class UnusedCatalogues:
    """What is to be done about the catalogues of a store at an instant."""

    def __init__(self, rows: Sequence[Row], retention: Retention, now: datetime) -> None:
        self._now = micros(now)
        self._before = micros(now - retention.catalogues)
        marked = [row for row in rows if row["unused_since"] is not None]
        self._found = [row["version"] for row in rows if not row["is_used"] and row["unused_since"] is None]
        self._used = [row["version"] for row in marked if row["is_used"]]
        self.past = [r["version"] for r in marked if not r["is_used"] and r["unused_since"] < self._before]

    @property
    def has_news(self) -> bool:
        return bool(self._found or self._used)

    def mark(self, session: Session) -> None:
        """Marks those found unused, as from now, and unmarks those that are used again."""
        change = "UPDATE catalogues SET unused_since = ? WHERE version IN "
        session.execute(
            Sql(change + placeholders(self._found), (self._now, *self._found)),
            Sql(change + placeholders(self._used), (None, *self._used)),
        )

    def delete(self, session: Session) -> int:
        """Deletes those that have been unused for long and still are. Returns: how many."""
        text = (
            f"DELETE FROM catalogues WHERE version IN {placeholders(self.past)} AND unused_since < ?"
            f" AND NOT {_USED} AND NOT {_ANY_UNKNOWN} RETURNING version"
        )
        (gone,) = session.query(Sql(text, (*self.past, self._before, _UNKNOWN)))
        return len(gone)


def unused_catalogues(session: Session, retention: Retention, now: datetime) -> UnusedCatalogues:
    (rows,) = session.query(_LISTED)
    return UnusedCatalogues(rows, retention, now)


def catalogue_locks(session: Session) -> Locks:
    """Nothing is decided while catalogues go."""
    return Locks(exclusive=frozenset({RULES_LOCK, IN_TURN}))
