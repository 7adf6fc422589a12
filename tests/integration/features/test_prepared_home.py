"""What `rumbo prepare` leaves behind, read the way the service and the training read it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.situation import IncidentFact, IncidentStatus
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter
from features.values import FeatureStatus
from service.examples.complete_journey.data.dataset import Dataset
from service.examples.complete_journey.data.prepare import prepare_company
from tests.example import SCHEMA
from tests.fixtures_features import NOW

STATED, SILENT = "1", "2"
"""Households with and without demographics."""

INCIDENT = IncidentFact(
    incident_id="a", incident_class="delivery", severity=None, status=IncidentStatus.OPEN, at=NOW - timedelta(hours=1)
)


@pytest.fixture
def online(prepared_company: Path) -> Iterator[OnlineFeatures]:
    reader = OnlineFeatures(prepared_company / "feast", SCHEMA)
    yield reader
    reader.close()


@pytest.fixture
def own_online(own_feast: Path) -> Iterator[OnlineFeatures]:
    reader = OnlineFeatures(own_feast, SCHEMA)
    yield reader
    reader.close()


def unavailable(reader: OnlineFeatures) -> set[str]:
    reading = reader.read(STATED, NOW)
    lost = {value.name for value in reading.values.values() if value.status is FeatureStatus.UNAVAILABLE}
    views = {fault.view for fault in reading.degraded if fault.status is FeatureStatus.UNAVAILABLE}
    assert lost == {spec.name for view in views for spec in SCHEMA.by_view[view]}
    return views


def test_the_dataset_says_until_when_it_reaches(prepared_company: Path) -> None:
    dataset = Dataset.load(prepared_company)
    assert (dataset.shift_weeks, dataset.prepared_at) == (0, NOW)
    assert dataset.data_end == datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)


def test_no_drafts_are_left_behind(prepared_company: Path) -> None:
    assert [path.name for path in prepared_company.rglob("*draft*")] == []
    assert not list(prepared_company.rglob("*-wal"))


def test_a_household_has_every_fact_but_what_only_pushes_bring(online: OnlineFeatures) -> None:
    reading = online.read(STATED, NOW)
    missing = {name for name, value in reading.values.items() if value.status is FeatureStatus.NOT_FOUND}
    assert (missing, reading.degraded, reading.has_any_row) == ({"incidents_json", "consents_json"}, (), True)


def test_a_household_that_stated_nothing_has_no_demographics(online: OnlineFeatures) -> None:
    values = online.read(SILENT, NOW).values
    assert {values[spec.name].status for spec in SCHEMA.by_view["demographics"]} == {FeatureStatus.NOT_FOUND}


def test_a_household_seen_in_the_first_month_has_no_anniversary(online: OnlineFeatures) -> None:
    assert online.read(STATED, NOW).values["anniversary_from"].status is FeatureStatus.NULL


def test_an_unknown_customer_is_known_to_no_view(online: OnlineFeatures) -> None:
    assert not online.read("nobody", NOW).has_any_row


def test_behaviour_carries_the_time_of_its_snapshot(online: OnlineFeatures) -> None:
    assert online.read(STATED, NOW).values["spend_90d"].event_time == datetime(2018, 1, 1, 5, tzinfo=UTC)


def test_the_online_store_serves_the_last_row_of_each_file(prepared_company: Path, online: OnlineFeatures) -> None:
    for view in ("profile", "purchases", "behaviour"):
        rows = pq.read_table(prepared_company / f"feast/data/{view}.parquet").to_pylist()
        last = {row["customer_id"]: row for row in sorted(rows, key=lambda row: row["event_time"])}
        for customer in ("1", "718", "2489"):
            values = online.read(customer, NOW).values
            served = {spec.name: values[spec.name].value for spec in SCHEMA.by_view[view]}
            assert served == {name: last[customer][name] for name in served}


def test_history_is_joined_as_of_the_decision(prepared_company: Path) -> None:
    """The join gives the last row at or before each moment, also a second before a snapshot and right at it."""
    from feast import FeatureStore

    snapshot = datetime(2017, 8, 14, 5, tzinfo=UTC)
    moments = [snapshot - timedelta(seconds=1), snapshot]
    store = FeatureStore(repo_path=str(prepared_company / "feast"))
    asked = pd.DataFrame({"customer_id": [STATED] * 2, "event_timestamp": moments})
    joined = store.get_historical_features(asked, ["behaviour:spend_90d"]).to_df()
    rows = pq.read_table(prepared_company / "feast/data/behaviour.parquet").to_pylist()
    spend = {row["event_time"]: row["spend_90d"] for row in rows if row["customer_id"] == STATED}
    found = joined.sort_values("event_timestamp")["spend_90d"].tolist()
    assert found == [spend[snapshot - timedelta(weeks=1)], spend[snapshot]]
    assert len(set(found)) == 2


def test_pushes_are_read_at_once(own_feast: Path, own_online: OnlineFeatures) -> None:
    SituationWriter(own_feast, SCHEMA.situation).write(SILENT, [INCIDENT])
    value = own_online.read(SILENT, NOW).values["incidents_json"]
    assert (value.status, value.event_time) == (FeatureStatus.PRESENT, INCIDENT.at)


def test_garbage_in_place_of_the_store_makes_every_view_unavailable(
    own_feast: Path, own_online: OnlineFeatures
) -> None:
    (own_feast / "online_store.db").write_bytes(b"garbage" * 1000)
    assert unavailable(own_online) == set(SCHEMA.by_view)


@pytest.mark.parametrize("size", [0, 1])
def test_an_empty_database_makes_every_view_unavailable(own_feast: Path, own_online: OnlineFeatures, size: int) -> None:
    path = own_feast / "online_store.db"
    path.unlink()
    if size:
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE other (at INTEGER)")
    else:
        path.touch()
    assert unavailable(own_online) == set(SCHEMA.by_view)


@pytest.mark.parametrize("name", ["online_store.db", "registry.db", "feature_store.yaml"])
def test_a_missing_file_makes_every_view_unavailable_and_is_not_made_anew(
    own_feast: Path, own_online: OnlineFeatures, name: str
) -> None:
    (own_feast / name).unlink()
    assert unavailable(own_online) == set(SCHEMA.by_view)
    assert not (own_feast / name).exists()


def test_a_garbage_registry_makes_every_view_unavailable(own_feast: Path, own_online: OnlineFeatures) -> None:
    (own_feast / "registry.db").write_bytes(b"\xff" * 100)
    assert unavailable(own_online) == set(SCHEMA.by_view)


def test_a_lost_table_takes_only_its_own_view_away(own_feast: Path, own_online: OnlineFeatures) -> None:
    with closing(sqlite3.connect(own_feast / "online_store.db")) as database:
        database.execute("DROP TABLE rumbo_behaviour")
    assert unavailable(own_online) == {"behaviour"}


def test_a_store_replaced_while_serving_is_noticed(own_feast: Path) -> None:
    clock = [0.0]
    reader = OnlineFeatures(own_feast, SCHEMA, monotonic=lambda: clock[0])
    assert unavailable(reader) == set()
    broken = own_feast / "broken"
    broken.write_bytes(b"garbage" * 1000)
    broken.replace(own_feast / "online_store.db")
    clock[0] += 5.0
    assert unavailable(reader) == set(SCHEMA.by_view)
    reader.close()


@pytest.mark.slow
def test_preparing_again_moves_the_data_and_keeps_what_was_pushed(prepared_company: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared_company, home)
    (home / "state.db").write_bytes(b"state")
    writer = SituationWriter(home / "feast", SCHEMA.situation)
    writer.write(STATED, [INCIDENT])
    later = NOW + timedelta(weeks=10, days=3)
    prepare_company(home, later)
    reading = OnlineFeatures(home / "feast", SCHEMA).read(STATED, later)
    assert reading.degraded == ()
    assert reading.values["incidents_json"].event_time == INCIDENT.at
    assert reading.values["last_purchase_at"].value == datetime(2017, 12, 31, 19, 1, 5, tzinfo=UTC) + timedelta(
        weeks=10
    )
    assert (Dataset.load(home).shift_weeks, (home / "state.db").read_bytes()) == (10, b"state")


@pytest.mark.slow
def test_preparing_again_repairs_a_broken_store(prepared_company: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared_company, home)
    (home / "feast/online_store.db").write_bytes(b"garbage" * 1000)
    (home / "feast/registry.db").write_bytes(b"\xff" * 100)
    prepare_company(home, NOW)
    assert OnlineFeatures(home / "feast", SCHEMA).read(STATED, NOW).degraded == ()
    assert (home / "feast/online_store.db.broken").exists()
