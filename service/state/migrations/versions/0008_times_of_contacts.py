"""Contacts know when they were decided on and first presented, and outcomes when they count from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008", "0007"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CONTACT = (
    "(SELECT {} FROM contacts c WHERE c.decision_id = outcomes.decision_id AND c.journey_id = outcomes.journey_id)"
)
SHOWN = (
    "(SELECT max(o.at) FROM outcomes o WHERE o.decision_id = contacts.decision_id"
    " AND o.journey_id = contacts.journey_id AND o.type = 'PRESENTED')"
)
LATEST = f"coalesce({SHOWN}, contacts.at)"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("decided_at", TIME, nullable=False, server_default="0"))
    op.add_column("contacts", sa.Column("presented_at", TIME, nullable=True))
    # Of a contact whose decision is no longer kept, `at` is all that is known.
    op.execute(
        "UPDATE contacts SET decided_at = coalesce("
        "(SELECT d.decided_at FROM decisions d WHERE d.decision_id = contacts.decision_id), contacts.at)"
    )
    later = "CASE WHEN at < decided_at THEN decided_at ELSE at END"
    op.execute(f"UPDATE contacts SET presented_at = {later} WHERE state = 'PRESENTED'")
    _outcomes()
    _counts()
    _events()


def _outcomes() -> None:
    op.add_column("outcomes", sa.Column("at", TIME, nullable=False, server_default="0"))
    decided_at = f"coalesce({CONTACT.format('c.decided_at')}, 0)"
    op.execute(f"UPDATE outcomes SET at = CASE WHEN occurred_at < {decided_at} THEN {decided_at} ELSE occurred_at END")
    op.drop_index("outcomes_of_customer", "outcomes")
    op.create_index("outcomes_of_customer", "outcomes", ["customer_id", "at"])


def _counts() -> None:
    """What was told to be before its decision, or several times, counts as it does from now on.

    The counters of the pools were moved by the old times: every service counts its own anew when it starts.
    """
    moved = f"state = 'PRESENTED' AND at < {LATEST}"
    is_moved = op.get_bind().execute(sa.text(f"SELECT 1 FROM contacts WHERE {moved} LIMIT 1")).first()
    if is_moved is None:
        return
    op.execute(f"UPDATE contacts SET at = {LATEST} WHERE {moved}")
    for table in ("pool_uses", "pools"):
        op.execute(f"DELETE FROM {table}")
    op.execute("UPDATE versions SET version = version + 1 WHERE name = 'pools'")


_TOLD_BY = {
    "consent.granted": ("consents", "granted_at"),
    "consent.withdrawn": ("consents", "withdrawn_at"),
    "incident.opened": ("incidents", "opened_at"),
    "incident.resolved": ("incidents", "resolved_at"),
}


def _events() -> None:
    """What an event that was ahead of its receipt said of a consent or an incident counts from its receipt."""
    connection = op.get_bind()
    question = "SELECT customer_id, type, occurred_at, received_at, attributes FROM events WHERE customer_id = :c"
    ahead = "SELECT DISTINCT customer_id FROM events WHERE occurred_at > received_at"
    for (customer_id,) in connection.execute(sa.text(ahead)).all():
        listed = [row for row in connection.execute(sa.text(question), {"c": customer_id}) if row.type in _TOLD_BY]
        facts: dict[tuple[str, tuple[tuple[str, str], ...]], list[Any]] = {}
        for row in listed:
            facts.setdefault((row.type, tuple(_key(row.type, json.loads(row.attributes)).items())), []).append(row)
        for (type_, key), rows in facts.items():
            if any(row.occurred_at > row.received_at for row in rows):
                _correct(customer_id, type_, dict(key), rows)


def _correct(customer_id: str, type_: str, key: Mapping[str, str], rows: list[Any]) -> None:
    table, column = _TOLD_BY[type_]
    counts_at = max(min(row.occurred_at, row.received_at) for row in rows)
    where = "".join(f" AND {name} = :{name}" for name in key)
    op.get_bind().execute(
        sa.text(f"UPDATE {table} SET {column} = :new WHERE customer_id = :c AND {column} = :old{where}"),
        {"new": counts_at, "old": max(row.occurred_at for row in rows), "c": customer_id, **key},
    )


def _key(type_: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    if type_.startswith("incident."):
        return {"incident_id": str(attributes["incident_id"])}
    return {name: str(attributes.get(name, "*")) for name in ("purpose", "channel")}
