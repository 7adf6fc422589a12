"""Each kind of fact of a customer has a version of its own, and reservations are found by their ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007", "0006"

VERSION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OTHERS = ("incidents", "consents", "places", "outcomes")


def upgrade() -> None:
    # The one version of before is gone by its name: a program of an earlier step, which knows of no kinds, must fail.
    op.execute("ALTER TABLE customers RENAME COLUMN facts_version TO events_version")
    for kind in OTHERS:
        op.add_column("customers", sa.Column(f"{kind}_version", VERSION, nullable=False, server_default="0"))
    op.execute("UPDATE customers SET " + ", ".join(f"{kind}_version = events_version" for kind in OTHERS))
    op.create_index("contacts_reserved", "contacts", ["customer_id", "reserved_until"])
