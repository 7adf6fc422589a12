"""A value as Feast stores it, the bytes of one protobuf message, read without importing Feast.

The usual forms are read by hand; whatever is written otherwise is left to protobuf itself, with a message of the same
fields as `feast.types.Value` in a pool of our own.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Final

from features.errors import ValueUnfit

if TYPE_CHECKING:
    from google.protobuf.message import Message

Plain = str | float | int | bool | bytes

BYTES, STRING, INT32, INT64 = "bytes_val", "string_val", "int32_val", "int64_val"
DOUBLE, FLOAT, BOOL, INSTANT, NULL = "double_val", "float_val", "bool_val", "unix_timestamp_val", "null_val"

_RUNS = {
    1: "bytes string int32 int64 double float bool unix_timestamp",
    11: "bytes_list string_list int32_list int64_list double_list float_list bool_list unix_timestamp_list null",
    20: "map map_list bytes_set string_set int32_set int64_set double_set float_set bool_set unix_timestamp_set",
    32: "json json_list struct struct_list uuid time_uuid uuid_list time_uuid_list uuid_set time_uuid_set list set",
    44: "decimal decimal_list decimal_set scalar_map zoned_timestamp",
}
KINDS: Final = {first + i: f"{kind}_val" for first, kinds in _RUNS.items() for i, kind in enumerate(kinds.split())}
"""The one of `feast.types.Value`, by number (feast/protos/feast/types/Value_pb2.py of Feast 0.67)."""

_VARINTS: Final = {0x18: INT32, 0x20: INT64, 0x40: INSTANT}
_DOUBLE = struct.Struct("<d").unpack_from
_FLOAT = struct.Struct("<f").unpack_from
_LONGEST_VARINT = 11
_SIGN = 1 << 63
_INT32 = 1 << 31


def plain_of(stored: bytes) -> tuple[str, Plain] | None:
    """Which kind of value it is and the value itself, where it is no list or the like; None for a null.

    Raises: ValueUnfit for what is no such message, without its content, which may be personal.
    """
    if not stored:
        return None
    if not isinstance(stored, bytes):  # a table of SQLite holds what it was given
        raise ValueUnfit(f"what is stored is no value of Feast's: {type(stored).__name__}")
    tag, size = stored[0], len(stored)
    if tag == 0x29 and size == 9:
        return DOUBLE, _DOUBLE(stored, 1)[0]
    if tag == 0x35 and size == 5:
        return FLOAT, _FLOAT(stored, 1)[0]
    if tag == 0x38 and size == 2 and stored[1] < 2:
        return BOOL, stored[1] == 1
    if tag == 0x12 and size > 1 and stored[1] == size - 2 < 0x80:
        return STRING, _text(stored[2:])
    if tag in _VARINTS and size <= _LONGEST_VARINT and (number := _varint(stored)) is not None:
        kind = _VARINTS[tag]
        if kind != INT32 or -_INT32 <= number < _INT32:
            return kind, number
    return _by_protobuf(stored)


def text_in(stored: bytes | None) -> str:
    """The text that is stored, empty where there is none. Raises: ValueUnfit for what is no text."""
    plain = plain_of(stored or b"")
    if plain is None:
        return ""
    if plain[0] != STRING:
        raise ValueUnfit(f"a text is stored as {plain[0]}")
    return str(plain[1])


def stored_text(text: str) -> bytes:
    """A text as Feast stores it."""
    written = text.encode()
    size, length = bytearray(), len(written)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"\x12" + bytes(size) + written


def _varint(stored: bytes) -> int | None:
    """The number behind the tag, of 64 bits in two's complement; None unless it ends with the message."""
    number = shift = 0
    for byte in stored[1:-1]:
        if byte < 0x80:
            return None
        number |= (byte & 0x7F) << shift
        shift += 7
    last = stored[-1]
    number |= last << shift
    if last >= 0x80 or number >> 64 or len(stored) == 1:
        return None
    return number - (1 << 64) if number >= _SIGN else number


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise ValueUnfit("a stored text is not UTF-8") from None


def _by_protobuf(stored: bytes) -> tuple[str, Plain] | None:
    from google.protobuf.message import DecodeError

    try:
        message = _message().FromString(stored)
    except (DecodeError, TypeError) as error:
        raise ValueUnfit(f"what is stored is no value of Feast's: {type(error).__name__}") from None
    kind = message.WhichOneof("val")
    if kind is None:
        raise ValueUnfit("what is stored is of a kind that is not known")
    return None if kind == NULL else (kind, getattr(message, kind))


@cache
def _message() -> type[Message]:
    """A message with these fields, those that are messages themselves as bytes."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    types = {
        STRING: Field.TYPE_STRING,
        INT32: Field.TYPE_INT32,
        INT64: Field.TYPE_INT64,
        DOUBLE: Field.TYPE_DOUBLE,
        FLOAT: Field.TYPE_FLOAT,
        BOOL: Field.TYPE_BOOL,
        INSTANT: Field.TYPE_INT64,
        NULL: Field.TYPE_INT32,
    }
    file = FileDescriptorProto(name="stored_value.proto", package="rumbo.stored", syntax="proto3")
    described = file.message_type.add(name="Value")
    described.oneof_decl.add(name="val")
    for number, kind in KINDS.items():
        described.field.add(
            name=kind,
            number=number,
            type=types.get(kind, Field.TYPE_BYTES),
            label=Field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("rumbo.stored.Value"))
