"""Bytes to messages. What cannot be read, or holds more than it may, is refused before it is taken apart.

Reading is C code that holds the interpreter for as long as it takes, and a map of very many entries takes seconds. So
the bytes are first read as a message of the same fields whose rows and maps are left as bytes: counting is then cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from service.application.errors import RequestInvalid
from service.decision.reports.events import MAX_ATTRIBUTES

MAX_ROWS = 1000
MAX_ENTRIES = MAX_ATTRIBUTES
"""Of the attributes of an event, and of the context of a question."""

Read = TypeVar("Read", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverfullEvent:
    """An event with more attributes than it may have, which are not read."""

    event_id: str
    customer_id: str
    type: str


def _unopened(kind: type[Message], field: str) -> Any:
    """A class of messages that have the texts of `kind`, and the parts of one repeated field as bytes."""
    proto = descriptor_pb2.DescriptorProto()
    kind.DESCRIPTOR.CopyToProto(proto)
    name = f"Unopened{proto.name}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="rumbo.unopened", syntax="proto3")
    message = file.message_type.add(name=name)
    for one in proto.field:
        if one.name == field:
            one.ClearField("type_name")
            one.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
        if one.type in _KEPT and not one.HasField("oneof_index"):
            message.field.append(one)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"rumbo.unopened.{name}"))


_KEPT = (descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_BYTES)

_EVENTS = _unopened(events_pb2.RecordEventsRequest, "events")
_OUTCOMES = _unopened(outcomes_pb2.RecordOutcomesRequest, "outcomes")
_EVENT = _unopened(events_pb2.Event, "attributes")
_QUESTION = _unopened(decision_pb2.DecideRequest, "context")


def question(sent: bytes) -> decision_pb2.DecideRequest:
    """Raises: RequestInvalid."""
    count = len(_read("request", _QUESTION, sent).context)
    if count > MAX_ENTRIES:
        raise RequestInvalid("context", "TOO_MANY", f"must have at most {MAX_ENTRIES} keys, this has {count}")
    return _read("request", decision_pb2.DecideRequest, sent)


def recall(sent: bytes) -> record_pb2.GetDecisionRequest:
    """Raises: RequestInvalid."""
    return _read("request", record_pb2.GetDecisionRequest, sent)


def event_rows(sent: bytes) -> Sequence[bytes]:
    """The rows of a call, each still to be read by `event`. Raises: RequestInvalid."""
    rows: Sequence[bytes] = _read("request", _EVENTS, sent).events
    return _counted("events", rows)


def outcome_rows(sent: bytes) -> Sequence[bytes]:
    """The outcomes of a request, as `event_rows` gives events."""
    rows: Sequence[bytes] = _read("request", _OUTCOMES, sent).outcomes
    return _counted("outcomes", rows)


def event(field: str, sent: bytes) -> events_pb2.Event | OverfullEvent:
    """Raises: RequestInvalid."""
    unopened = _read(field, _EVENT, sent)
    if len(unopened.attributes) > MAX_ENTRIES:
        return OverfullEvent(event_id=unopened.event_id, customer_id=unopened.customer_id, type=unopened.type)
    return _read(field, events_pb2.Event, sent)


def outcome(field: str, sent: bytes) -> outcomes_pb2.Outcome:
    """Raises: RequestInvalid."""
    return _read(field, outcomes_pb2.Outcome, sent)


def message(kind: type[Read], sent: bytes) -> Read:
    """The message of a call. Raises: RequestInvalid."""
    return _read("request", kind, sent)


def _read(field: str, kind: type[Read], sent: bytes) -> Read:
    try:
        return kind.FromString(sent)
    except DecodeError as error:
        why = str(error).rpartition(": ")[2]
        raise RequestInvalid(field, "MALFORMED", f"is no message of its kind: {why}") from error


def _counted(field: str, rows: Sequence[bytes]) -> Sequence[bytes]:
    if not rows:
        raise RequestInvalid(field, "EMPTY", "must hold at least one row")
    if len(rows) > MAX_ROWS:
        raise RequestInvalid(field, "TOO_MANY", f"must hold at most {MAX_ROWS} rows, this holds {len(rows)}")
    return rows
