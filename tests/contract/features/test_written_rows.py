"""A text that is written by a plan is, to the byte, what Feast itself would have written."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.store.connection import Connection
from features.store.direct_cells import RedisCells, SqliteCells
from features.store.feast_internals import serialized_key
from features.store.open_store import open_cells
from features.store.text_rows import FeastCells, TextCells, TextRow
from tests.contract.features.online_stores import OnlineStore
from tests.contract.features.typed_store import NOW, make_repository, write_row

VIEW, FEATURE = "ageless", "a_text"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def repo(online_store: OnlineStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("written") / "feast", online_store.configuration())


@pytest.fixture(scope="module")
def feast(repo: Path) -> Iterator[Connection]:
    opened = Connection.open(repo)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def direct(repo: Path) -> Iterator[TextCells]:
    opened = open_cells(repo)
    assert isinstance(opened, SqliteCells | RedisCells)
    yield opened
    opened.close()


def stored(feast: Connection, customer_id: str) -> Any:
    """What the store holds of a customer, as it lies there, but for her key."""
    entity_key = feast.entity_key(VIEW, customer_id)
    assert entity_key is not None
    key = serialized_key(entity_key, feast.config)
    if feast.file is None:
        client = feast.store._get_client(feast.config.online_store)  # type: ignore[attr-defined]
        return client.hgetall(key + feast.config.project.encode())
    with closing(sqlite3.connect(feast.file)) as database:
        columns = "feature_name, value, value_text, vector_value, event_ts, created_ts, typeof(event_ts)"
        question = f"SELECT {columns} FROM core_banking_{VIEW} WHERE entity_key = ? ORDER BY feature_name"
        return database.execute(question, [key]).fetchall()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(TEXT, min_size=1, max_size=3), minutes=st.integers(-600_000, 600_000), micros=st.integers(0, 10**6)
)
def test_what_lies_in_the_store_is_the_same(
    feast: Connection, direct: TextCells, texts: list[str], minutes: int, micros: int
) -> None:
    ours, theirs = (f"customer {next(_NUMBERS)}" for _ in range(2))
    for n, text in enumerate(texts):
        at = NOW + timedelta(minutes=minutes + n, microseconds=micros)
        row = TextRow(text=text, event_time=at)
        direct.change(VIEW, FEATURE, ours, lambda _, row=row: row)  # type: ignore[misc]
        write_row(feast, VIEW, theirs, at, {FEATURE: Value(string_val=text)})
    assert stored(feast, ours) == stored(feast, theirs)


def test_the_other_features_of_a_row_stay_and_its_time_never_goes_back(feast: Connection, direct: TextCells) -> None:
    write_row(feast, VIEW, "kept", NOW, {"a_long": Value(int64_val=7), FEATURE: Value(string_val="before")})
    seen: list[str] = []

    def older(text: str) -> TextRow:
        seen.append(text)
        return TextRow(text="after", event_time=NOW - timedelta(days=1))

    direct.change(VIEW, FEATURE, "kept", older)
    row = feast.read(VIEW, "kept")
    assert row is not None
    assert seen == ["before"]
    assert (row.values["a_long"].int64_val, row.values[FEATURE].string_val, row.event_time) == (7, "after", NOW)


def test_nothing_is_written_where_nothing_changes_or_nobody_can_be_meant(feast: Connection, direct: TextCells) -> None:
    direct.change(VIEW, FEATURE, "unchanged", lambda _: None)
    direct.change(VIEW, FEATURE, "\ud800", lambda _: TextRow(text="x", event_time=NOW))
    assert not stored(feast, "unchanged")


def test_a_cell_of_another_type_is_left_as_it_is(feast: Connection, direct: TextCells) -> None:
    write_row(feast, VIEW, "typed", NOW, {FEATURE: Value(int64_val=5)})
    before = stored(feast, "typed")
    with pytest.raises(Exception, match="a text is stored as int64_val"):
        direct.change(VIEW, FEATURE, "typed", lambda _: TextRow(text="x", event_time=NOW))
    assert stored(feast, "typed") == before


def test_a_table_with_more_than_texts_is_written_by_feast(tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "feast", "{type: sqlite, path: online.db, enable_openai_compatible_store: true}")
    opened = open_cells(repo)
    opened.change(VIEW, FEATURE, "1", lambda _: TextRow(text="x", event_time=NOW))
    opened.close()
    assert isinstance(opened, FeastCells)
