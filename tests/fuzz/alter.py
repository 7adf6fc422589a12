"""Makes a message say what it should not, by its descriptor; then damages its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.fuzz.values import (
    DOUBLE_EDGES,
    ENUM_EDGES,
    INT32_EDGES,
    INT64_EDGES,
    NANOS_EDGES,
    SECONDS_EDGES,
    Draw,
)

MANY_ROWS, MANY_KEYS = (2, 20, 1001), (1, 1, 3, 64, 65, 300, 5000)


def alter(message: Message, draw: Draw) -> None:
    """Puts an edge value into one field, somewhere in the message."""
    while True:
        field = draw.one(_fields(message))
        inner = _inside(message, field, draw)
        if inner is None or draw.likely(0.2):
            _alter_field(message, field, draw)
            return
        message = inner


def _fields(message: Message) -> Sequence[FieldDescriptor]:
    fields: Any = message.DESCRIPTOR.fields
    return list(fields)


def _inside(message: Any, field: FieldDescriptor, draw: Draw) -> Message | None:
    """A message that stands in this field, if one does."""
    if field.message_type is None:
        return None
    value = getattr(message, field.name)
    if _is_map(field):
        return value[draw.one(sorted(value))] if value else None
    if field.is_repeated:
        return draw.one(value) if value else None
    return value if message.HasField(field.name) else None


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _alter_field(message: Any, field: FieldDescriptor, draw: Draw) -> None:
    if draw.likely(0.15):
        message.ClearField(field.name)
    elif isinstance(message, Timestamp):
        setattr(message, field.name, draw.one(SECONDS_EDGES if field.name == "seconds" else NANOS_EDGES))
    elif _is_map(field):
        _alter_map(getattr(message, field.name), draw)
    elif field.is_repeated:
        _alter_rows(getattr(message, field.name), draw)
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, _EDGES[field.cpp_type](draw))


def _alter_map(values: Any, draw: Draw) -> None:
    """More keys, also more than there may be; the values are of every kind, and none."""
    number = draw.one(MANY_KEYS)
    for n in range(number):
        value = values[draw.text()[:40] if number <= 3 else f"key {n}"]
        field = draw.one((*_fields(value), None))
        if field is not None:
            setattr(value, field.name, _EDGES[field.cpp_type](draw) if number <= 3 else _SMALL[field.cpp_type])


def _alter_rows(rows: Any, draw: Draw) -> None:
    """Empty, one of them left out, or one of them again, also more often than there may be rows."""
    if not rows or draw.likely(0.3):
        rows.add()
    elif draw.likely(0.2):
        del rows[int(draw.chance.random() * len(rows))]
    else:
        row = draw.one(rows)
        times = 2 if row.ByteSize() > 2000 else MANY_ROWS[draw.weighted({0: 80, 1: 15, 2: 5})]
        rows.extend([row] * (times - 1))


_EDGES: Mapping[int, Callable[[Draw], Any]] = {
    FieldDescriptor.CPPTYPE_STRING: Draw.text,
    FieldDescriptor.CPPTYPE_INT32: lambda draw: draw.one(INT32_EDGES),
    FieldDescriptor.CPPTYPE_INT64: lambda draw: draw.one(INT64_EDGES),
    FieldDescriptor.CPPTYPE_DOUBLE: lambda draw: draw.one(DOUBLE_EDGES),
    FieldDescriptor.CPPTYPE_BOOL: lambda draw: draw.likely(0.5),
    FieldDescriptor.CPPTYPE_ENUM: lambda draw: draw.one(ENUM_EDGES),
}
_SMALL: Mapping[int, Any] = {
    FieldDescriptor.CPPTYPE_STRING: "x",
    FieldDescriptor.CPPTYPE_INT64: 1,
    FieldDescriptor.CPPTYPE_DOUBLE: 0.5,
    FieldDescriptor.CPPTYPE_BOOL: True,
}


def damage(sent: bytes, other: bytes, draw: Draw) -> bytes:
    """The bytes of a message with a fault or several. `other`: bytes of another message, parts of which may get in."""
    for _ in range(draw.up_to(4)):
        sent = draw.one(_DAMAGES)(sent, other, draw)
    return sent


def _at(sent: bytes, draw: Draw) -> int:
    return int(draw.chance.random() * (len(sent) + 1))


def _flip(sent: bytes, _: bytes, draw: Draw) -> bytes:
    at, bit = _at(sent, draw), 1 << int(draw.chance.random() * 8)
    return sent[:at] + bytes(byte ^ bit for byte in sent[at : at + 1]) + sent[at + 1 :]


def _cut(sent: bytes, _: bytes, draw: Draw) -> bytes:
    return sent[: _at(sent, draw)]


def _leave_out(sent: bytes, _: bytes, draw: Draw) -> bytes:
    at = _at(sent, draw)
    return sent[:at] + sent[at + draw.up_to(40) :]


def _again(sent: bytes, _: bytes, draw: Draw) -> bytes:
    at = _at(sent, draw)
    return sent[:at] + sent[at : at + draw.up_to(200)] + sent[at:]


def _splice(sent: bytes, other: bytes, draw: Draw) -> bytes:
    return sent[: _at(sent, draw)] + other[_at(other, draw) :][:100_000]


def _put_in(sent: bytes, _: bytes, draw: Draw) -> bytes:
    at = _at(sent, draw)
    return sent[:at] + _part(draw) + sent[at:]


def _append(sent: bytes, _: bytes, draw: Draw) -> bytes:
    return sent + _part(draw)


def _part(draw: Draw) -> bytes:
    """Bytes that mean something in the encoding of Protocol Buffers, or nothing anywhere."""
    return draw.one(
        (
            draw.blob(30),
            b"\xff" * 9 + b"\x01",  # the largest varint
            b"\xff" * 11,  # more than a varint may have
            b"\xc2\x3e\x05other",  # a field that no message has
            b"\xc3\x3e" * 200,  # groups in groups, without end
            b"\xc3\x3e" * 30 + b"\xc4\x3e" * 30,
            b"\xed\xa0\x80",  # half of a surrogate pair, which no text may hold
            b"\x0a\xff\xff\xff\xff\x0f",  # a text of 4 GB
            b"\x0a\x03\xed\xa0\x80",
            b"\x00",
        )
    )


_DAMAGES: tuple[Callable[[bytes, bytes, Draw], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _leave_out,
    _again,
    _splice,
    _put_in,
    _append,
)
