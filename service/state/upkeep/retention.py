"""How long the rows of each table are kept, and which rows are past their time.

What follows from events (incidents, consents, enrolments, customers) stays: it is the situation of today. All other
rows go some time after nobody can need them any more, by whole days in UTC, so that all tables end at one instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from features.errors import RumboError
from service.state.engines.session import POOLS, Keys, Row, Session, Sql, Value, customer_key, micros, places

DAY = timedelta(days=1)
HORIZON = 400 * DAY
"""`Plan.horizon`: so far back rules look at contacts and responses."""
IN_TURN = "retention"
"""The key of whoever deletes: two that delete the same rows would wait for each other."""


class RetentionTooShort(RumboError):
    """What would be deleted is still needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long rows are kept after they were made; uses of pools after they ended; catalogues after they were in use.

    Pools are kept as long as ended uses, after a service last had them in force.

    Raises: RetentionTooShort, with the table and the shortest time.
    """

    decisions: timedelta = 400 * DAY
    contacts: timedelta = HORIZON
    outcomes: timedelta = HORIZON
    events: timedelta = 400 * DAY
    moves: timedelta = 400 * DAY
    pool_uses: timedelta = 7 * DAY
    catalogues: timedelta = 30 * DAY

    def __post_init__(self) -> None:
        followed = max(HORIZON, self.decisions), "for so long rules look back, and an outcome needs its decision"
        least = {
            "decisions": (7 * DAY, "so that a request that is repeated gets the same decision"),
            "contacts": followed,
            "outcomes": followed,
            "events": (7 * DAY, "so that an event that is sent again is known"),
            "moves": (DAY, "so that what is told late finds what was before it"),
            "pool_uses": (DAY, "so that the clocks of two machines may differ"),
            "catalogues": (DAY, "so that a service that was away finds the one that it has in force"),
        }
        for table, (shortest, why) in least.items():
            kept: timedelta = getattr(self, table)
            if kept < shortest:
                raise RetentionTooShort(
                    f"{table} cannot be kept for {kept / DAY:g} days: {shortest / DAY:g} at least, {why}"
                )


def day_before(now: datetime, kept: timedelta) -> datetime:
    """The beginning of the UTC day that is so far back: what lies before it is past its time."""
    return (now - kept).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Past(Protocol):
    """Rows of one table that are past their time, in batches that each go in a transaction of their own."""

    @property
    def table(self) -> str: ...

    def count(self) -> Sql:
        """A question for how many there are, as `past`."""

    def find(self, after: Row | None, at_most: int) -> Sql:
        """A question for a batch; `after` is the last row of the one before."""

    def needs(self, rows: Iterable[Row]) -> Keys:
        """What others are kept from while these rows go."""

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        """Deletes what of these is still past its time. Returns: how many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRows:
    """Rows for which `where` holds, whatever else there is. Those of a customer go while nothing is decided for her."""

    table: str
    key: tuple[str, ...]
    order: str
    where: str
    values: tuple[Value, ...]
    by_customer: bool = False
    alone: frozenset[str] = frozenset()

    def count(self) -> Sql:
        return Sql(f"SELECT count(*) AS past FROM {self.table} WHERE {self.where}", self.values)

    def find(self, after: Row | None, at_most: int) -> Sql:
        columns = ", ".join(dict.fromkeys((*self.key, "customer_id") if self.by_customer else self.key))
        text = f"SELECT {columns} FROM {self.table} WHERE {self.where} ORDER BY {self.order} LIMIT ?"
        return Sql(text, (*self.values, at_most))

    def needs(self, rows: Iterable[Row]) -> Keys:
        customers = (customer_key(row["customer_id"]) for row in rows) if self.by_customer else ()
        return Keys(alone=frozenset({IN_TURN, *self.alone, *customers}))

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        """By the index of their key: CASE hides that of their time, by which all that is past would be read."""
        (gone,) = session.ask(
            Sql(
                f"DELETE FROM {self.table} WHERE {self.key[0]} IN {places(range(len(rows)))}"
                f" AND ({', '.join(self.key)}) IN (VALUES {', '.join(places(self.key) for _ in rows)})"
                f" AND CASE WHEN {self.where} THEN 1 ELSE 0 END = 1 RETURNING {self.key[0]}",
                (*(r[self.key[0]] for r in rows), *(r[name] for r in rows for name in self.key), *self.values),
            )
        )
        return len(gone)


def past_decisions(retention: Retention, now: datetime) -> PastRows:
    """Of a store that keeps all days in one table."""
    return PastRows(
        table="decisions",
        key=("decision_id",),
        order="decided_at",
        where="decided_at < ? AND valid_until <= ?",
        values=(micros(day_before(now, retention.decisions)), micros(now)),
    )


def past_requests(retention: Retention, now: datetime) -> PastRows:
    """They go before their decisions: a request without its decision could never be asked again."""
    return PastRows(
        table="requests",
        key=("customer_id", "request_id"),
        order="decided_at",
        where=(
            "decided_at < ? AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.decision_id = requests.decision_id"
            " AND d.decided_at = requests.decided_at AND d.valid_until > ?)"
        ),
        values=(micros(day_before(now, retention.decisions)), micros(now)),
        by_customer=True,
    )


def past_contacts(retention: Retention, now: datetime) -> PastRows:
    """Neither counted nor reserved since; one that was told to be long ago stays as long as its decision."""
    before = micros(day_before(now, retention.contacts))
    return PastRows(
        table="contacts",
        key=("decision_id", "journey_id"),
        order="at",
        where="at < ? AND reserved_until < ?",
        values=(before, before),
        by_customer=True,
    )


def past_outcomes(retention: Retention, now: datetime) -> PastRows:
    before = micros(day_before(now, retention.outcomes))
    return PastRows(
        table="outcomes",
        key=("outcome_id",),
        order="received_at",
        where="received_at < ? AND occurred_at < ?",
        values=(before, before),
    )


def past_events(retention: Retention, now: datetime) -> PastRows:
    """By when they came, for so long their ids are known."""
    return PastRows(
        table="events",
        key=("event_id",),
        order="received_at",
        where="received_at < ?",
        values=(micros(day_before(now, retention.events)),),
    )


def past_pool_uses(retention: Retention, now: datetime) -> PastRows:
    return PastRows(
        table="pool_uses",
        key=("pool_key", "ends_at"),
        order="ends_at",
        where="ends_at < ?",
        values=(micros(now - retention.pool_uses),),
        alone=frozenset({POOLS}),
    )
