"""What a store holds: rows and bytes by table, and what the feature store must still be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from service.state.engines.session import Session, Sql, optional_instant

TABLES = (
    "customers",
    "events",
    "feeds",
    "incidents",
    "consents",
    "moves",
    "enrolments",
    "latest_events",
    "decisions",
    "requests",
    "contacts",
    "outcomes",
    "pools",
    "pool_uses",
    "kills",
    "versions",
    "catalogues",
    "outbox",
)
MOST_COUNTED = 1_000_000
"""Of a larger table PostgreSQL says about how many rows it has, which it knows without counting."""
_OLDEST = Sql("SELECT count(*) AS waiting, min(queued_at) AS oldest FROM outbox")
_NEWEST = Sql(
    "SELECT max(at) AS at FROM (SELECT max(received_at) AS at FROM events UNION ALL SELECT max(received_at)"
    " FROM outcomes UNION ALL SELECT max(decided_at) FROM requests) AS newest"
)
"""By columns that have an index."""
_CONSENTS = Sql(
    "SELECT c.purpose, c.channel, count(*) AS customers FROM consents c WHERE c.granted_at IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM consents w WHERE w.customer_id = c.customer_id AND w.purpose IN (c.purpose, '*')"
    " AND w.channel IN (c.channel, '*') AND w.withdrawn_at >= c.granted_at)"
    " GROUP BY c.purpose, c.channel ORDER BY c.purpose, c.channel"
)
_SIZES = Sql(
    "SELECT named.name, sum(pg_total_relation_size(part.oid)) AS bytes, sum(greatest(c.reltuples, 0)) AS about"
    " FROM unnest(string_to_array(?, ',')) AS named (name)"
    " CROSS JOIN LATERAL (SELECT to_regclass(named.name)::oid AS oid"
    "  UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(named.name)) AS part"
    " JOIN pg_class c ON c.oid = part.oid GROUP BY named.name",
    (",".join(TABLES),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """The size of one table. `size_bytes`: with its indexes; None where the store does not say."""

    rows: int
    is_exact: bool = True
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Tables that an earlier step does not have are left out. `oldest_waiting_at` is None if nothing waits."""

    size_bytes: int = 0
    tables: Mapping[str, TableSize] = field(default_factory=dict)
    waiting: int = 0
    oldest_waiting_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """Which store, at which step its tables stand (None: it has none), and what it holds."""

    name: str
    step: str | None
    inventory: Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a store was told. `received_at`: its newest row; None of an empty one.

    `consents`: of how many customers one holds, by purpose and channel, if of any.
    """

    received_at: datetime | None
    consents: Mapping[tuple[str, str], int]


def heard_in(session: Session) -> Heard:
    """Of a store at the last step; looks through all consents."""
    newest, consents = session.query(_NEWEST, _CONSENTS)
    return Heard(
        received_at=optional_instant(newest[0]["at"]),
        consents={(row["purpose"], row["channel"]): row["customers"] for row in consents},
    )


def file_inventory(session: Session, file: Path) -> Inventory:
    """The inventory of a SQLite file, its write-ahead log included."""
    (found,) = session.query(Sql("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    names = {row["name"] for row in found}
    parts = (file, file.with_name(f"{file.name}-wal"))
    tables = {name: TableSize(rows=_count(session, name)) for name in TABLES if name in names}
    return _with_outbox(session, sum(part.stat().st_size for part in parts if part.exists()), tables)


def database_inventory(session: Session) -> Inventory:
    """The inventory of the PostgreSQL schema that is first on the connection's search path."""
    (sizes,) = session.query(_SIZES)
    tables = {}
    for row in sorted(sizes, key=lambda row: TABLES.index(row["name"])):
        is_exact = row["about"] <= MOST_COUNTED
        rows = _count(session, row["name"]) if is_exact else int(row["about"])
        tables[row["name"]] = TableSize(rows=rows, is_exact=is_exact, size_bytes=int(row["bytes"]))
    return _with_outbox(session, sum(table.size_bytes or 0 for table in tables.values()), tables)


def _with_outbox(session: Session, size_bytes: int, tables: Mapping[str, TableSize]) -> Inventory:
    if "outbox" not in tables:
        return Inventory(size_bytes=size_bytes, tables=tables)
    ((outbox,),) = session.query(_OLDEST)
    oldest = optional_instant(outbox["oldest"])
    return Inventory(size_bytes=size_bytes, tables=tables, waiting=outbox["waiting"], oldest_waiting_at=oldest)


def _count(session: Session, table: str) -> int:
    ((row,),) = session.query(Sql(f"SELECT count(*) AS rows FROM {table}"))
    return int(row["rows"])
