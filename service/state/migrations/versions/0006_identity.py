"""A store has a name of its own, knows its running services, and when it was last pruned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RANDOM = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "replace(CAST(gen_random_uuid() AS text), '-', '')",
}


def upgrade() -> None:
    op.create_table(
        "store",  # one row: by its id a store is told from another in its place
        sa.Column("store_id", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.execute(f"INSERT INTO store (store_id) VALUES ({RANDOM[op.get_bind().dialect.name]})")
    op.create_table(
        "services",  # those that run, and those that ended without saying so
        sa.Column("service_id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),  # where it runs, for people
        sa.Column("kills_version", TIME, nullable=False),  # of the kill list that it has read
        sa.Column("read_at", TIME, nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "rounds",  # of the upkeep
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("clock", TIME, nullable=False),  # what the clock of the last one said
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
