"""When something last happened is kept by the feature that tells it, of whatever type the event was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0011", "0010"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "latest_events",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "name"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.execute(
        "INSERT INTO latest_events (customer_id, name, at) SELECT customer_id, 'last_purchase_at', last_purchase_at"
        " FROM customers WHERE last_purchase_at IS NOT NULL"
    )
    op.drop_column("customers", "last_purchase_at")
