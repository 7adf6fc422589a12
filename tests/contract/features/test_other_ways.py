"""A store whose layout is not known is read by Feast's own interface, to the same end; the counter says so."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from feast.protos.feast.types.Value_pb2 import Value

from features.store.connection import Connection
from features.store.online import OnlineFeatures
from features.store.open_store import open_store
from features.store.opened import Way
from features.store.sqlite_rows import SqliteRows
from features.values import FeatureStatus
from tests.companies.bank import SQLITE
from tests.contract.features.other_store import BROKEN, NAME, OtherSqliteOnlineStore
from tests.contract.features.typed_store import KEY, NOW, VIEWS, make_repository, schema, write_row

OTHER = f"{{type: {NAME}, path: online.db}}"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[OnlineFeatures]:
    """A reader of three customers in a store of another class."""
    repo = make_repository(tmp_path / "feast", OTHER)
    fill(repo)
    reader = OnlineFeatures(repo, schema(), key=KEY)
    reader.read("1", NOW)
    OtherSqliteOnlineStore.asked.clear()
    yield reader
    reader.close()


def fill(repo: Path) -> None:
    connection = Connection.open(repo)
    for n in range(3):
        for view in VIEWS:
            write_row(connection, view, str(n), NOW, {"a_long": Value(int64_val=n)})
    connection.close()


def test_another_store_is_asked_one_question_a_view_for_a_batch(other: OnlineFeatures) -> None:
    readings = other.read_many(["2", "nobody", "0", "1"], NOW)
    assert OtherSqliteOnlineStore.asked == [4] * len(VIEWS)
    assert [reading.values["ageless_a_long"].value for reading in readings] == [2, None, 0, 1]
    assert other.reads == {Way.FEAST: 5}


def test_a_customer_who_spoils_the_question_of_a_batch_spoils_it_for_herself(other: OnlineFeatures) -> None:
    one, broken, two = other.read_many(["1", BROKEN, "2"], NOW)
    assert [reading.values["ageing_a_long"].value for reading in (one, two)] == [1, 2]
    assert one.degraded == two.degraded == ()
    assert {value.status for value in broken.values.values()} == {FeatureStatus.UNAVAILABLE}
    assert {fault.cause for fault in broken.degraded} == {"OSError: disk on fire"}


@pytest.mark.parametrize(
    "declared",
    ["entity_key BLOB, feature_name TEXT, value, event_ts timestamp", "entity_key BLOB, feature_name TEXT, value BLOB"],
)
def test_a_table_that_is_not_as_feast_makes_it_is_left_to_feast(tmp_path: Path, declared: str) -> None:
    repo = make_repository(tmp_path / "feast", SQLITE)
    fill(repo)
    direct, table = OnlineFeatures(repo, schema(), key=KEY), "core_banking_ageless"
    expected = direct.read_many(["0", "1", "2"], NOW)
    direct.close()
    with closing(sqlite3.connect(repo / "online.db")) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO before")
        database.execute(f"CREATE TABLE {table} ({declared})")
        columns = ", ".join(column.split()[0] for column in declared.split(", "))
        database.execute(f"INSERT INTO {table} SELECT {columns} FROM before")
        database.commit()
    reader = OnlineFeatures(repo, schema(), key=KEY)
    readings = reader.read_many(["0", "1", "2"], NOW)
    reader.close()
    assert reader.reads == {Way.FEAST: 3}
    if "event_ts" in declared:
        assert readings == expected
    else:
        assert {f.view for reading in readings for f in reading.degraded} == {"ageless"}


def test_the_store_of_another_version_of_keys_is_left_to_feast(tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "feast", SQLITE)
    config = repo / "feature_store.yaml"
    config.write_text(config.read_text().replace("serialization_version: 3", "serialization_version: 2"))
    reader = OnlineFeatures(repo, schema(), key=KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast warns of such keys wherever it meets them
        reader.read("1", NOW)
    reader.close()
    assert reader.reads == {Way.FEAST: 1}


def test_statements_are_few_whatever_the_sizes_of_batches(tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "feast", SQLITE)
    fill(repo)
    store = open_store(repo)
    assert isinstance(store, SqliteRows)
    reader = OnlineFeatures(repo, schema(), key=KEY, connect=lambda _: store)
    kinds = set()
    for size in range(1, 33):
        statements: list[str] = []
        store.database.set_trace_callback(statements.append)
        readings = reader.read_many([str(n) for n in range(size)], NOW)
        assert [reading.has_any_row for reading in readings] == [n < 3 for n in range(size)]
        kinds |= {statement.count("X'") + statement.count("x'") for statement in statements}
    reader.close()
    assert kinds == {1, 2, 4, 8, 16, 32}
