"""What is read directly from a store's own layout is what Feast tells of it: every type, null, age and absence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feast.protos.feast.types.Value_pb2 import NULL, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.reading import FeatureReading
from features.store.connection import Connection
from features.store.online import OnlineFeatures
from features.store.open_store import open_store
from features.store.opened import Way
from features.values import FeatureStatus
from tests.contract.features.online_stores import OnlineStore
from tests.contract.features.typed_store import (
    KEY,
    NOW,
    NULL_INSTANT,
    TYPES,
    VIEWS,
    Told,
    make_repository,
    schema,
    told_by_feast,
    write_row,
)

_NUMBERS = itertools.count()
SECONDS = st.integers(-62_135_596_800, 253_402_300_799)
PLAIN = {
    "a_text": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    "a_double": st.floats(),
    "a_float": st.floats(width=32),
    "a_long": st.integers(-(2**63), 2**63 - 1),
    "an_int": st.integers(-(2**31), 2**31 - 1),
    "a_flag": st.booleans(),
    "an_instant": SECONDS | st.just(NULL_INSTANT),
}
NULLS = st.sampled_from([Value(), Value(null_val=NULL)])
VALUES = {name: st.builds(Value, **{TYPES[name][1]: plain}) | NULLS for name, plain in PLAIN.items()}
ROWS = st.fixed_dictionaries({}, optional=VALUES).filter(bool)
"""A row may lack features, as those of before a feature was added to its view do."""
AGES = st.sampled_from([timedelta(0), timedelta(days=1), timedelta(days=1, seconds=1), timedelta(days=400)])


@dataclass(frozen=True)
class Typed:
    """A repository on the store under test, read directly and by Feast."""

    repo: Path
    direct: OnlineFeatures
    feast: Connection


@pytest.fixture(scope="module")
def typed(online_store: OnlineStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    repo = make_repository(tmp_path_factory.mktemp("typed") / "feast", online_store.configuration())
    reader, connection = OnlineFeatures(repo, schema(), key=KEY), Connection.open(repo)
    yield Typed(repo, reader, connection)
    reader.close()
    connection.close()


def told(reading: FeatureReading) -> dict[str, Told]:
    return {
        name: Told(value.status, value.value, value.event_time)
        for name, value in reading.values.items()
        if value.name == name
    }


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries({}, optional={v: st.tuples(ROWS, AGES) for v in VIEWS}), min_size=1, max_size=5)
)
def test_a_batch_is_what_feast_tells_of_each_customer(
    typed: Typed, rows: Sequence[dict[str, tuple[dict[str, Value], timedelta]]]
) -> None:
    customers = [f"ñ {next(_NUMBERS)}" for _ in rows]
    for customer_id, row in zip(customers, rows, strict=True):
        for view, (values, age) in row.items():
            write_row(typed.feast, view, customer_id, NOW - age, values)
    readings = typed.direct.read_many(customers, NOW)
    assert [told(reading) for reading in readings] == told_by_feast(typed.feast, customers, NOW)
    assert [reading.has_any_row for reading in readings] == [bool(row) for row in rows]
    assert [{fault.view for fault in reading.degraded} for reading in readings] == [
        {"ageing"} if "ageing" in row and row["ageing"][1] > timedelta(days=1) else set() for row in rows
    ]
    assert {type(v.value) for r in readings for v in r.values.values()} <= {str, float, int, bool, datetime, type(None)}
    assert typed.direct.reads.keys() == {Way.DIRECT}


def test_it_is_what_get_online_features_gives(typed: Typed) -> None:
    from feast import FeatureStore

    whole = {
        "a_text": Value(string_val="Zoë \U0001f600"),
        "a_double": Value(double_val=-0.1),
        "a_float": Value(float_val=0.1),
        "a_long": Value(int64_val=-(2**62)),
        "an_int": Value(int32_val=-7),
        "a_flag": Value(bool_val=False),
    }
    customers = ["whole", "partly", "nobody"]
    write_row(typed.feast, "ageless", "whole", NOW, whole)
    write_row(typed.feast, "ageless", "partly", NOW, {"a_long": Value(int64_val=0), "a_text": Value()})
    names = [f"ageless:{name}" for name in whole]
    asked = [{KEY.name: customer_id} for customer_id in customers]
    given = FeatureStore(repo_path=str(typed.repo)).get_online_features(features=names, entity_rows=asked).to_dict()
    readings = typed.direct.read_many(customers, NOW)
    for name in whole:
        assert [reading.values[f"ageless_{name}"].value for reading in readings] == given[name]


@pytest.mark.parametrize("feature", TYPES)
@pytest.mark.parametrize("stored", [kind for _, kind, _ in TYPES.values()])
def test_a_value_of_another_type_is_unavailable_and_names_its_view(typed: Typed, feature: str, stored: str) -> None:
    plain: dict[str, Any] = {"string_val": "x", "double_val": 1.5, "float_val": 1.5, "bool_val": True}
    customer_id = f"mismatch {feature} {stored}"
    write_row(typed.feast, "ageless", customer_id, NOW, {feature: Value(**{stored: plain.get(stored, 5)})})
    reading = typed.direct.read(customer_id, NOW)
    fits = stored in KINDS_OF[TYPES[feature][1]]
    value = reading.values[f"ageless_{feature}"]
    assert value.status is (FeatureStatus.PRESENT if fits else FeatureStatus.UNAVAILABLE)
    assert [(fault.view, fault.status) for fault in reading.degraded] == (
        [] if fits else [("ageless", FeatureStatus.UNAVAILABLE)]
    )


KINDS_OF = {
    **{kind: {kind} for _, kind, _ in TYPES.values()},
    **{kind: {"double_val", "float_val"} for kind in ("double_val", "float_val")},
    **{kind: {"int64_val", "int32_val"} for kind in ("int64_val", "int32_val")},
}


def test_times_beyond_the_calendar_are_unavailable(typed: Typed) -> None:
    write_row(typed.feast, "ageless", "beyond", NOW, {"an_instant": Value(unix_timestamp_val=2**60)})
    assert typed.direct.read("beyond", NOW).values["ageless_an_instant"].status is FeatureStatus.UNAVAILABLE


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 33])
def test_a_batch_is_one_statement_a_view_or_one_round_trip(typed: Typed, online_store: OnlineStore, size: int) -> None:
    write_row(typed.feast, "ageless", "counted", NOW, {"a_long": Value(int64_val=1)})
    store = open_store(typed.repo)
    reader = OnlineFeatures(typed.repo, schema(), key=KEY, connect=lambda _: store)
    customers = ["counted", *(f"nobody {n}" for n in range(size - 1))]
    reader.read("counted", NOW)  # connects
    with online_store.counting(store) as asked:
        readings = reader.read_many(customers, NOW)
        assert asked() == online_store.questions_a_batch(len(VIEWS))
    assert [reading.has_any_row for reading in readings] == [True, *[False] * (size - 1)]
    reader.close()
