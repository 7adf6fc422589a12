"""A repository with a feature of every type that conditions read, and what Feast itself tells of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.store.connection import Connection
from features.store.customer_key import CustomerKey, KeyType
from features.values import FeatureStatus
from tests.companies.bank import configuration, quiet_feast

if TYPE_CHECKING:
    from feast.protos.feast.types.Value_pb2 import Value

NOW: Final = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
MAX_AGE_S: Final = 86_400.0
KEY: Final = CustomerKey(name="holder_no", type=KeyType.STRING)
TYPES: Final = {
    "a_text": ("String", "string_val", FeatureType.STRING),
    "a_double": ("Float64", "double_val", FeatureType.DOUBLE),
    "a_float": ("Float32", "float_val", FeatureType.DOUBLE),
    "a_long": ("Int64", "int64_val", FeatureType.INT),
    "an_int": ("Int32", "int32_val", FeatureType.INT),
    "a_flag": ("Bool", "bool_val", FeatureType.BOOL),
    "an_instant": ("UnixTimestamp", "unix_timestamp_val", FeatureType.TIMESTAMP),
}
VIEWS: Final = ("ageing", "ageless")
NULL_INSTANT: Final = -(2**63)


def schema() -> FeatureSchema:
    """Both views, of which one ages; a view's feature is VIEW_FEATURE in conditions."""
    return FeatureSchema(
        tuple(
            FeatureSpec(
                name=f"{view}_{feature}",
                view=view,
                type=kind,
                unit="",
                description="",
                owner="",
                personal_data=PersonalData.NONE,
                max_age_s=MAX_AGE_S if view == "ageing" else None,
                stored_as=feature,
            )
            for view in VIEWS
            for feature, (_, _, kind) in TYPES.items()
        )
    )


def make_repository(repo: Path, online_store: str) -> Path:
    """Registers the views; nothing is materialised."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast import types as feast_types

    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(configuration(online_store=online_store), encoding="utf-8")
    empty = {KEY.name: pa.array([], pa.string()), "as_of": pa.array([], pa.timestamp("us", tz="UTC"))}
    holder = Entity(name="holder", join_keys=[KEY.name], value_type=ValueType.STRING)
    fields = [Field(name=name, dtype=getattr(feast_types, kind)) for name, (kind, _, _) in TYPES.items()]
    views = []
    for name in VIEWS:
        pq.write_table(pa.table(empty), repo / "data" / f"{name}.parquet")
        source = FileSource(name=name, path=f"data/{name}.parquet", timestamp_field="as_of")
        views.append(FeatureView(name=name, entities=[holder], ttl=timedelta(0), source=source, schema=fields))
    with chdir(repo), quiet_feast():
        FeatureStore(repo_path=".").apply([holder, *views])
    return repo


def write_row(connection: Connection, view: str, customer_id: str, at: datetime, values: Mapping[str, Value]) -> None:
    """As materialising does."""
    key = connection.entity_key(view, customer_id)
    assert key is not None
    row = (key, dict(values), at, None)
    connection.store.online_write_batch(connection.config, connection.views[view], [row], None)


@dataclass(frozen=True)
class Told:
    """Status, plain value and event time of a feature."""

    status: FeatureStatus
    value: Any = None
    event_time: datetime | None = None


def told_by_feast(connection: Connection, customer_ids: Sequence[str], now: datetime) -> list[dict[str, Told]]:
    """By its own stores' interface, one question a view and a customer, each value as Feast parses it."""
    return [
        {
            spec.name: told
            for view, specs in schema().by_view.items()
            for spec, told in _told(connection, view, specs, customer_id, now)
        }
        for customer_id in customer_ids
    ]


def _told(
    connection: Connection, view: str, specs: Sequence[FeatureSpec], customer_id: str, now: datetime
) -> list[tuple[FeatureSpec, Told]]:
    row = connection.read(view, customer_id)
    if row is None:
        return [(spec, Told(FeatureStatus.NOT_FOUND)) for spec in specs]
    return [(spec, _of_row(row.values.get(str(spec.stored_as)), row.event_time, spec, now)) for spec in specs]


def _of_row(value: Value | None, at: datetime, spec: FeatureSpec, now: datetime) -> Told:
    kind = None if value is None else value.WhichOneof("val")
    plain = None if kind in (None, "null_val") else getattr(value, str(kind))
    if isinstance(plain, float) and math.isnan(plain):
        plain = None
    if spec.type is FeatureType.TIMESTAMP and plain is not None:
        plain = None if plain == NULL_INSTANT else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=plain)
    if spec.max_age_s is not None and now - at > timedelta(seconds=spec.max_age_s):
        return Told(FeatureStatus.STALE, plain, at)
    return Told(FeatureStatus.NULL if plain is None else FeatureStatus.PRESENT, plain, at)
