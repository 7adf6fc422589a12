"""Fills a state store with so many decisions of the last hundred days, each with a contact that was presented.

Every customer has ten of them. The rows are made by the database itself, from one record.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from service.state.engines.session import from_micros, micros
from tests.benchmarks.catalogues import NOW

DAYS, EACH = 100, 10
DAY_US = 86_400_000_000
RECORD = ":record"
NOW_US = micros(NOW)
_COLUMNS = {
    "decisions": "decision_id, customer_id, decided_at, valid_until, fingerprint, record",
    "contacts": "decision_id, journey_id, customer_id, kind, channel, stage, at, decided_at, presented_at,"
    " reserved_until, counts_until, state, cost, displaces",
    "outcomes": "outcome_id, decision_id, journey_id, customer_id, type, value, occurred_at, at, received_at, late,"
    " fingerprint",
}
_VALUES = {
    "decisions": "{id}, {customer}, {at}, {at} + 86400000000, '', {record}",
    "contacts": "{id}, {journey}, {customer}, 'loyalty', 'app', 'need', {at}, {at}, {at}, {at} + 86400000000, NULL,"
    " 'PRESENTED', 0.0, '[]'",
    "outcomes": "'o' || {id}, {id}, {journey}, {customer}, 'PRESENTED', NULL, {at}, {at}, {at}, 0, 'f'",
}


def fill_sqlite(file: Path, decisions: int, record: str) -> None:
    numbers = "WITH RECURSIVE s (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {})"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute("BEGIN")
        for table, columns in _COLUMNS.items():
            values = _values(table, decisions, "printf('%08x', {})", RECORD)
            statement = f"INSERT INTO {table} ({columns}) {numbers.format(decisions)} SELECT {values} FROM s"
            connection.execute(statement, {"record": record})
        customers = numbers.format(decisions // EACH) + " SELECT 'c' || n, 10 FROM s"
        connection.execute(f"INSERT INTO customers (customer_id, contacts_version) {customers}")
        connection.execute("COMMIT")
        connection.execute("ANALYZE")


def fill_postgres(url: str, decisions: int, record: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for day in range(-DAYS - 1, 2):
            begins = (NOW_US // DAY_US + day) * DAY_US
            name = f"decisions_{from_micros(begins):%Y%m%d}"
            bounds = f"FROM ({begins}) TO ({begins + DAY_US})"
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF decisions FOR VALUES {bounds}")
        for table, columns in _COLUMNS.items():
            values = _values(table, decisions, "lpad(to_hex({}), 8, '0')", RECORD)
            numbers = f"generate_series(0::bigint, {decisions - 1}) AS s (n)"
            statement = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {numbers}"
            connection.execute(statement.replace("%", "%%").replace(RECORD, "%s"), (record,) * (RECORD in statement))
        numbers = f"generate_series(0, {decisions // EACH - 1}) AS s (n)"
        connection.execute(
            f"INSERT INTO customers (customer_id, contacts_version) SELECT 'c' || n, {EACH} FROM {numbers}"
        )
        connection.execute("VACUUM ANALYZE")


def _values(table: str, decisions: int, hexadecimal: str, record: str) -> str:
    """Times lie anywhere in the hundred days, ids in no order."""
    at = f"({NOW_US} - n * 7919 % {decisions} * {DAYS * DAY_US // decisions})"
    return _VALUES[table].format(
        id=f"'d-' || {hexadecimal.format('n * 2654435761 % 4294967296')}",
        customer=f"'c' || n / {EACH}",
        journey="'j00' || (10 + n % 20)",
        at=at,
        record=record,
    )
