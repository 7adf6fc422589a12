"""Shared pools are counted as contacts change, and requests know their day."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL: Any = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pools",
        sa.Column("pool_key", sa.Text(), primary_key=True),  # its name, and a hash of what is counted
        sa.Column(
            "definition", sa.Text(), nullable=False
        ),  # JSON: window, whether costs count, journeys, kinds, channels
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "pool_uses",
        sa.Column("pool_key", sa.Text(), nullable=False),
        sa.Column("ends_at", TIME, nullable=False),  # when this use stops counting
        sa.Column("amount", REAL, nullable=False),
        sa.PrimaryKeyConstraint("pool_key", "ends_at"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.drop_index("contacts_of_journey", "contacts")
    op.add_column("requests", sa.Column("decided_at", TIME, nullable=False, server_default="0"))
    op.execute(
        "UPDATE requests SET decided_at = coalesce("
        "(SELECT d.decided_at FROM decisions d WHERE d.decision_id = requests.decision_id), 0)"
    )
    op.create_index("requests_by_time", "requests", ["decided_at"])
