"""The key by which a Feast repository knows its customers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from feast import FeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

KEY_VERSION: Final = 3
"""Of Feast's serialisation of keys, the one that is written here (feast.infra.key_encoding_utils)."""
_STRING, _INT32, _INT64 = 2, 3, 4
"""feast.types.ValueType."""


class KeyType(StrEnum):
    """How a registry types the key."""

    STRING = "String"
    INT64 = "Int64"
    INT32 = "Int32"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKey:
    """The join key of the customers' entity."""

    name: str
    type: KeyType

    @classmethod
    def of_view(cls, view: FeatureView) -> CustomerKey | None:
        """The key that its rows are kept by; None of a view that is not of one entity with one key of a known type."""
        columns = view.entity_columns
        if len(columns) != 1 or str(columns[0].dtype) not in list(KeyType):
            return None
        return cls(name=columns[0].name, type=KeyType(str(columns[0].dtype)))

    def value_of(self, customer_id: str) -> str | int | None:
        """The customer's key as the store has it; None if no key of this type is written so.

        Ids are compared exactly, so `0100005`, `+5` and ` 5` are nobody where keys are numbers.
        """
        if self.type is KeyType.STRING:
            return customer_id
        is_number = customer_id.isascii() and customer_id.removeprefix("-").isdigit() and len(customer_id) <= 20
        if not is_number or str(int(customer_id)) != customer_id:
            return None
        bits = 64 if self.type is KeyType.INT64 else 32
        return int(customer_id) if -(2 ** (bits - 1)) <= int(customer_id) < 2 ** (bits - 1) else None

    def serialized(self, customer_id: str) -> bytes | None:
        """The key as stores keep rows by it, in version `KEY_VERSION`, without Feast; None if there can be none."""
        value = self.value_of(customer_id)
        if value is None:
            return None
        head = _head(self.name)
        if isinstance(value, int):
            is_long = self.type is KeyType.INT64
            return head + (struct.pack("<IIq", _INT64, 8, value) if is_long else struct.pack("<IIi", _INT32, 4, value))
        try:
            text = value.encode()
        except UnicodeEncodeError:
            return None
        return head + struct.pack("<II", _STRING, len(text)) + text

    def entity_key(self, customer_id: str) -> EntityKey | None:
        """Feast's key of a customer; None if there can be none. Importing Feast takes seconds."""
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        value = self.value_of(customer_id)
        if value is None:
            return None
        if isinstance(value, str):
            typed = Value(string_val=value)
        elif self.type is KeyType.INT64:
            typed = Value(int64_val=value)
        else:
            typed = Value(int32_val=value)
        return EntityKey(join_keys=[self.name], entity_values=[typed])


@cache
def _head(name: str) -> bytes:
    """What the serialised keys of this name begin with."""
    written = name.encode()
    return struct.pack("<III", 1, _STRING, len(written)) + written
