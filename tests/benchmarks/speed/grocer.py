"""The company that is measured: the example, prepared at the present moment, with a model, consents and more customers.

Each customer of the source is there eight times, so that nobody is asked about so often that all limits are reached.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow.parquet as pq

from features.company.home import FILE, HomeCompany
from features.store.connection import Connection
from service.examples.complete_journey.data.campaigns import options_of_training
from service.examples.complete_journey.data.dataset import Dataset
from tests.benchmarks.speed.processes import Command, module, running
from tests.servers.postgres import PostgresServer

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    OnlineRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
    """As Feast's online stores take it: key, values, event time, and when it was made."""

COPIES = 7
PUSHED_S = 300.0
BY_CUSTOMER = ("customers", "consents")
"""The tables that the example's consents fill."""
RUMBO = Path(sys.executable).with_name("rumbo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grocer:
    """A company and its home. `state_url`: where its state is kept if that is not a file of the home."""

    company: Path
    home: Path
    state_url: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        own = {"RUMBO_COMPANY": str(self.company), "RUMBO_HOME": str(self.home)}
        return own if self.state_url is None else {**own, "RUMBO_STATE_URL": self.state_url}

    @property
    def state_file(self) -> Path:
        return self.home / "state.db"

    def rumbo(self, *arguments: str | Path) -> None:
        """Raises: CalledProcessError."""
        done = subprocess.run(
            [RUMBO, *arguments], env={**os.environ, **self.variables}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)

    def customers(self) -> list[str]:
        """Everybody, those of the source first."""
        ids = self.source_customers()
        return [*ids, *(copied(one, copy) for copy in range(COPIES) for one in ids)]

    def source_customers(self) -> list[str]:
        column = pq.read_table(self.company / "feast" / "data" / "profile.parquet", columns=["customer_id"])
        return sorted(set(column["customer_id"].to_pylist()))


def copied(customer_id: str, copy: int) -> str:
    return f"copy-{copy}-{customer_id}"


def prepared(folder: Path) -> Grocer:
    """Made in the folder, unless that was done before."""
    grocer = Grocer(company=folder / "company", home=folder / "home")
    whole = folder / "whole"
    if whole.exists():
        return grocer
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    grocer.rumbo("prepare", "--company", grocer.company)
    grocer.rumbo("train", *options_of_training(grocer.company, Dataset.load(grocer.company)))
    grocer.rumbo("seed")
    _push(grocer, folder / "push.log")
    _copy_features(grocer)
    _copy_state(grocer)
    whole.touch()
    return grocer


def own_copy(grocer: Grocer, folder: Path) -> Grocer:
    """Another of the same, whose files may be written to. Its history stays where it is."""
    company, home = folder / "company", folder / "home"
    shutil.copytree(grocer.company, company, ignore=shutil.ignore_patterns("training"))
    shutil.copytree(grocer.home, home)
    _tell_home(company, home)
    return Grocer(company=company, home=home)


def on_servers(grocer: Grocer, folder: Path, postgres: PostgresServer, valkey: str) -> Grocer:
    """Another of the same, with the features on a Valkey server and the state in a PostgreSQL database."""
    company, home = folder / "company", folder / "home"
    shutil.copytree(grocer.company, company, ignore=shutil.ignore_patterns("training", "online_store.db*"))
    shutil.copytree(grocer.home, home, ignore=shutil.ignore_patterns("state.db*", "store.json"))
    _tell_home(company, home)
    configuration = company / "feast" / "feature_store.yaml"
    text = configuration.read_text(encoding="utf-8")
    file = "  type: sqlite\n  path: online_store.db\n"
    assert file in text
    redis = f"  type: redis\n  connection_string: '{valkey}'\n"
    configuration.write_text(text.replace(file, redis), encoding="utf-8")
    other = Grocer(company=company, home=home, state_url=postgres.new_database("speed"))
    _move_features(grocer, other)
    _take_state(grocer, other)
    return other


def _tell_home(company: Path, home: Path) -> None:
    known = HomeCompany.of(home)
    assert known is not None
    (home / FILE).write_text(json.dumps({"company": known.name, "folder": str(company)}), encoding="utf-8")


def _push(grocer: Grocer, log: Path) -> None:
    """Until the feature store was told of every consent, as a service tells it. Raises: TimeoutError."""
    until_s = time.monotonic() + PUSHED_S
    command: Command = [RUMBO, "serve", "--port", "0"]
    with running(command, log, grocer.variables) as server, closing(sqlite3.connect(grocer.state_file)) as database:
        while database.execute("SELECT count(*) FROM outbox").fetchone() != (0,):
            server.demand_life(until_s)
            time.sleep(0.1)


def _copy_features(grocer: Grocer) -> None:
    with online(grocer) as connection:
        _repeat(connection, {one: [copied(one, copy) for copy in range(COPIES)] for one in grocer.source_customers()})


def repeat_features(grocer: Grocer, one: str, others: Sequence[str]) -> None:
    """What the feature store knows of one, for others too."""
    with online(grocer) as connection:
        _repeat(connection, {one: others})


@contextmanager
def online(grocer: Grocer) -> Iterator[Connection]:
    connection = Connection.open(grocer.company / "feast")
    try:
        yield connection
    finally:
        connection.close()


def _repeat(connection: Connection, others: Mapping[str, Sequence[str]]) -> None:
    """Through Feast's own interface of the online store."""
    for name, view in connection.views.items():
        rows = connection.store.online_read(connection.config, view, [_key(connection, name, one) for one in others])
        batch: list[OnlineRow] = [
            (_key(connection, name, other), values, at, None)
            for (at, values), alike in zip(rows, others.values(), strict=True)
            if at is not None and values is not None
            for other in alike
        ]
        connection.store.online_write_batch(connection.config, view, batch, None)


def _key(connection: Connection, view: str, customer_id: str) -> EntityKey:
    key = connection.entity_key(view, customer_id)
    assert key is not None, customer_id
    return key


def _move_features(grocer: Grocer, other: Grocer) -> None:
    """Every row of everybody, from one online store to another."""
    ids = grocer.customers()
    with online(grocer) as source, online(other) as target:
        for name, view in source.views.items():
            keys = [_key(source, name, one) for one in ids]
            rows = source.store.online_read(source.config, view, keys)
            batch: list[OnlineRow] = [
                (key, values, at, None)
                for key, (at, values) in zip(keys, rows, strict=True)
                if at is not None and values is not None
            ]
            target.store.online_write_batch(target.config, target.views[name], batch, None)


def _copy_state(grocer: Grocer) -> None:
    with closing(sqlite3.connect(grocer.state_file)) as database, database:
        for table in BY_CUSTOMER:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "customer_id"]
            listed = ", ".join(columns)
            numbers = ", ".join(f"({copy})" for copy in range(COPIES))
            database.execute(
                f"WITH copies (n) AS (VALUES {numbers}) INSERT INTO {table} (customer_id, {listed})"
                f" SELECT 'copy-' || n || '-' || customer_id, {listed} FROM {table}, copies"
            )
        database.execute("ANALYZE")


def _take_state(grocer: Grocer, other: Grocer) -> None:
    """The rows of everybody, into tables that are empty."""
    assert other.state_url is not None
    with closing(sqlite3.connect(grocer.state_file)) as database, psycopg.connect(other.state_url) as target:
        for table in BY_CUSTOMER:
            columns = ", ".join(row[1] for row in database.execute(f"PRAGMA table_info({table})"))
            with target.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as rows:
                for row in database.execute(f"SELECT {columns} FROM {table}"):
                    rows.write_row(row)
    with psycopg.connect(other.state_url, autocommit=True) as target:
        target.execute("ANALYZE")


def loads_catalogue(grocer: Grocer, catalogue: Path, log: Path) -> float:
    """Seconds that a process, once it has imported everything, takes for a catalogue."""
    with running(module("catalogue_load", grocer.company, catalogue), log) as process:
        return float(process.told(r"loaded in ([0-9.]+) s")[1])
