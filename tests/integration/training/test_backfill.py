"""New features for old decisions, by the history of real Feast repositories, and what was served beside it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from features.company.company import load_company
from features.company.registry import features_of
from features.errors import CannotWrite, HistoryUnreadable
from features.schema import FeatureType
from features.store.connection import open_offline
from features.store.history import Asked, open_history
from features.values import FeatureStatus
from models.bundle import Bundle
from service.cli import main
from tests import daily_bank
from tests.companies.bank import FIRST_HOLDER, NOW, Bank, quiet_feast
from tests.daily_bank import DAILY, DAYS, decisions, known, make_daily_bank, rows_in, serve, write_log
from tests.model_builders import spec
from tests.shared import made_once
from training.backfill import parts
from training.backfill.parity import FeatureParity, Verdict
from training.backfill.run import BackFilled, BackFillOrder, back_fill
from training.log.errors import LogInvalid
from training.log.files import LogFiles

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = made_once(tmp_path_factory, "daily_bank", lambda place: _make(place / "bank")) / "bank"
    return Bank(folder=folder)


def _make(folder: Path) -> None:
    make_daily_bank(folder)


@pytest.fixture(scope="module", params=["duckdb", "dask"])
def stored(daily: Bank, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The same bank, with its history read by either of the stores of Feast that read files."""
    copy = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path_factory.mktemp("stored") / "bank")))
    daily_bank.use_offline_store(copy, request.param)
    return copy


def done(bank: Bank, log: Path, out: Path | None, *features: str) -> BackFilled:
    company = load_company(bank.folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's, of what pandas is about to give up
        order = BackFillOrder(log=log, out=out, features=features)
        return back_fill(order, features_of(company), company.feature_repo)


def parity(found: BackFilled) -> dict[str, FeatureParity]:
    return {one.feature: one for one in found.parity}


def test_every_row_gets_what_a_naive_twin_knows_and_none_is_lost_or_changed(stored: Bank, tmp_path: Path) -> None:
    rows = decisions()
    log = write_log(tmp_path / "log", rows)
    found = done(stored, log, tmp_path / "out")

    filled = rows_in(tmp_path / "out")
    assert [one.relative_to(log) for one in sorted(log.rglob("*.parquet"))] == [
        one.relative_to(tmp_path / "out") for one in sorted((tmp_path / "out").rglob("*.parquet"))
    ]
    assert len(filled) == len(rows) == found.rows == 480
    assert found.pairs == len({(row["customer_id"], row["decided_at"]) for row in rows}) < 240
    statuses = Counter[FeatureStatus]()
    for row, before in zip(filled, rows_in(log), strict=True):
        own = {name: cell for name, cell in row.items() if not name.startswith(("feature_", "absent"))}
        assert own == {name: before[name] for name in own}
        for name in DAILY:
            status, value = known(row["customer_id"], row["decided_at"], name)
            assert row[f"feature_{name}"] == value, (row["decision_id"], name)
            assert row["absent_features"].get(name, "PRESENT") == status
            statuses[status] += 1
        assert ("days_unseen" in row["absent_features"]) == (row["feature_days_unseen"] is None)
        if row["feature_seen_at"] is not None:
            assert row["feature_days_unseen"] == (row["decided_at"] - row["feature_seen_at"]) / DAY
        else:
            assert row["absent_features"]["days_unseen"] == row["absent_features"]["seen_at"]
    assert min(statuses[status] for status in FeatureStatus if status is not FeatureStatus.UNAVAILABLE) > 0
    told = found.filled["segment"]
    assert told == Counter(known(row["customer_id"], row["decided_at"], "segment")[0] for row in rows)


def test_what_feasts_file_store_leaves_out_is_counted_and_duckdb_leaves_nothing_out(
    stored: Bank, tmp_path: Path
) -> None:
    """Rows of one customer and instant are one row for the file store, and who has later rows alone is in none."""
    rows = decisions()
    log = write_log(tmp_path / "log", rows)
    asked = pd.DataFrame(
        {
            "holder_no": np.array([int(row["customer_id"]) for row in rows]),
            "event_timestamp": pd.to_datetime([row["decided_at"] for row in rows], utc=True),
        }
    )
    with open_offline(stored.repo) as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = store.get_historical_features(entity_df=asked, features=["accounts:balance"]).to_df()
    pairs = {(row["customer_id"], row["decided_at"]) for row in rows}
    first_row_at = NOW - DAY
    early = {pair for pair in pairs if pair[0] != "4711" and pair[1] < first_row_at}
    is_dask = "dask" in (stored.repo / "feature_store.yaml").read_text(encoding="utf-8")
    assert len(plain) == (len(pairs - early) if is_dask else len(rows))

    found = done(stored, log, None)
    told = [notice for notice in found.notices if notice.startswith("accounts:")]
    assert told == (
        [
            f"accounts: its store left out {len(early)} of {len(pairs)} pairs of customer and instant, again when asked"
            " anew: they are NOT_FOUND there"
        ]
        if is_dask
        else []
    )


def test_what_was_served_stays_and_only_rows_that_lack_a_feature_are_filled(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows)
    for row in rows[:100]:  # of when there was no segment yet
        row["feature_segment"] = None
        row["absent_features"] = [pair for pair in row["absent_features"] if pair[0] != "segment"]
    rows[200]["feature_segment"] = "as it was served"
    found = done(daily, write_log(tmp_path / "log", rows), tmp_path / "out")

    filled = rows_in(tmp_path / "out")
    assert [row["feature_segment"] for row in filled[:100]] == [
        known(row["customer_id"], row["decided_at"], "segment")[1] for row in rows[:100]
    ]
    assert filled[200]["feature_segment"] == "as it was served"
    assert sum(found.filled["segment"].values()) == 100
    assert "visits_7d" not in found.filled
    assert found.replaced == {}
    assert parity(found)["segment"].rows == 380
    assert parity(found)["segment"].decision_id == rows[200]["decision_id"]


def test_a_named_feature_is_filled_in_every_row_and_the_others_are_left_alone(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows, ("visits_7d",), shift=-DAY)  # what came a day later
    found = done(daily, write_log(tmp_path / "log", rows), tmp_path / "out", "visits_7d")

    filled = rows_in(tmp_path / "out")
    expected = [known(row["customer_id"], row["decided_at"], "visits_7d") for row in rows]
    assert [row["feature_visits_7d"] for row in filled] == [value for _, value in expected]
    assert [row["absent_features"].get("visits_7d", "PRESENT") for row in filled] == [status for status, _ in expected]
    assert not any("feature_segment" in row for row in filled)
    assert found.replaced == {"visits_7d": 480}


def visits(row: Mapping[str, Any], earlier: timedelta) -> int | None:
    value = known(row["customer_id"], row["decided_at"] - earlier, "visits_7d")[1]
    assert value is None or isinstance(value, int)
    return value


def test_a_shifted_timestamp_is_seen_and_without_one_all_is_alike(daily: Bank, tmp_path: Path) -> None:
    """Served of the moment, and served of the day before: what changes daily is then another in every row."""
    rows, shifted = decisions(), decisions()
    serve(rows)
    serve(shifted, shift=DAY)
    alike = done(daily, write_log(tmp_path / "log", rows), None)
    late = done(daily, write_log(tmp_path / "late", shifted), None)

    for name in DAILY:
        assert parity(alike)[name].verdict is Verdict.ALIKE
        assert (parity(alike)[name].rows, parity(alike)[name].share_equal) == (480, 1.0)
    both = [tuple(visits(row, by) for by in (timedelta(0), DAY)) for row in shifted]
    told = parity(late)["visits_7d"]
    assert told.share_equal == sum(now == before for now, before in both) / 480
    assert told.share_equal is not None
    assert told.share_equal < 0.3
    assert told.share_one_null == sum((now is None) != (before is None) for now, before in both) / 480
    assert told.largest == max(abs(a - b) for a, b in both if a is not None and b is not None) >= 100
    first = [one.feature for one in late.parity if one.verdict is not Verdict.NOT_COMPARED]
    assert set(first[:5]) == set(DAILY)
    assert [one.share_equal for one in late.parity[:5]] == sorted(one.share_equal or 0.0 for one in late.parity[:5])


def test_one_shifted_clock_of_the_source_is_seen_too(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows)
    log = write_log(tmp_path / "log", rows)
    other = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path / "bank")))
    file = other.repo / "data" / "daily.parquet"
    table = pq.ParquetFile(file).read()
    for name in ("AT", "WRITTEN"):
        later = pa.array([at + DAY for at in table[name].to_pylist()], pa.timestamp("us"))
        table = table.set_column(table.column_names.index(name), name, later)
    pq.write_table(table, file)
    assert all((parity(done(other, log, None))[name].share_equal or 0.0) < 0.7 for name in ("visits_7d", "seen_at"))


@pytest.mark.parametrize("key", ["INT32", "STRING"])
def test_customers_are_found_by_keys_of_other_types(key: str, tmp_path: Path) -> None:
    bank, rows = make_daily_bank(tmp_path / "bank", key), decisions()
    serve(rows)
    found = done(bank, write_log(tmp_path / "log", rows), None)
    assert {parity(found)[name].verdict for name in DAILY} == {Verdict.ALIKE}


def test_the_example_gets_back_what_was_taken_from_its_log(prepared_company: Path, tmp_path: Path) -> None:
    """Its log was joined by other code, with weekly snapshots that are stale after three weeks."""
    whole = pq.read_table(prepared_company / "training" / "campaigns.parquet")
    gone = ("spend_90d", "baskets_7d", "last_redemption_at", "age_band")
    maps = [[pair for pair in said if pair[0] not in gone] for said in whole["absent_features"].to_pylist()]
    place, kept = whole.column_names.index("absent_features"), whole.schema.field("absent_features")
    lacking = whole.set_column(place, kept, pa.array(maps, kept.type))
    (tmp_path / "log").mkdir()
    pq.write_table(lacking.drop_columns([f"feature_{name}" for name in gone]), tmp_path / "log" / "a.parquet")
    found = done(Bank(folder=prepared_company), tmp_path / "log", tmp_path / "out")

    filled = pq.read_table(tmp_path / "out" / "a.parquet")
    for name in gone:
        assert filled[f"feature_{name}"].to_pylist() == whole[f"feature_{name}"].to_pylist(), name
    derived = {"recency_days", "days_since_redemption", "days_since_first_seen", "days_to_anniversary"}
    assert [{pair for pair in said if pair[0] not in derived} for said in filled["absent_features"].to_pylist()] == [
        set(said) for said in whole["absent_features"].to_pylist()
    ]
    verdicts = Counter(one.verdict for one in found.parity if one.feature not in {*gone, *derived})
    assert (set(verdicts), verdicts[Verdict.ALIKE] > 40) == ({Verdict.ALIKE}, True)


def test_customers_without_a_key_are_told_and_a_log_of_nobody_is_refused(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    rows[5]["customer_id"] = "not a number"
    found = done(daily, write_log(tmp_path / "log", rows), tmp_path / "out")
    assert rows_in(tmp_path / "out")[5]["absent_features"]["visits_7d"] == "NOT_FOUND"
    (told,) = found.notices
    assert told.startswith("1 rows are of customers whom the store cannot know, NOT_FOUND: ")
    assert told.endswith(
        "decisions.parquet: row 5: customer_id: no holder_no (Int64) of the feature store is written so"
    )

    for row in rows:
        row["customer_id"] = "c" + row["customer_id"]
    with pytest.raises(LogInvalid, match=r"customer_id: no customer of it can be a holder_no \(Int64\)"):
        done(daily, write_log(tmp_path / "strange", rows), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_history_that_is_gone_is_named_where_it_is_needed_and_a_notice_where_it_is_not(
    daily: Bank, tmp_path: Path
) -> None:
    rows = decisions()
    serve(rows)
    other = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path / "bank")))
    (other.repo / "data" / "daily.parquet").unlink()
    log = write_log(tmp_path / "log", rows)
    found = done(other, log, tmp_path / "out")
    assert "visits_7d" not in parity(found)
    (told,) = found.notices
    assert told.startswith("daily: its history cannot be read: ")
    assert told.endswith("; its features are not compared")
    with pytest.raises(HistoryUnreadable, match="daily: its history cannot be read"):
        done(other, log, tmp_path / "none", "visits_7d")
    assert not (tmp_path / "none").exists()


def test_a_history_that_is_gone_is_named_where_only_later_rows_need_it(
    daily: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows that are joined lack nothing, so for them it was a notice."""
    monkeypatch.setattr(parts, "AT_ONCE", 1)
    served, lacking = decisions(), decisions(shift=timedelta(days=DAYS))
    serve(served)
    write_log(tmp_path / "log", served)
    write_log(tmp_path / "log", lacking)
    other = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path / "bank")))
    (other.repo / "data" / "daily.parquet").unlink()
    with pytest.raises(HistoryUnreadable, match="daily: its history cannot be read"):
        done(other, tmp_path / "log", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (told,) = done(other, tmp_path / "log", None).notices
    assert told.startswith("daily: its history cannot be read: ")


def test_a_day_without_rows_needs_no_history(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows)
    log = write_log(tmp_path / "log", rows)
    (log / "day=2030-01-01").mkdir()
    kept = pq.read_schema(next(log.rglob("*.parquet")))
    silent = pa.schema([field for field in kept if field.name != "feature_visits_7d"])
    pq.write_table(silent.empty_table(), log / "day=2030-01-01" / "decisions.parquet")
    other = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path / "bank")))
    (other.repo / "data" / "daily.parquet").unlink()
    done(other, log, tmp_path / "out")
    written = pq.read_table(tmp_path / "out" / "day=2030-01-01" / "decisions.parquet", partitioning=None)
    assert written.num_rows == 0
    assert written.schema.field("feature_visits_7d").type == pa.int64()
    assert len(rows_in(tmp_path / "out")) == len(rows)


def test_an_age_alone_is_counted_from_the_history_where_the_log_lacks_its_instant(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    log = write_log(tmp_path / "log", rows)
    found = done(daily, log, tmp_path / "out", "days_unseen")
    assert not [notice for notice in found.notices if "days_unseen" in notice]
    ages = set()
    for row in rows_in(tmp_path / "out"):
        _, seen = known(row["customer_id"], row["decided_at"], "seen_at")
        assert row["feature_days_unseen"] == (None if seen is None else (row["decided_at"] - seen) / DAY)
        assert "feature_seen_at" not in row
        ages.add(row["feature_days_unseen"])
    assert len(ages) > 10


def test_a_store_that_cannot_leave_out_what_was_written_later_is_told(
    daily: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Snowflake's: this is DuckDB's that says so of itself."""
    from feast.infra.offline_stores.duckdb import DuckDBOfflineStore

    log = write_log(tmp_path / "log", decisions())
    assert done(daily, log, None).notices == ()
    monkeypatch.setattr(DuckDBOfflineStore, "supports_filter_by_created_timestamp", False)
    (told,) = done(daily, log, None).notices
    assert told == "daily: its store has no way to leave out rows that were written after the instant asked for"


def test_a_company_without_an_offline_store_is_told_so(daily: Bank, tmp_path: Path) -> None:
    other = Bank(folder=Path(shutil.copytree(daily.folder, tmp_path / "bank")))
    file = other.repo / "feature_store.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("{type: duckdb}", "null"), encoding="utf-8")
    with pytest.raises(HistoryUnreadable, match=r"feature_store.yaml names no offline store"):
        done(other, write_log(tmp_path / "log", decisions()), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_time_of_a_row_may_be_a_feature_itself(stored: Bank, tmp_path: Path) -> None:
    """As `last_seen_at` is of a table of last visits: asked for as it is called there."""
    from feast import FeatureView, Field, FileSource
    from feast.types import Int64, UnixTimestamp

    at = [NOW - timedelta(days=days) for days in (9, 3)]
    table = pa.table(
        {
            "holder_no": pa.array([FIRST_HOLDER] * 2, pa.int64()),
            "last_seen_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "pages": pa.array([4, 5], pa.int64()),
        }
    )
    pq.write_table(table, stored.repo / "data" / "seen.parquet")
    with chdir(stored.repo), quiet_feast():
        store = stored.store()
        source = FileSource(name="seen", path="data/seen.parquet", timestamp_field="last_seen_at")
        schema = [Field(name="pages", dtype=Int64), Field(name="last_seen_at", dtype=UnixTimestamp)]
        holder = store.get_entity("holder")
        store.apply([FeatureView(name="seen", entities=[holder], ttl=timedelta(0), source=source, schema=schema)])
    with open_history(stored.repo, features_of(load_company(stored.folder)).key) as history:
        asked = Asked(
            customers=[str(FIRST_HOLDER)] * 3,
            at=np.array([(NOW - timedelta(days=days)).replace(tzinfo=None) for days in (8, 3, 10)], "datetime64[us]"),
        )
        specs = [spec("pages", FeatureType.INT, "seen"), spec("last_seen_at", FeatureType.TIMESTAMP, "seen")]
        facts = history.facts("seen", specs, asked).facts
    assert facts["pages"].values.to_pylist() == [4, 5, None]
    assert facts["last_seen_at"].values.to_pylist() == [at[0], at[1], None]
    with chdir(stored.repo), quiet_feast():
        store.apply([], objects_to_delete=[store.get_feature_view("seen")], partial=False)


Change = Callable[[pa.Table], pa.Table]
BAD: dict[str, tuple[Change, str]] = {
    "no customer": (lambda table: table.drop_columns(["customer_id"]), "customer_id: there is no such column"),
    "no time": (lambda table: table.drop_columns(["decided_at"]), "decided_at: there is no such column"),
    "plain": (lambda table: table.drop_columns(["eligible"]), "this is a plain log, .* it has no eligible"),
    "old": (lambda table: table.drop_columns(["absent_features"]), "absent_features: there is no such column: export"),
    "a null": (
        lambda table: table.set_column(1, "customer_id", pa.array([None] * len(table), pa.string())),
        r"decisions.parquet: row 0: customer_id: there is no customer",
    ),
    "lists for maps": (
        lambda table: table.set_column(
            table.column_names.index("absent_features"),
            "absent_features",
            table["absent_features"].cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))),
        ),
        r"decisions.parquet: absent_features: a column of maps is needed, this has list<",
    ),
    "text as time": (
        lambda table: table.set_column(2, "decided_at", pa.array(["soon"] * len(table))),
        "decided_at: 'soon' is no time",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_log_that_cannot_be_joined_is_refused_by_name_and_nothing_is_written(
    daily: Bank, tmp_path: Path, case: str
) -> None:
    change, told = BAD[case]
    log = write_log(tmp_path / "log", decisions())
    for file in log.rglob("*.parquet"):
        pq.write_table(change(pq.ParquetFile(file).read()), file)
    with pytest.raises(LogInvalid, match=told):
        done(daily, log, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_whose_feature_was_served_in_another_type_and_is_lacking_elsewhere_is_refused_by_column(
    daily: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first part has texts alone, the second lacks all."""
    monkeypatch.setattr(parts, "PART_ROWS", 2)
    log = write_log(tmp_path / "log", decisions())
    for file in log.rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        texts = pa.array(["many"] * 2 + [None] * (table.num_rows - 2), pa.string())
        pq.write_table(table.append_column("feature_visits_7d", texts), file)
    with pytest.raises(LogInvalid, match=r"decisions.parquet: feature_visits_7d: rows of it hold string, others int64"):
        done(daily, log, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_log_whose_absences_say_nothing_lacks_what_is_null(daily: Bank, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", decisions())
    for file in log.rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        place = table.column_names.index("absent_features")
        pq.write_table(table.set_column(place, "absent_features", pa.nulls(table.num_rows)), file)
    found = done(daily, log, tmp_path / "out")
    assert sum(found.filled["segment"].values()) == found.rows == 480
    kept = pq.read_schema(next((tmp_path / "out").rglob("*.parquet"))).field("absent_features")
    assert pa.types.is_map(kept.type)


@pytest.mark.parametrize(("name", "told"), [("shoe_size", "shoe_size: the company has no such feature")])
def test_a_feature_that_nobody_knows_is_refused(daily: Bank, tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(LogInvalid, match=told):
        done(daily, write_log(tmp_path / "log", decisions()), tmp_path / "out", name)


def test_a_damaged_day_leaves_what_was_filled_in_before_as_it_was(daily: Bank, tmp_path: Path) -> None:
    log, out = write_log(tmp_path / "log", decisions()), tmp_path / "out"
    done(daily, log, out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    last = max(log.rglob("*.parquet"))
    whole = last.read_bytes()
    last.write_bytes(whole[:200] + bytes(len(whole) - 1200) + whole[-1000:])
    with pytest.raises(LogInvalid, match=f"{last.parent.name}/decisions.parquet: this is no table in Parquet"):
        done(daily, log, out)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    last.unlink()
    done(daily, log, out)
    assert not (out / last.relative_to(log)).exists(), "of a log that is shorter now, nothing of before is left"


def test_a_folder_with_something_else_in_it_is_left_alone(daily: Bank, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", decisions()[:4])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(CannotWrite, match="is not empty"):
        done(daily, log, tmp_path / "mine")
    for place in (log, log / "inside", tmp_path):
        with pytest.raises(CannotWrite, match="lie in each other"):
            done(daily, log, place)


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exc_info
    return ended.exit_code, ended.output


def test_what_was_filled_in_is_learnt_from(daily: Bank, tmp_path: Path) -> None:
    """Who was seen to visit more in the week took the offer: no log said so, for the feature is new."""
    rows, chance = decisions(), np.random.default_rng(5)
    for row in rows:
        row["reward"] = float(chance.random() < (0.9 if (visits(row, timedelta(0)) or 0) > 500 else 0.1))
    log, out = write_log(tmp_path / "log", rows), tmp_path / "out"
    company = ("--company", str(daily.folder), "--home", str(tmp_path / "home"))

    status, told = run("train", *company, "--log", str(log), "--out", str(tmp_path / "before"))
    assert status == 2
    assert "it has no feature of the company" in told
    status, told = run("backfill", *company, "--log", str(log), "--out", str(out))
    assert status == 0, told
    present = [known(row["customer_id"], row["decided_at"], "visits_7d")[0] for row in rows].count(
        FeatureStatus.PRESENT
    )
    assert re.search(rf"visits_7d +│ +{present} │", told)
    assert f"Wrote {out}: 480 rows, " in told
    status, told = run("train", *company, "--log", str(out), "--out", str(tmp_path / "after"), "--folds", "3", "--json")
    assert status == 0, told
    columns = Bundle.load(tmp_path / "after").encoder.columns
    assert {"visits_7d", "spend_7d", "days_unseen"} <= set(columns)
    metrics = json.loads(told)["metrics"]
    assert metrics["model"]["auc"] > 0.8 > metrics["constant"]["auc"]


def test_the_command_compares_alone_and_writes_nothing(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows, shift=DAY)
    log = write_log(tmp_path / "log", rows)
    before = set(tmp_path.rglob("*"))
    asked = ("backfill", "--company", str(daily.folder), "--home", str(tmp_path / "home"), "--log", str(log))
    status, told = run(*asked, "--parity-only", "--json")
    assert status == 0, told
    found = json.loads(told)
    assert found["filled"] == found["replaced"] == {}
    assert (found["parity"][0]["feature"], found["parity"][0]["verdict"]) == ("seen_at", "differs")
    assert set(tmp_path.rglob("*")) == before
    assert run(*asked)[0] == run(*asked, "--parity-only", "--out", "x")[0] == 2
    assert run(*asked, "--parity-only", "--features", "segment")[0] == 2


def test_the_file_beside_the_log_says_what_the_table_says(daily: Bank, tmp_path: Path) -> None:
    rows = decisions()
    serve(rows, ("visits_7d", "segment"), shift=DAY)
    found = done(daily, write_log(tmp_path / "log", rows), tmp_path / "out")
    with (tmp_path / "out" / "_parity.csv").open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [(row["feature"], row["verdict"]) for row in written] == [
        (one.feature, one.verdict.value) for one in found.parity
    ]
    assert LogFiles(tmp_path / "out").read(["decision_id"]).table.num_rows == 480, "no part of the log"
