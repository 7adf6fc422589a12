import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from rumbo.decision.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReasonKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_KIND_UNSPECIFIED: _ClassVar[ReasonKind]
    REASON_KIND_DENIED: _ClassVar[ReasonKind]
    REASON_KIND_UNKNOWN: _ClassVar[ReasonKind]
    REASON_KIND_TAKEN: _ClassVar[ReasonKind]
    REASON_KIND_RANKED: _ClassVar[ReasonKind]
    REASON_KIND_ELIGIBLE: _ClassVar[ReasonKind]
    REASON_KIND_BYPASS: _ClassVar[ReasonKind]
    REASON_KIND_TONE: _ClassVar[ReasonKind]
    REASON_KIND_DEGRADED: _ClassVar[ReasonKind]
REASON_KIND_UNSPECIFIED: ReasonKind
REASON_KIND_DENIED: ReasonKind
REASON_KIND_UNKNOWN: ReasonKind
REASON_KIND_TAKEN: ReasonKind
REASON_KIND_RANKED: ReasonKind
REASON_KIND_ELIGIBLE: ReasonKind
REASON_KIND_BYPASS: ReasonKind
REASON_KIND_TONE: ReasonKind
REASON_KIND_DEGRADED: ReasonKind

class Reason(_message.Message):
    __slots__ = ("code", "kind", "params", "text", "eligible_after")
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_AFTER_FIELD_NUMBER: _ClassVar[int]
    code: str
    kind: ReasonKind
    params: _containers.MessageMap[str, _value_pb2.Value]
    text: str
    eligible_after: _timestamp_pb2.Timestamp
    def __init__(self, code: _Optional[str] = ..., kind: _Optional[_Union[ReasonKind, str]] = ..., params: _Optional[_Mapping[str, _value_pb2.Value]] = ..., text: _Optional[str] = ..., eligible_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
