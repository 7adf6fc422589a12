"""Pools know when a service last had them in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # 0: not yet. The first prune deletes every pool that no service has named since, as each does when it starts.
    op.add_column("pools", sa.Column("used_at", TIME, nullable=False, server_default="0"))
