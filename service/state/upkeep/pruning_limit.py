"""The instant by which rows are judged past their time, and when it is too doubtful to delete anything.

A clock that is wrong for one hour must not cost a year of rows. So the limit is the earlier of the clock and of what
was received last; a round whose clock stands elsewhere than that of the one before, or that would delete much of a
table at once, deletes nothing, until somebody says that it may.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from features.errors import RumboError
from service.state.engines.session import Session, Sql, from_micros, micros, optional_instant
from service.state.upkeep.retention import DAY

FURTHEST = 2 * DAY
"""How far the clock may have moved since the last round; a round comes every hour."""
LARGEST_SHARE = 0.2
LARGEST_ROWS = 10_000
_PRUNE = "prune"
_LATEST = tuple(
    Sql(f"SELECT max({column}) AS at FROM {table}")
    for table, column in (
        ("events", "received_at"),
        ("outcomes", "received_at"),
        ("requests", "decided_at"),
        ("contacts", "at"),
    )
)
"""By columns that have an index: of decisions there are too many to look through, and most have a contact."""


class PruneStopped(RumboError):
    """What a round would delete may be a mistake: nothing was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsBefore:
    """What the store knows of time: when it last received anything, and the clock of the last round; None if never."""

    received_at: datetime | None
    clock: datetime | None

    def limit(self, now: datetime) -> datetime | None:
        """The instant by which rows are judged past their time; None while nothing was received."""
        return None if self.received_at is None else min(now, self.received_at)

    def demand_near(self, now: datetime) -> None:
        """Raises: PruneStopped."""
        if self.clock is not None and abs(now - self.clock) > FURTHEST:
            moved = "later" if now > self.clock else "earlier"
            raise PruneStopped(
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is {_days(abs(now - self.clock))} {moved} than in the"
                f" last round: nothing was pruned; if the clock is right, {_ONCE}"
            )


_ONCE = "run `rumbo state prune --force` once"


def rounds_before(session: Session) -> RoundsBefore:
    *received, rounds = session.query(*_LATEST, Sql("SELECT clock FROM rounds WHERE what = ?", (_PRUNE,)))
    latest = max((rows[0]["at"] for rows in received if rows[0]["at"] is not None), default=None)
    return RoundsBefore(received_at=optional_instant(latest), clock=from_micros(rounds[0]["clock"]) if rounds else None)


def note_round(now: datetime) -> Sql:
    return Sql(
        "INSERT INTO rounds (what, clock) VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET clock = excluded.clock",
        (_PRUNE, micros(now)),
    )


def demand_few(table: str, past: int, rows: int, kept: timedelta) -> None:
    """Raises: PruneStopped if too large a share would go; of a table kept only for days, some days' worth may."""
    share = max(LARGEST_SHARE, FURTHEST / kept)
    if past > LARGEST_ROWS and past > share * rows:
        raise PruneStopped(
            f"{past:,} of {rows:,} rows of {table} would go at once: nothing was pruned; if they may, {_ONCE}"
        )


def _days(time: timedelta) -> str:
    return f"{time / DAY:,.1f} days"
