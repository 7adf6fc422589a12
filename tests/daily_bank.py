"""The bank with a view that changes every day, a log of its decisions, and what a slow twin says was known then.

The view's table is as warehouses have them: other names, times without a zone, rows written after the time that they
are of, a holder who is known from the fourth day on only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.values import FeatureStatus, Scalar
from service.state.export.table import ELIGIBLE
from tests.companies.bank import FIRST_HOLDER, NOW, RUMBO, Bank, definitions, make_bank

TTL = timedelta(days=2)
DAYS, HOLDERS = 12, 8
LATECOMER = FIRST_HOLDER + 7
FIRST_DAY = NOW - timedelta(days=DAYS)
COMPANY = RUMBO + "  derived: {days_unseen: days_since(seen_at), account_days: days_since(first_account_at)}\n"
DAILY = ("visits_7d", "spend_7d", "segment", "is_new", "seen_at")
MAPPING = {"HOLDER": "holder_no", "AT": "as_of", "WRITTEN": "written_at", **{name.upper(): name for name in DAILY}}
JOURNEYS = ("cards", "loans")


@cache
def source() -> list[dict[str, Any]]:
    """The rows of the view: the second holder has none on the days 5 to 8, the third one with nothing in it."""
    chance, rows = random.Random("daily"), []
    for day in range(DAYS):
        for holder in range(FIRST_HOLDER, FIRST_HOLDER + HOLDERS):
            if (holder == LATECOMER and day < 4) or (holder == FIRST_HOLDER + 1 and day in (5, 6, 7, 8)):
                continue
            at = FIRST_DAY + timedelta(days=day)
            is_empty = holder == FIRST_HOLDER + 2 and day == 3
            rows.append(
                {
                    "holder_no": holder,
                    "as_of": at,
                    "written_at": at + timedelta(hours=chance.choice((1, 1, 1, 30))),
                    "visits_7d": None if is_empty else 100 * day + holder % 10,
                    "spend_7d": None if is_empty else round(chance.uniform(0, 900), 2),
                    "segment": None if is_empty else chance.choice("ABC") + str(day),
                    "is_new": None if is_empty else chance.random() < 0.5,
                    "seen_at": None if is_empty else at - timedelta(microseconds=chance.randint(1, 10**11)),
                }
            )
    return rows


def make_daily_bank(folder: Path, key: str = "INT64", offline_store: str = "duckdb") -> Bank:
    """The bank and its view `daily`, of 2 days' ttl."""
    from feast import FeatureView, Field, FileSource
    from feast.types import Bool, Float32, Int64, String, UnixTimestamp

    file = folder / "feast" / "data" / "daily.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(_table(source(), key), file)
    types = dict(zip(DAILY, (Int64, Float32, String, Bool, UnixTimestamp), strict=True))
    daily = FeatureView(
        name="daily",
        entities=[definitions(key, set())["holder"]],
        ttl=TTL,
        source=FileSource(
            name="daily",
            path="data/daily.parquet",
            timestamp_field="as_of",
            created_timestamp_column="written_at",
            field_mapping=MAPPING,
        ),
        schema=[Field(name=name, dtype=dtype) for name, dtype in types.items()],
    )
    bank = make_bank(folder, key, daily=daily)
    use_offline_store(bank, offline_store)
    bank.write(COMPANY)
    return bank


def use_offline_store(bank: Bank, kind: str) -> None:
    """From now on the bank's history is read by this store of Feast's."""
    configuration = bank.repo / "feature_store.yaml"
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(text.replace("{type: duckdb}", f"{{type: {kind}}}"), encoding="utf-8")


def _table(rows: list[dict[str, Any]], key: str) -> pa.Table:
    types = {"INT64": pa.int64(), "INT32": pa.int32(), "STRING": pa.string()}
    naive = pa.timestamp("us")

    def column(name: str, kind: pa.DataType) -> pa.Array:
        cells = [row[name] for row in rows]
        if kind == naive:
            return pa.array([None if cell is None else cell.replace(tzinfo=None) for cell in cells], kind)
        return pa.array(cells, kind)

    holders = [str(row["holder_no"]) if key == "STRING" else row["holder_no"] for row in rows]
    kinds = dict(zip(DAILY, (pa.int64(), pa.float64(), pa.string(), pa.bool_(), naive), strict=True))
    return pa.table(
        {
            "HOLDER": pa.array(holders, types[key]),
            "AT": column("as_of", naive),
            "WRITTEN": column("written_at", naive),
            **{name.upper(): column(name, kind) for name, kind in kinds.items()},
        }
    )


def known(holder: str, at: datetime, name: str) -> tuple[FeatureStatus, Scalar | None]:
    """What the view `daily` says of a feature, row by row: the latest row that was there by then, if it is fresh."""
    there = [row for row in source() if str(row["holder_no"]) == holder and max(row["as_of"], row["written_at"]) <= at]
    if not there:
        return FeatureStatus.NOT_FOUND, None
    latest = max(there, key=lambda row: row["as_of"])
    if at - latest["as_of"] > TTL:
        return FeatureStatus.STALE, None
    value = latest[name]
    if value is None:
        return FeatureStatus.NULL, None
    if name == "spend_7d":
        value = pa.scalar(value, pa.float32()).as_py()
    return FeatureStatus.PRESENT, value.replace(microsecond=0) if name == "seen_at" else value


def decisions(*, shift: timedelta = timedelta(0)) -> list[dict[str, Any]]:
    """A log's rows: two slots a decision, now and then two decisions of one instant, and a customer whom nobody knows.

    Decided when `shift` earlier was said.
    """
    chance, rows = random.Random("log"), []
    for number in range(240):
        at = FIRST_DAY + timedelta(seconds=number // 2 * 8000 if number % 6 == 1 else number * 4000)
        holder = FIRST_HOLDER + (number // 2 if number % 6 == 1 else number) % HOLDERS
        customer = "4711" if number % 40 == 39 else str(holder)
        for rank in (1, 2):
            journey = JOURNEYS[(number + rank) % 2]
            rows.append(
                {
                    "decision_id": f"d{number:03}",
                    "customer_id": customer,
                    "decided_at": at + shift,
                    "rank": rank,
                    "journey_id": journey,
                    "kind": "promotional",
                    "propensity": 0.5,
                    "eligible": [
                        {"journey_id": one, "place": "RANKED", "rank": rank, "propensity": 0.5} for one in JOURNEYS
                    ],
                    "reward": float(chance.random() < (0.9 if journey == "cards" else 0.2)),
                    "is_censored": False,
                    "absent_features": [],
                }
            )
    return rows


def serve(rows: list[dict[str, Any]], names: Sequence[str] = DAILY, shift: timedelta = timedelta(0)) -> None:
    """Adds these features to the rows, as the twin knows them `shift` before they were decided."""
    for row in rows:
        for name in names:
            status, value = known(row["customer_id"], row["decided_at"] - shift, name)
            row[f"feature_{name}"] = value
            if status is not FeatureStatus.PRESENT:
                row["absent_features"].append((name, status.value))


def write_log(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A folder a day, as the export has it."""
    time, text = pa.timestamp("us", tz="UTC"), pa.string()
    kinds = {
        **dict.fromkeys(("decision_id", "customer_id", "journey_id", "kind"), text),
        "decided_at": time,
        "rank": pa.int32(),
        "propensity": pa.float64(),
        "eligible": pa.list_(ELIGIBLE),
        "reward": pa.float64(),
        "is_censored": pa.bool_(),
        "absent_features": pa.map_(text, text),
        **dict(
            zip((f"feature_{name}" for name in DAILY), (pa.int64(), pa.float64(), text, pa.bool_(), time), strict=True)
        ),
    }
    days: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        days.setdefault(f"{row['decided_at'].astimezone(UTC):%Y-%m-%d}", []).append(row)
    for day, own in sorted(days.items()):
        (folder / f"day={day}").mkdir(parents=True, exist_ok=True)
        schema = pa.schema([(name, kinds[name]) for name in own[0]])
        pq.write_table(pa.Table.from_pylist(own, schema), folder / f"day={day}" / "decisions.parquet")
    return folder


def rows_in(log: Path) -> list[dict[str, Any]]:
    """All rows of a log, in order, with why features are null as a mapping."""
    files = [file for file in sorted(log.rglob("*.parquet")) if not file.name.startswith("_")]
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return [{**row, "absent_features": dict(row["absent_features"])} for row in rows]
