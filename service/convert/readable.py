"""Bytes to messages, so that what cannot be read is an error like any other: it reaches the handler as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """In place of a message: text that is no UTF-8, such as half of a surrogate pair, or bytes that are no message."""

    why: str


def reader_of(kind: type[Message]) -> Callable[[bytes], Message | Unreadable]:
    """Reads messages of this kind. gRPC would answer UNKNOWN to what its own reader raises."""

    def read(sent: bytes) -> Message | Unreadable:
        try:
            return kind.FromString(sent)
        except DecodeError as error:
            return Unreadable(why=str(error).rpartition(": ")[2])

    return read
