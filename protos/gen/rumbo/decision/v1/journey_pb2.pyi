import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from rumbo.decision.v1 import reason_pb2 as _reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JourneyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOURNEY_KIND_UNSPECIFIED: _ClassVar[JourneyKind]
    JOURNEY_KIND_PROMOTIONAL: _ClassVar[JourneyKind]
    JOURNEY_KIND_SERVICE: _ClassVar[JourneyKind]
    JOURNEY_KIND_RESOLUTION: _ClassVar[JourneyKind]
    JOURNEY_KIND_ONBOARDING: _ClassVar[JourneyKind]
    JOURNEY_KIND_FEEDBACK: _ClassVar[JourneyKind]
    JOURNEY_KIND_LOYALTY: _ClassVar[JourneyKind]
    JOURNEY_KIND_CELEBRATION: _ClassVar[JourneyKind]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_NEED: _ClassVar[Stage]
    STAGE_RESEARCH: _ClassVar[Stage]
    STAGE_SELECT: _ClassVar[Stage]
    STAGE_PURCHASE: _ClassVar[Stage]
    STAGE_RECEIVE: _ClassVar[Stage]
    STAGE_USE: _ClassVar[Stage]
    STAGE_MAINTAIN: _ClassVar[Stage]
    STAGE_RECOMMEND: _ClassVar[Stage]
JOURNEY_KIND_UNSPECIFIED: JourneyKind
JOURNEY_KIND_PROMOTIONAL: JourneyKind
JOURNEY_KIND_SERVICE: JourneyKind
JOURNEY_KIND_RESOLUTION: JourneyKind
JOURNEY_KIND_ONBOARDING: JourneyKind
JOURNEY_KIND_FEEDBACK: JourneyKind
JOURNEY_KIND_LOYALTY: JourneyKind
JOURNEY_KIND_CELEBRATION: JourneyKind
STAGE_UNSPECIFIED: Stage
STAGE_NEED: Stage
STAGE_RESEARCH: Stage
STAGE_SELECT: Stage
STAGE_PURCHASE: Stage
STAGE_RECEIVE: Stage
STAGE_USE: Stage
STAGE_MAINTAIN: Stage
STAGE_RECOMMEND: Stage

class RankedJourney(_message.Message):
    __slots__ = ("rank", "journey_id", "kind", "stage", "action_id", "tone", "is_offer", "priority", "p_outcome", "value", "selection_probability", "reasons", "is_exploration", "p_if_silent", "is_forced", "drawn_from")
    RANK_FIELD_NUMBER: _ClassVar[int]
    JOURNEY_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TONE_FIELD_NUMBER: _ClassVar[int]
    IS_OFFER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    P_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SELECTION_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    IS_EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    P_IF_SILENT_FIELD_NUMBER: _ClassVar[int]
    IS_FORCED_FIELD_NUMBER: _ClassVar[int]
    DRAWN_FROM_FIELD_NUMBER: _ClassVar[int]
    rank: int
    journey_id: str
    kind: JourneyKind
    stage: Stage
    action_id: str
    tone: str
    is_offer: bool
    priority: float
    p_outcome: float
    value: float
    selection_probability: float
    reasons: _containers.RepeatedCompositeFieldContainer[_reason_pb2.Reason]
    is_exploration: bool
    p_if_silent: float
    is_forced: bool
    drawn_from: _containers.RepeatedCompositeFieldContainer[SlotOption]
    def __init__(self, rank: _Optional[int] = ..., journey_id: _Optional[str] = ..., kind: _Optional[_Union[JourneyKind, str]] = ..., stage: _Optional[_Union[Stage, str]] = ..., action_id: _Optional[str] = ..., tone: _Optional[str] = ..., is_offer: _Optional[bool] = ..., priority: _Optional[float] = ..., p_outcome: _Optional[float] = ..., value: _Optional[float] = ..., selection_probability: _Optional[float] = ..., reasons: _Optional[_Iterable[_Union[_reason_pb2.Reason, _Mapping]]] = ..., is_exploration: _Optional[bool] = ..., p_if_silent: _Optional[float] = ..., is_forced: _Optional[bool] = ..., drawn_from: _Optional[_Iterable[_Union[SlotOption, _Mapping]]] = ...) -> None: ...

class SlotOption(_message.Message):
    __slots__ = ("journey_id", "probability")
    JOURNEY_ID_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    journey_id: str
    probability: float
    def __init__(self, journey_id: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class EligibleJourney(_message.Message):
    __slots__ = ("journey_id", "kind", "stage", "action_id", "priority", "p_outcome", "value", "reasons", "p_if_silent")
    JOURNEY_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    P_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    P_IF_SILENT_FIELD_NUMBER: _ClassVar[int]
    journey_id: str
    kind: JourneyKind
    stage: Stage
    action_id: str
    priority: float
    p_outcome: float
    value: float
    reasons: _containers.RepeatedCompositeFieldContainer[_reason_pb2.Reason]
    p_if_silent: float
    def __init__(self, journey_id: _Optional[str] = ..., kind: _Optional[_Union[JourneyKind, str]] = ..., stage: _Optional[_Union[Stage, str]] = ..., action_id: _Optional[str] = ..., priority: _Optional[float] = ..., p_outcome: _Optional[float] = ..., value: _Optional[float] = ..., reasons: _Optional[_Iterable[_Union[_reason_pb2.Reason, _Mapping]]] = ..., p_if_silent: _Optional[float] = ...) -> None: ...

class RejectedJourney(_message.Message):
    __slots__ = ("journey_id", "reasons", "eligible_after")
    JOURNEY_ID_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_AFTER_FIELD_NUMBER: _ClassVar[int]
    journey_id: str
    reasons: _containers.RepeatedCompositeFieldContainer[_reason_pb2.Reason]
    eligible_after: _timestamp_pb2.Timestamp
    def __init__(self, journey_id: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[_reason_pb2.Reason, _Mapping]]] = ..., eligible_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NoJourney(_message.Message):
    __slots__ = ("reasons", "value", "selection_probability", "is_exploration", "is_forced", "drawn_from")
    REASONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SELECTION_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    IS_EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    IS_FORCED_FIELD_NUMBER: _ClassVar[int]
    DRAWN_FROM_FIELD_NUMBER: _ClassVar[int]
    reasons: _containers.RepeatedCompositeFieldContainer[_reason_pb2.Reason]
    value: float
    selection_probability: float
    is_exploration: bool
    is_forced: bool
    drawn_from: _containers.RepeatedCompositeFieldContainer[SlotOption]
    def __init__(self, reasons: _Optional[_Iterable[_Union[_reason_pb2.Reason, _Mapping]]] = ..., value: _Optional[float] = ..., selection_probability: _Optional[float] = ..., is_exploration: _Optional[bool] = ..., is_forced: _Optional[bool] = ..., drawn_from: _Optional[_Iterable[_Union[SlotOption, _Mapping]]] = ...) -> None: ...
