"""The entity, and how a feature is declared: with what the data inventory must know of it."""

from __future__ import annotations

from datetime import timedelta

from feast import Entity, Field, FileSource, ValueType
from feast.types import FeastType

from features.schema import PersonalData

PROJECT = "rumbo"
EVENT_TIME = "event_time"
FOREVER = timedelta(0)
"""Feast's own time to live is off: it is not enforced when serving, so the online reader compares ages itself."""

customer = Entity(
    name="customer",
    join_keys=["customer_id"],
    value_type=ValueType.STRING,
    description="A customer by opaque id, compared exactly; in the example, the household number.",
)


def feature(name: str, dtype: FeastType, unit: str, description: str, owner: str, personal_data: PersonalData) -> Field:
    """A feature with its inventory entry. `unit` says what a number counts, or how a text is to be read."""
    tags = {"unit": unit, "owner": owner, "personal_data": personal_data.value}
    return Field(name=name, dtype=dtype, description=description, tags=tags)


def view_tags(max_age: timedelta | None) -> dict[str, str]:
    """Tags of a view whose facts may be relied on until they are older than `max_age`; None: they do not age."""
    return {"max_age_s": "" if max_age is None else str(int(max_age.total_seconds()))}


def parquet(name: str) -> FileSource:
    """The file of one view, relative to the folder of feature_store.yaml."""
    return FileSource(name=name, path=f"data/{name}.parquet", timestamp_field=EVENT_TIME)
