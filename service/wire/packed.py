"""Parts of messages as bytes: what protobuf's own classes would write, without an object for each of them.

A message is its fields one after another, and a field of a message is its bytes behind a tag and a length, so what is
the same in every answer is written once and kept. Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from features.values import Scalar
from rumbo.decision.v1 import reason_pb2, value_pb2
from service.decision.verdict import ReasonKind
from service.wire.enums import REASON_KIND, scalar

_DOUBLE: Final = struct.Struct("<d").pack
_ONE_BYTE: Final = 0x80
VARINT, I64, LEN = 0, 1, 2
"""How the value of a field is written."""


def numbers(message: type[Message], *fields: str) -> tuple[int, ...]:
    """Those of these fields."""
    return tuple(message.DESCRIPTOR.fields_by_name[field].number for field in fields)


_KEY, _VALUE = 1, 2
"""The fields of an entry of a map."""
_PARAMS, _TEXT, _ELIGIBLE_AFTER = numbers(reason_pb2.Reason, "params", "text", "eligible_after")
(_DOUBLE_VALUE,) = numbers(value_pb2.Value, "double_value")


def varint(number: int) -> bytes:
    """Of a number of 0 or more."""
    if number < _ONE_BYTE:
        return number.to_bytes(1, "little")
    digits = bytearray()
    while number >= _ONE_BYTE:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


@cache
def tag(field: int, wire: int) -> bytes:
    return varint(field << 3 | wire)


def framed(field: int, content: bytes) -> bytes:
    """A field that is a message, a text or bytes; there also where it is empty."""
    return tag(field, LEN) + varint(len(content)) + content


def double(field: int, value: float) -> bytes:
    """A number; nothing where it is 0, as a reader takes it then, but for -0.0."""
    return b"" if value == 0.0 and math.copysign(1.0, value) > 0.0 else tag(field, I64) + _DOUBLE(value)


def double_if_any(field: int, value: float | None) -> bytes:
    """A number that may be absent."""
    return b"" if value is None else tag(field, I64) + _DOUBLE(value)


def flag(field: int, *, is_set: bool) -> bytes:
    return tag(field, VARINT) + b"\x01" if is_set else b""


def reason(code: str, kind: ReasonKind, params: Mapping[str, Scalar], text: str, after: Timestamp | None) -> bytes:
    """A `Reason`. Raises: as its own class does, of what it cannot hold."""
    parts = [_head(code, kind)]
    parts.extend(_param(name, value) for name, value in params.items())
    if text:
        parts.append(framed(_TEXT, text.encode()))
    if after is not None:
        parts.append(framed(_ELIGIBLE_AFTER, after.SerializeToString()))
    return b"".join(parts)


def _param(name: str, value: Scalar) -> bytes:
    if type(value) is float:
        return _before_double(name) + _DOUBLE(value)
    return framed(_PARAMS, _key(name) + framed(_VALUE, scalar(value).SerializeToString()))


@lru_cache(maxsize=4096)
def _head(code: str, kind: ReasonKind) -> bytes:
    """A catalogue has only so many codes."""
    return reason_pb2.Reason(code=code, kind=REASON_KIND[kind]).SerializeToString()


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return framed(_KEY, name.encode())


@lru_cache(maxsize=4096)
def _before_double(name: str) -> bytes:
    """An entry up to the eight bytes of its number."""
    number = tag(_DOUBLE_VALUE, I64)
    entry = _key(name) + tag(_VALUE, LEN) + varint(len(number) + 8) + number
    return tag(_PARAMS, LEN) + varint(len(entry) + 8) + entry
