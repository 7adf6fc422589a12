"""How long the rows of each table are kept, and which rows are past their time.

What follows from events (incidents, consents, enrolments, customers, latest events) stays: it is the situation of
today. All other rows go some time after nobody can need them any more, by whole days in UTC, so that all tables end
at one instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.errors import RumboError
from service.decision.windows import LOOKBACK
from service.state.engines.session import POOLS_LOCK, micros
from service.state.rows.contacts import Contacts
from service.state.rows.past import PastRows

DAY = timedelta(days=1)


class RetentionTooShort(RumboError):
    """What would be deleted is still needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long rows are kept after they were made; uses of pools after they ended; catalogues after they were in use.

    Pools are kept as long as ended uses, after a service last had them in force.

    Raises: RetentionTooShort, with the table and the shortest time.
    """

    decisions: timedelta = 400 * DAY
    contacts: timedelta = LOOKBACK
    outcomes: timedelta = LOOKBACK
    events: timedelta = 400 * DAY
    moves: timedelta = 400 * DAY
    pool_uses: timedelta = 7 * DAY
    catalogues: timedelta = 30 * DAY

    def __post_init__(self) -> None:
        followed = max(LOOKBACK, self.decisions), "for so long rules look back, and an outcome needs its decision"
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


def past_decisions(retention: Retention, now: datetime) -> PastRows:
    """The decisions past their time, in a store that keeps all days in one table."""
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
    """One that was told to be long ago stays as long as its decision."""
    return Contacts.forgotten(day_before(now, retention.contacts))


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
    """The events past their time, by when they were received: so long their ids are known."""
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
        exclusive=frozenset({POOLS_LOCK}),
    )
