"""The exported table: one row for each ranked journey, with what was not chosen and what became of it."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.values import FeatureStatus
from service.catalogue.objectives import CatalogueLost
from service.state.engines.engine import CHUNK
from service.state.engines.session import Row, Session, Sql, Transaction
from service.state.export.fields import documented
from service.state.export.table import export_schema
from service.state.export.write import Day, ExportStopped
from tests.builders import NOW, SCHEMA, feature
from tests.contract.adapters import Store
from tests.contract.history import (
    CATALOGUE,
    DAY,
    EPOCH,
    buy,
    decided,
    denials_in,
    engine_of,
    export_of,
    exported,
    present,
    proposed,
    rows_in,
    table_in,
)
from tests.contract.rows import MINUTE

HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the table goes."""
    return tmp_path / "table"


async def test_a_row_holds_what_was_decided_and_what_became_of_it(state: Store, folder: Path) -> None:
    await decided(state, "d1", context={"basket": 12.5}, features=[feature("visits", 3)])
    await present(state, "d1")
    await buy(state, HOUR)
    row = (await rows_in(state, folder))["d1", "basket"]
    served = {name: row.pop(name) for name in list(row) if name.startswith("feature_") or name == "absent_features"}
    assert served["feature_visits"] == 3
    assert row == {
        "decision_id": "d1",
        "customer_id": "1",
        "decided_at": NOW,
        "valid_until": NOW + 15 * MINUTE,
        "channel": "web",
        "placement": None,
        "rank": 1,
        "journey_id": "basket",
        "kind": "service",
        "stage": "need",
        "action_id": "basket-action",
        "tone": "plain",
        "is_offer": False,
        "tier": 1,
        "attributes": [("category", "food")],
        "expects": "basket!",
        "p_outcome": 0.5,
        "score_source": "MODEL",
        "p_if_silent": None,
        "value": 5.0,
        "value_source": "FIXED",
        "lever": 1.0,
        "context_weight": 1.0,
        "cost": 0.25,
        "priority": 2.25,
        "propensity": 1.0,
        "propensity_over_arms": 1.0,
        "is_exploration": False,
        "is_forced": None,
        "arm": "CHAMPION",
        "share": 1.0,
        "reason_of_silence": None,
        "eligible": row["eligible"],
        "model_version": "m1",
        "catalogue_version": CATALOGUE.version,
        "contact_state": "PRESENTED",
        "counts_until": None,
        "presented_at": NOW + MINUTE,
        "outcomes": [
            {
                "outcome_id": "d1-basket-shown",
                "type": "PRESENTED",
                "value": None,
                "occurred_at": NOW + MINUTE,
                "is_late": False,
            }
        ],
        "window_ends_at": NOW + MINUTE + 7 * DAY,
        "reward": 5.0,
        "is_censored": False,
        "is_met": True,
        "outcome_in_window": True,
        "met_in_windows": [{"journey_id": "basket", "at": NOW + HOUR, "worth": 5.0, "by": "EVENT"}],
        "windows_end_at": NOW + 7 * DAY,
        "context": '{"basket":12.5}',
    }


async def test_what_was_not_chosen_stands_beside_what_was(state: Store, folder: Path) -> None:
    """The first slot takes basket, which denies tips; the second takes survey; nothing is left for contact-us."""
    await decided(state, "d1")
    rows = await rows_in(state, folder)
    assert list(rows) == [("d1", "basket"), ("d1", "survey")]
    for row in rows.values():
        listed = [(e["journey_id"], e["place"], e["rank"], e["p_outcome"], e["propensity"]) for e in row["eligible"]]
        assert listed == [
            ("basket", "RANKED", 1, 0.5, 1.0),
            ("survey", "RANKED", 2, 0.25, 1.0),
            ("contact-us", "ELIGIBLE", None, 0.0625, 0.0),
            ("tips", "DENIED_AT_SELECT", None, 0.125, 0.0),
        ]


async def test_a_feature_is_a_value_of_its_type_only_if_it_was_served_as_one(state: Store, folder: Path) -> None:
    known = [
        feature("spend", 2.5),
        feature("visits", 2**62),
        feature("segment", "gold", FeatureStatus.STALE),
        feature("seen_at", NOW - MINUTE),
        feature("time_zone", None, FeatureStatus.NULL),
    ]
    await decided(state, "d1", features=known)
    await decided(state, "d2", customer_id="2", features=[feature("spend", math.nan), feature("visits", 1.5)])
    rows = await rows_in(state, folder)
    first, second = rows["d1", "basket"], rows["d2", "basket"]
    assert (first["feature_spend"], first["feature_visits"], first["feature_seen_at"]) == (2.5, 2**62, NOW - MINUTE)
    assert (first["feature_segment"], first["feature_time_zone"], first["feature_holiday_region"]) == (None, None, None)
    assert dict(first["absent_features"]) == {"segment": "STALE", "time_zone": "NULL"}, "holiday_region: none was then"
    assert math.isnan(second["feature_spend"])
    assert second["feature_visits"] is None, "of another type then"


async def test_each_day_has_a_folder_and_only_the_days_asked_for_are_written(state: Store, folder: Path) -> None:
    for n in range(4):
        await decided(state, f"d{n}", customer_id=str(n), now=NOW + n * DAY)
    export = export_of(state, folder)
    days = await export.days(date(2018, 1, 4), date(2018, 1, 6))
    assert days == [Day(day=date(2018, 1, 4), decisions=1), Day(day=date(2018, 1, 5), decisions=1)]
    assert [await export.write(day, lambda _: None) for day in days] == [2, 2]
    assert [f"{f.relative_to(folder)}" for f in sorted(folder.rglob("*")) if f.is_file()] == [
        "_denials/day=2018-01-04/denials.parquet",
        "_denials/day=2018-01-05/denials.parquet",
        "day=2018-01-04/decisions.parquet",
        "day=2018-01-05/decisions.parquet",
    ]
    assert pq.read_table(folder / "day=2018-01-05" / "decisions.parquet", partitioning=None)[
        "decision_id"
    ].to_pylist() == [
        "d2",
        "d2",
    ]


async def test_an_export_done_again_replaces_its_days(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    assert (await exported(state, folder)).num_rows == 2
    await decided(state, "d2", customer_id="2", now=NOW + MINUTE)
    table = await exported(state, folder)
    assert table["decision_id"].to_pylist() == ["d1", "d1", "d2", "d2"]


async def test_an_export_that_is_stopped_leaves_the_day_as_it_was(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    before = await exported(state, folder)
    denied_before = denials_in(folder)
    await decided(state, "d2", customer_id="2", now=NOW + MINUTE)
    await decided(state, "d3", customer_id="3", now=NOW + DAY)
    export = export_of(state, folder)
    export.stop()
    for day in await export.days(EPOCH, None):
        with pytest.raises(ExportStopped):
            await export.write(day, lambda _: None)
    assert sorted(f.name for f in folder.rglob("*") if f.is_file()) == ["decisions.parquet", "denials.parquet"]
    assert table_in(folder).equals(before)
    assert denials_in(folder).equals(denied_before)


async def test_a_decision_whose_catalogue_is_gone_ends_the_export_rather_than_be_without_reward(
    state: Store, folder: Path
) -> None:
    await state.commit(await proposed(state, "d1"), None)
    await present(state, "d1")
    with pytest.raises(CatalogueLost, match=CATALOGUE.version):
        await exported(state, folder)
    assert not list(folder.rglob("*.parquet"))


async def test_attributes_and_what_is_expected_are_of_the_catalogue_that_decided(state: Store, folder: Path) -> None:
    """Of a version that is not kept they are not known; nothing of it was shown, so no reward is asked for."""
    await decided(state, "d1")
    await engine_of(state).write(
        Transaction(lambda session: session.execute(Sql("DELETE FROM catalogues WHERE version <> ?", ("",))))
    )
    rows = (await exported(state, folder)).to_pylist()
    assert {(row["attributes"], row["expects"]) for row in rows} == {(None, None)}


async def test_every_column_says_what_it_is(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    written = (await exported(state, folder)).schema
    assert list(documented(written)) == list(documented(export_schema(SCHEMA)))
    assert all(description for _, _, _, description in documented(written))
    assert json.loads((await rows_in(state, folder))["d1", "basket"]["context"]) == {}


async def test_a_scan_gives_chunks_of_one_snapshot(state: Store) -> None:
    """A row that is written while the scan is under way is not in it, nor in what is asked beside it."""
    engine, count = engine_of(state), 2 * CHUNK + 1
    insert = "INSERT INTO feeds (source, heartbeat_at) VALUES (?, ?)"
    await engine.write(
        Transaction(lambda session: session.execute(*(Sql(insert, (f"s{i:05}", i)) for i in range(count))))
    )
    reading, written = threading.Event(), threading.Event()

    def work(session: Session, chunks: Iterator[list[Row]]) -> tuple[list[int], int]:
        sizes = []
        for chunk in chunks:
            sizes.append(len(chunk))
            reading.set()
            assert written.wait(30)
        ((row,),) = session.query(Sql("SELECT count(*) AS feeds FROM feeds"))
        return sizes, int(row["feeds"])

    scan = asyncio.create_task(engine.scan(Sql("SELECT source FROM feeds ORDER BY source"), work))
    assert await asyncio.to_thread(reading.wait, 30)
    await engine.write(Transaction(lambda session: session.execute(Sql(insert, ("zzz", 0)))))
    written.set()
    assert await scan == ([CHUNK, CHUNK, 1], count)
