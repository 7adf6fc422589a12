import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from rumbo.decision.v1 import journey_pb2 as _journey_pb2
from rumbo.decision.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Explain(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPLAIN_UNSPECIFIED: _ClassVar[Explain]
    EXPLAIN_SUMMARY: _ClassVar[Explain]
    EXPLAIN_FULL: _ClassVar[Explain]

class FeatureStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURE_STATUS_UNSPECIFIED: _ClassVar[FeatureStatus]
    FEATURE_STATUS_PRESENT: _ClassVar[FeatureStatus]
    FEATURE_STATUS_NULL: _ClassVar[FeatureStatus]
    FEATURE_STATUS_NOT_FOUND: _ClassVar[FeatureStatus]
    FEATURE_STATUS_STALE: _ClassVar[FeatureStatus]
    FEATURE_STATUS_UNAVAILABLE: _ClassVar[FeatureStatus]
EXPLAIN_UNSPECIFIED: Explain
EXPLAIN_SUMMARY: Explain
EXPLAIN_FULL: Explain
FEATURE_STATUS_UNSPECIFIED: FeatureStatus
FEATURE_STATUS_PRESENT: FeatureStatus
FEATURE_STATUS_NULL: FeatureStatus
FEATURE_STATUS_NOT_FOUND: FeatureStatus
FEATURE_STATUS_STALE: FeatureStatus
FEATURE_STATUS_UNAVAILABLE: FeatureStatus

class DecideRequest(_message.Message):
    __slots__ = ("request_id", "customer_id", "channel", "placement", "context", "limit", "dry_run", "explain", "locale")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    customer_id: str
    channel: str
    placement: str
    context: _containers.MessageMap[str, _value_pb2.Value]
    limit: int
    dry_run: bool
    explain: Explain
    locale: str
    def __init__(self, request_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., channel: _Optional[str] = ..., placement: _Optional[str] = ..., context: _Optional[_Mapping[str, _value_pb2.Value]] = ..., limit: _Optional[int] = ..., dry_run: _Optional[bool] = ..., explain: _Optional[_Union[Explain, str]] = ..., locale: _Optional[str] = ...) -> None: ...

class Counts(_message.Message):
    __slots__ = ("candidates", "eligible", "rejected")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    candidates: int
    eligible: int
    rejected: int
    def __init__(self, candidates: _Optional[int] = ..., eligible: _Optional[int] = ..., rejected: _Optional[int] = ...) -> None: ...

class Degraded(_message.Message):
    __slots__ = ("what", "status", "effect")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    what: str
    status: FeatureStatus
    effect: str
    def __init__(self, what: _Optional[str] = ..., status: _Optional[_Union[FeatureStatus, str]] = ..., effect: _Optional[str] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision_id", "decided_at", "valid_until", "ranked", "no_journey", "eligible", "rejected", "counts", "limit", "model_version", "catalogue_version", "degraded", "arm")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    RANKED_FIELD_NUMBER: _ClassVar[int]
    NO_JOURNEY_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    decided_at: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    ranked: _containers.RepeatedCompositeFieldContainer[_journey_pb2.RankedJourney]
    no_journey: _journey_pb2.NoJourney
    eligible: _containers.RepeatedCompositeFieldContainer[_journey_pb2.EligibleJourney]
    rejected: _containers.RepeatedCompositeFieldContainer[_journey_pb2.RejectedJourney]
    counts: Counts
    limit: int
    model_version: str
    catalogue_version: str
    degraded: _containers.RepeatedCompositeFieldContainer[Degraded]
    arm: str
    def __init__(self, decision_id: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ranked: _Optional[_Iterable[_Union[_journey_pb2.RankedJourney, _Mapping]]] = ..., no_journey: _Optional[_Union[_journey_pb2.NoJourney, _Mapping]] = ..., eligible: _Optional[_Iterable[_Union[_journey_pb2.EligibleJourney, _Mapping]]] = ..., rejected: _Optional[_Iterable[_Union[_journey_pb2.RejectedJourney, _Mapping]]] = ..., counts: _Optional[_Union[Counts, _Mapping]] = ..., limit: _Optional[int] = ..., model_version: _Optional[str] = ..., catalogue_version: _Optional[str] = ..., degraded: _Optional[_Iterable[_Union[Degraded, _Mapping]]] = ..., arm: _Optional[str] = ...) -> None: ...
