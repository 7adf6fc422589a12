"""What can count is found by index, entries of the outbox say what they are about, and feeds are of known sources."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0009", "0008"

OPEN = sa.text("opened_at IS NOT NULL AND (resolved_at IS NULL OR opened_at > resolved_at)")


def upgrade() -> None:
    op.create_index(
        "incidents_open",
        "incidents",
        ["customer_id", "opened_at", "incident_id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("incidents_resolved", "incidents", ["customer_id", "resolved_at"])
    op.drop_index("outcomes_of_customer", "outcomes")
    op.create_index("outcomes_of_customer", "outcomes", ["customer_id", "at", "decision_id", "journey_id", "type"])
    for name in ("incident_id", "purpose", "channel"):
        op.add_column("outbox", sa.Column(name, sa.Text(), nullable=True))
    _forget_feeds()


def _forget_feeds() -> None:
    """The heartbeats of sources that no kept catalogue names; of all, if one cannot be read, none."""
    bind = op.get_bind()
    named = set[str]()
    for (text,) in bind.execute(sa.text("SELECT source FROM catalogues")):
        try:
            policies = json.loads(text)["policies"]
        except (ValueError, KeyError, TypeError):
            return
        feeds = (policies.get(part, {}).get("feed") for part in ("incidents", "consents"))
        named.update(feed["source"] for feed in feeds if feed)
    deleted = sa.text("DELETE FROM feeds WHERE source NOT IN :named")
    bind.execute(deleted.bindparams(sa.bindparam("named", sorted(named), type_=sa.Text(), expanding=True)))
