"""Requests know whether anybody was told of their decision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"

FLAG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Whoever asked first may be gone before the answer; 1: another call under the same id was given the decision.
    op.add_column("requests", sa.Column("told", FLAG, nullable=False, server_default="0"))
