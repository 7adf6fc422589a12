"""The entity, and where the table of a view lies."""

from __future__ import annotations

from feast import Entity, FileSource, ValueType

EVENT_TIME = "event_time"

customer = Entity(
    name="customer",
    join_keys=["customer_id"],
    value_type=ValueType.STRING,
    description="A customer by opaque id, compared exactly: the household number.",
)


def parquet(name: str) -> FileSource:
    """The file of one view, relative to the folder of feature_store.yaml."""
    return FileSource(name=name, path=f"data/{name}.parquet", timestamp_field=EVENT_TIME)
