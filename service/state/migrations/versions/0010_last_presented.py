"""The contact of a journey that was last presented to a customer is found by index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0010", "0009"

PRESENTED = sa.text("presented_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "contacts_presented",
        "contacts",
        ["customer_id", "journey_id", "presented_at"],
        sqlite_where=PRESENTED,
        postgresql_where=PRESENTED,
    )
