"""Fields of exported tables, each with its `description` and, where it has one, its `unit`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

_MAP = re.compile(r"map<string, string[^>]*>")
TIME = pa.timestamp("us", tz="UTC")


def field(name: str, kind: pa.DataType, description: str, unit: str = "", *, nullable: bool = False) -> pa.Field:
    metadata = {"description": description, **({"unit": unit} if unit else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def listed(kind: pa.DataType) -> pa.DataType:
    """A list as Parquet names it, without nulls in it."""
    return pa.list_(pa.field("element", kind, nullable=False))


def documented(schema: pa.Schema) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, unit and description of each field; of a field that may be null, the type with a question mark."""
    for one in schema:
        said = {key.decode(): text.decode() for key, text in (one.metadata or {}).items()}
        yield one.name, _type_text(one), said.get("unit", ""), said["description"]


def _type_text(one: pa.Field) -> str:
    text = _MAP.sub("map<string, string>", str(one.type))  # as Parquet has them the fields of maps have names
    for clutter, plain in ((" not null", ""), ("element: ", ""), ("timestamp[us, tz=UTC]", "timestamp")):
        text = text.replace(clutter, plain)
    return text + ("?" if one.nullable else "")
