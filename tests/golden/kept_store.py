"""A store as an earlier program left it: its tables at the step of then, with their rows, in one compressed file."""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.pool import NullPool

from service.bootstrap.store import migrate_state
from service.decision.facts_record import Json
from service.settings import Settings
from service.state.engines.partitions import make_day
from service.state.engines.session import from_micros as from_micros
from service.state.engines.sqlite import APPLICATION_ID
from service.state.engines.steps import VERSION_TABLE, migrate
from service.state.port import IMPORTED
from service.state.rows.record import record_of

RECORDS = 100
OF_RARE = 10
RARE: tuple[Callable[[Json], bool], ...] = (lambda r: r["input"].get("settled") is not None, lambda r: IMPORTED in r)
"""What few records have: contacts that were reserved meanwhile, history that was taken in. So many of each are kept."""
OF_DECISIONS = ("decisions", "contacts", "outcomes", "requests")
"""The tables of which only the rows of the kept decisions are kept."""
OF_PROCESSES = {VERSION_TABLE, "store", "services", "rounds", "outbox"}
"""Those of which nothing is kept: they tell of a store and who uses it, not of what it holds."""
OF_CUSTOMERS = ("customers", "events", "incidents", "consents", "moves", "enrolments")
"""Those of which only the rows of customers with a decision are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStore:
    """`step` is the one that its tables stand at."""

    step: str
    tables: Mapping[str, Table]

    @classmethod
    def of(cls, file: Path) -> KeptStore:
        """The store in this file, with RECORDS of its decisions."""
        with closing(sqlite3.connect(file)) as database:
            (step,) = database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
            chosen = _chosen(database)
            found = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            names = sorted({name for (name,) in found} - OF_PROCESSES)
            return cls(step=step, tables={name: _table(database, name, chosen) for name in names})

    @classmethod
    def read(cls, file: Path) -> KeptStore:
        document = json.loads(lzma.decompress(file.read_bytes()))
        return cls(step=document["step"], tables={name: Table(**table) for name, table in document["tables"].items()})

    def write(self, file: Path) -> None:
        tables = {name: {"columns": t.columns, "rows": t.rows} for name, t in self.tables.items()}
        text = json.dumps({"step": self.step, "tables": tables}, ensure_ascii=False, sort_keys=True)
        file.write_bytes(lzma.compress(text.encode(), preset=9))

    @property
    def days(self) -> set[date]:
        """The days of its decisions."""
        return {from_micros(row["decided_at"]).date() for row in self.rows_of("decisions")}

    @property
    def decision_ids(self) -> list[str]:
        return sorted(row["decision_id"] for row in self.rows_of("decisions"))

    def rows_of(self, name: str) -> list[dict[str, Any]]:
        table = self.tables[name]
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    def restore(self, settings: Settings) -> None:
        """The store of then at the configured place, which is empty; then brought to the step of today."""
        if settings.state_url is None:
            self._fill(sa.create_engine(f"sqlite:///{settings.state_file}", poolclass=NullPool))
            with closing(sqlite3.connect(settings.state_file)) as database:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        else:
            address = settings.state_url.get_secret_value().removeprefix("postgresql")
            self._fill(sa.create_engine(f"postgresql+psycopg{address}", poolclass=NullPool))
        migrate_state(settings)

    def _fill(self, engine: sa.Engine) -> None:
        """Makes the tables of then, with their rows."""
        with engine.begin() as connection:
            migrate(connection, to=self.step)
        if engine.dialect.name == "postgresql":
            self._make_days(engine)
        with engine.begin() as connection:
            metadata = sa.MetaData()
            metadata.reflect(connection, only=list(self.tables))
            for name, table in self.tables.items():
                if table.rows:
                    connection.execute(metadata.tables[name].insert(), self.rows_of(name))
        engine.dispose()

    def _make_days(self, engine: sa.Engine) -> None:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            for day in self.days:
                make_day(connection, day, 0)


def _chosen(database: sqlite3.Connection) -> list[str]:
    """The ids of the RARE whose records have what few have, and of others spread evenly over the history."""
    rows = database.execute("SELECT decision_id, record FROM decisions ORDER BY decided_at, decision_id")
    records = {one: record_of({"decision_id": one, "record": text}) for one, text in rows}
    having = (one for has in RARE for one in islice((one for one, record in records.items() if has(record)), OF_RARE))
    rare = list(dict.fromkeys(having))
    others, wanted = [one for one in records if one not in rare], RECORDS - len(rare)
    return [*rare, *(others[position * len(others) // wanted] for position in range(wanted))]


def _table(database: sqlite3.Connection, name: str, decisions: Sequence[str]) -> Table:
    condition, values = "", tuple[str, ...]()
    if name in OF_DECISIONS:
        condition, values = f" WHERE decision_id IN ({', '.join('?' for _ in decisions)})", tuple(decisions)
    elif name in OF_CUSTOMERS:
        condition = " WHERE customer_id IN (SELECT customer_id FROM decisions)"
    rows = database.execute(f"SELECT * FROM {name}{condition}", values)
    columns = [column[0] for column in rows.description]
    return Table(columns=columns, rows=sorted(rows.fetchall(), key=repr))
