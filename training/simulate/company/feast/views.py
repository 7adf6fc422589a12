"""What is known of a simulated customer: who they are, and how they shopped lately, as of every morning."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.feast_object import FeastObject
from feast.types import FeastType, Float64, Int64, String, UnixTimestamp

from features.declare import FOREVER, feature, view_tags
from features.schema import PersonalData

customer = Entity(
    name="customer",
    join_keys=["customer_id"],
    value_type=ValueType.STRING,
    description="A customer by opaque id.",
)


def _source(name: str) -> FileSource:
    return FileSource(name=name, path=f"data/{name}.parquet", timestamp_field="event_time")


def _fact(name: str, dtype: FeastType, unit: str, description: str) -> Field:
    return feature(name, dtype, unit, description, "simulator", PersonalData.PSEUDONYMOUS)


def _spend(category: str) -> Field:
    return _fact(f"spend_{category}_30d", Float64, "euros", f"Spend on {category} in the last 30 days.")


profile = FeatureView(
    name="profile",
    entities=[customer],
    ttl=FOREVER,
    source=_source("profile"),
    tags=view_tags(None),
    description="Facts that do not move.",
    schema=[
        _fact("age", Int64, "years", "Age."),
        _fact("household", String, "level", "single, couple, family or senior."),
        _fact("member_since", UnixTimestamp, "UTC instant", "When the customer came."),
        _fact("time_zone", String, "IANA zone", "Where the customer lives."),
    ],
)

behaviour = FeatureView(
    name="behaviour",
    entities=[customer],
    ttl=FOREVER,
    source=_source("behaviour"),
    tags=view_tags(timedelta(days=3)),
    description="Shopping of the last 30 days, as of every morning.",
    schema=[
        _fact("visits_30d", Int64, "visits", "Visits of the last 30 days."),
        _spend("food"),
        _spend("gadgets"),
        _spend("travel"),
        _spend("home"),
    ],
)

OBJECTS: tuple[FeastObject, ...] = (customer, profile, behaviour)


def anchored(repo: Path) -> list[FeastObject]:
    """The definitions with the files of the folder `repo`: Feast's DuckDB store takes a path as from the folder that
    it is called in.
    """
    objects = copy.deepcopy(list(OBJECTS))
    for item in objects:
        source = getattr(item, "batch_source", None)
        if source is not None:
            source.file_options.uri = str(repo.resolve() / source.file_options.uri)
    return objects
