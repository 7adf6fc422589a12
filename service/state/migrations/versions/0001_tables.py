"""The tables. Times are whole microseconds since 1970 in UTC; ids are compared exactly as given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite stores any whole number up to 64 bits as INTEGER."""
REAL: Any = sa.Double().with_variant(sa.REAL(), "sqlite")


def text(name: str, *, is_optional: bool = False, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=is_optional, server_default=default)


def time(name: str, *, is_optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, TIME, nullable=is_optional)


def whole(name: str, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, TIME, nullable=False, server_default=default)


def table(name: str, key: Iterable[str], *columns: sa.Column[Any], is_wide: bool = False) -> None:
    """A table that SQLite stores in the order of its key, unless its rows are wide."""
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key), sqlite_with_rowid=is_wide, sqlite_strict=True)


def upgrade() -> None:
    _customers()
    _situation()
    _decisions()
    _contacts()
    _rules()


def _customers() -> None:
    table(
        "customers",
        ["customer_id"],
        text("customer_id"),
        whole("facts_version", "0"),  # raised by every accepted event and outcome
        whole("contacts_version", "0"),  # raised by every change of a contact
        whole("has_events", "0"),
        time("last_purchase_at", is_optional=True),
    )
    table(
        "events",
        ["event_id"],
        text("event_id"),
        text("customer_id"),
        text("source"),
        text("type"),
        time("occurred_at"),
        time("received_at"),
        text("attributes"),
        text("fingerprint"),
        is_wide=True,
    )
    op.create_index("events_of_customer", "events", ["customer_id", "occurred_at"])
    table("feeds", ["source"], text("source"), time("heartbeat_at"))


def _situation() -> None:
    table(
        "incidents",
        ["customer_id", "incident_id"],
        text("customer_id"),
        text("incident_id"),
        time("opened_at", is_optional=True),
        text("opened_by", default=""),  # the event that gave class and severity: the latest `opened`
        time("resolved_at", is_optional=True),
        text("incident_class", is_optional=True),
        text("severity", is_optional=True),
    )
    table(
        "consents",
        ["customer_id", "purpose", "channel"],
        text("customer_id"),
        text("purpose"),  # '*' in a withdrawal of every purpose
        text("channel"),  # '*' in a withdrawal from every channel
        time("granted_at", is_optional=True),
        time("withdrawn_at", is_optional=True),
    )
    table(
        "moves",
        ["customer_id", "journey_id", "at", "move", "row_id"],
        text("customer_id"),
        text("journey_id"),
        time("at"),
        whole("move"),
        text("row_id"),
        text("stage"),
    )
    table(
        "enrolments",
        ["customer_id", "journey_id"],
        text("customer_id"),
        text("journey_id"),
        text("stage"),
        time("since"),
    )


def _decisions() -> None:
    """PostgreSQL keeps them by day, so that a day is dropped at once; its key must then hold the day."""
    by_day = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "decisions",
        text("decision_id"),
        text("customer_id"),
        time("decided_at"),
        time("valid_until"),
        text("fingerprint"),
        text("record"),
        sa.PrimaryKeyConstraint(*(["decision_id", "decided_at"] if by_day else ["decision_id"])),
        sqlite_strict=True,
        postgresql_partition_by="RANGE (decided_at)",
    )
    op.create_index("decisions_of_customer", "decisions", ["customer_id", "decided_at"])
    table(
        "requests",
        ["customer_id", "request_id"],
        text("customer_id"),
        text("request_id"),
        text("decision_id"),
    )


def _contacts() -> None:
    table(
        "contacts",
        ["decision_id", "journey_id"],
        text("decision_id"),
        text("journey_id"),
        text("customer_id"),
        text("kind"),
        text("channel"),
        text("stage"),
        time("at"),  # when it counts from: reserved, then presented
        time("reserved_until"),
        time("counts_until", is_optional=True),  # NULL: counts until told otherwise
        text("state"),  # RESERVED, PRESENTED, RELEASED
        sa.Column("cost", REAL, nullable=False),  # of its action: what it uses of a budget
        text("displaces"),  # JSON list of the journeys that end once it is presented
    )
    op.create_index("contacts_of_customer", "contacts", ["customer_id", "at"])
    op.create_index("contacts_of_journey", "contacts", ["journey_id", "at"])
    op.create_index("contacts_by_time", "contacts", ["at"])
    table(
        "outcomes",
        ["outcome_id"],
        text("outcome_id"),
        text("decision_id"),
        text("journey_id"),
        text("customer_id"),
        text("type"),
        sa.Column("value", REAL, nullable=True),
        time("occurred_at"),
        time("received_at"),
        whole("late"),
        text("fingerprint"),
        is_wide=True,
    )
    op.create_index("outcomes_of_decision", "outcomes", ["decision_id"])
    op.create_index("outcomes_of_customer", "outcomes", ["customer_id", "occurred_at"])


def _rules() -> None:
    """What holds for everybody."""
    table("kills", ["target"], text("target"), time("since"), text("why"))
    table("versions", ["name"], text("name"), whole("version"))  # raised by every change of the list of this name
    table("catalogues", ["version"], text("version"), text("source"))
    op.create_table(
        "outbox",  # whose facts the feature store must still be told; a sequence is never used again
        sa.Column("sequence", TIME, sa.Identity(), primary_key=True, autoincrement=True),
        text("customer_id"),
        time("queued_at"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
