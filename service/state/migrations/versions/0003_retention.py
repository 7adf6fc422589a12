"""Rows that are past their time are found by index, and decisions name their catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"

TIME = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXITS = sa.text("move = 3")
CATALOGUE = {
    "sqlite": "json_extract(record, '$.input.catalogue_version')",
    "postgresql": "record::json #>> '{input,catalogue_version}'",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    # '?' in what a program of an earlier step writes: it may be any; '' if the record refers to none.
    op.add_column("decisions", sa.Column("catalogue_version", sa.Text(), nullable=False, server_default="?"))
    op.execute(f"UPDATE decisions SET catalogue_version = coalesce({CATALOGUE[dialect]}, '')")
    op.create_index("decisions_of_catalogue", "decisions", ["catalogue_version"])
    if dialect == "sqlite":
        op.create_index("decisions_by_time", "decisions", ["decided_at"])
    op.create_index("events_by_time", "events", ["received_at"])
    op.create_index("outcomes_by_time", "outcomes", ["received_at"])
    op.create_index(
        "moves_out", "moves", ["at", "customer_id", "journey_id", "row_id"], sqlite_where=EXITS, postgresql_where=EXITS
    )
    # Since when no decision refers to it and no service has it in force; NULL: it is in use.
    op.add_column("catalogues", sa.Column("unused_since", TIME, nullable=True))
