import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from rumbo.decision.v1 import row_pb2 as _row_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_TYPE_UNSPECIFIED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_PRESENTED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_NOT_PRESENTED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_ENGAGED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_ACCEPTED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_REJECTED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_CONVERTED: _ClassVar[OutcomeType]
    OUTCOME_TYPE_NPS: _ClassVar[OutcomeType]
    OUTCOME_TYPE_CES: _ClassVar[OutcomeType]
OUTCOME_TYPE_UNSPECIFIED: OutcomeType
OUTCOME_TYPE_PRESENTED: OutcomeType
OUTCOME_TYPE_NOT_PRESENTED: OutcomeType
OUTCOME_TYPE_ENGAGED: OutcomeType
OUTCOME_TYPE_ACCEPTED: OutcomeType
OUTCOME_TYPE_REJECTED: OutcomeType
OUTCOME_TYPE_CONVERTED: OutcomeType
OUTCOME_TYPE_NPS: OutcomeType
OUTCOME_TYPE_CES: OutcomeType

class Outcome(_message.Message):
    __slots__ = ("outcome_id", "decision_id", "journey_id", "type", "value", "occurred_at", "customer_id")
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    JOURNEY_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    outcome_id: str
    decision_id: str
    journey_id: str
    type: OutcomeType
    value: float
    occurred_at: _timestamp_pb2.Timestamp
    customer_id: str
    def __init__(self, outcome_id: _Optional[str] = ..., decision_id: _Optional[str] = ..., journey_id: _Optional[str] = ..., type: _Optional[_Union[OutcomeType, str]] = ..., value: _Optional[float] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., customer_id: _Optional[str] = ...) -> None: ...

class RecordOutcomesRequest(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class OutcomeResult(_message.Message):
    __slots__ = ("outcome_id", "status", "rejection", "late", "decision_id")
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    outcome_id: str
    status: _row_pb2.RowStatus
    rejection: _row_pb2.Rejection
    late: bool
    decision_id: str
    def __init__(self, outcome_id: _Optional[str] = ..., status: _Optional[_Union[_row_pb2.RowStatus, str]] = ..., rejection: _Optional[_Union[_row_pb2.Rejection, _Mapping]] = ..., late: _Optional[bool] = ..., decision_id: _Optional[str] = ...) -> None: ...

class RecordOutcomesResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[OutcomeResult]
    def __init__(self, results: _Optional[_Iterable[_Union[OutcomeResult, _Mapping]]] = ...) -> None: ...
