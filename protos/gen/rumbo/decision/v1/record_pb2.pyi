import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from rumbo.decision.v1 import decision_pb2 as _decision_pb2
from rumbo.decision.v1 import journey_pb2 as _journey_pb2
from rumbo.decision.v1 import outcomes_pb2 as _outcomes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContactState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTACT_STATE_UNSPECIFIED: _ClassVar[ContactState]
    CONTACT_STATE_RESERVED: _ClassVar[ContactState]
    CONTACT_STATE_PRESENTED: _ClassVar[ContactState]
    CONTACT_STATE_RELEASED: _ClassVar[ContactState]
    CONTACT_STATE_EXPIRED: _ClassVar[ContactState]
    CONTACT_STATE_REVOKED: _ClassVar[ContactState]
CONTACT_STATE_UNSPECIFIED: ContactState
CONTACT_STATE_RESERVED: ContactState
CONTACT_STATE_PRESENTED: ContactState
CONTACT_STATE_RELEASED: ContactState
CONTACT_STATE_EXPIRED: ContactState
CONTACT_STATE_REVOKED: ContactState

class GetDecisionRequest(_message.Message):
    __slots__ = ("decision_id", "explain", "locale")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    explain: _decision_pb2.Explain
    locale: str
    def __init__(self, decision_id: _Optional[str] = ..., explain: _Optional[_Union[_decision_pb2.Explain, str]] = ..., locale: _Optional[str] = ...) -> None: ...

class Contributions(_message.Message):
    __slots__ = ("base", "by_feature")
    class ByFeatureEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BASE_FIELD_NUMBER: _ClassVar[int]
    BY_FEATURE_FIELD_NUMBER: _ClassVar[int]
    base: float
    by_feature: _containers.ScalarMap[str, float]
    def __init__(self, base: _Optional[float] = ..., by_feature: _Optional[_Mapping[str, float]] = ...) -> None: ...

class RecordedJourney(_message.Message):
    __slots__ = ("journey", "contact_state", "contributions")
    JOURNEY_FIELD_NUMBER: _ClassVar[int]
    CONTACT_STATE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    journey: _journey_pb2.RankedJourney
    contact_state: ContactState
    contributions: Contributions
    def __init__(self, journey: _Optional[_Union[_journey_pb2.RankedJourney, _Mapping]] = ..., contact_state: _Optional[_Union[ContactState, str]] = ..., contributions: _Optional[_Union[Contributions, _Mapping]] = ...) -> None: ...

class RecordedOutcome(_message.Message):
    __slots__ = ("outcome", "recorded_at", "late")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcomes_pb2.Outcome
    recorded_at: _timestamp_pb2.Timestamp
    late: bool
    def __init__(self, outcome: _Optional[_Union[_outcomes_pb2.Outcome, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late: _Optional[bool] = ...) -> None: ...

class GetDecisionResponse(_message.Message):
    __slots__ = ("decision_id", "customer_id", "channel", "placement", "decided_at", "valid_until", "ranked", "no_journey", "eligible", "rejected", "model_version", "catalogue_version", "degraded", "outcomes", "arm")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    RANKED_FIELD_NUMBER: _ClassVar[int]
    NO_JOURNEY_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    customer_id: str
    channel: str
    placement: str
    decided_at: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    ranked: _containers.RepeatedCompositeFieldContainer[RecordedJourney]
    no_journey: _journey_pb2.NoJourney
    eligible: _containers.RepeatedCompositeFieldContainer[_journey_pb2.EligibleJourney]
    rejected: _containers.RepeatedCompositeFieldContainer[_journey_pb2.RejectedJourney]
    model_version: str
    catalogue_version: str
    degraded: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Degraded]
    outcomes: _containers.RepeatedCompositeFieldContainer[RecordedOutcome]
    arm: str
    def __init__(self, decision_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., channel: _Optional[str] = ..., placement: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ranked: _Optional[_Iterable[_Union[RecordedJourney, _Mapping]]] = ..., no_journey: _Optional[_Union[_journey_pb2.NoJourney, _Mapping]] = ..., eligible: _Optional[_Iterable[_Union[_journey_pb2.EligibleJourney, _Mapping]]] = ..., rejected: _Optional[_Iterable[_Union[_journey_pb2.RejectedJourney, _Mapping]]] = ..., model_version: _Optional[str] = ..., catalogue_version: _Optional[str] = ..., degraded: _Optional[_Iterable[_Union[_decision_pb2.Degraded, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[RecordedOutcome, _Mapping]]] = ..., arm: _Optional[str] = ...) -> None: ...
