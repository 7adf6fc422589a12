"""What an event must be to be kept: of a known type, with its attributes, at a time that can be true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.values import Scalar
from service.decision.facts import ANY
from service.decision.reports.event_types import (
    CHANNEL,
    PURPOSE,
    Attribute,
    AttributeType,
    EventType,
    EventTypes,
    GrantsConsent,
    MovesThroughJourney,
    ShowsFeedAlive,
    WithdrawsConsent,
)
from service.decision.reports.rows import CustomerEvent

MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 64 * 1024
MAX_ID = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """A fault that rejects a row: the field's path within it, and a code of the documented, open set."""

    field: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Purposes and channels that consents may speak of, sources that may send heartbeats; or those of some events."""

    purposes: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def __or__(self, other: Names) -> Names:
        return Names(
            purposes=self.purposes | other.purposes,
            channels=self.channels | other.channels,
            sources=self.sources | other.sources,
        )

    def __ge__(self, other: Names) -> bool:
        return self.purposes >= other.purposes and self.channels >= other.channels and self.sources >= other.sources


StageCheck = Callable[[str, str | None], str | None]
"""(journey_id, stage) -> the attribute at fault, or None."""


def fault_of(event: CustomerEvent, types: EventTypes, now: datetime, stages: StageCheck) -> FieldFault | None:
    """The first fault of an event, or None when it may be kept."""
    known = types.by_name.get(event.type)
    if known is None:
        return FieldFault(field="type", code="UNKNOWN_TYPE")
    return (
        text_fault("event_id", event.event_id)
        or text_fault("customer_id", event.customer_id)
        or _source_fault(event, known)
        or time_fault(event.occurred_at, None if known.only_closes else now)
        or _value_fault(event.attributes)
        or _attribute_fault(event.attributes, known)
        or _stage_fault(event, known, stages)
    )


def names_in(event: CustomerEvent, types: EventTypes) -> Names:
    """What a grant or withdrawal speaks of by name; the source of a heartbeat. Of any event, also one with faults."""
    known = types.by_name.get(event.type)
    match None if known is None else known.meaning:
        case ShowsFeedAlive():
            return Names(sources=frozenset({event.source}))
        case GrantsConsent() | WithdrawsConsent():
            purpose, channel = ({event.attributes.get(name, ANY)} - {ANY} for name in (PURPOSE, CHANNEL))
            return Names(purposes=frozenset(map(str, purpose)), channels=frozenset(map(str, channel)))
        case _:
            return Names()


def name_fault(named: Names, declared: Names) -> FieldFault | None:
    """The fault of a name that no catalogue declares: no consent is asked for by it, no heartbeat waited for."""
    if not declared.purposes >= named.purposes:
        return FieldFault(field=f"attributes.{PURPOSE}", code="UNDECLARED")
    if not declared.channels >= named.channels:
        return FieldFault(field=f"attributes.{CHANNEL}", code="UNDECLARED")
    return None if declared.sources >= named.sources else FieldFault(field="source", code="UNDECLARED")


def text_fault(field: str, text: str) -> FieldFault | None:
    """An id has at most MAX_ID characters; a NUL cannot be kept by every store."""
    if "\x00" in text:
        return FieldFault(field=field, code="NUL_IN_TEXT")
    return FieldFault(field=field, code="TOO_LONG") if len(text) > MAX_ID else None


def _source_fault(event: CustomerEvent, known: EventType) -> FieldFault | None:
    """A heartbeat says which feed is alive."""
    if isinstance(known.meaning, ShowsFeedAlive) and not event.source:
        return FieldFault(field="source", code="MISSING")
    return text_fault("source", event.source)


def time_fault(occurred_at: datetime, now: datetime | None) -> FieldFault | None:
    """`now`: None for what may lie ahead of it."""
    if occurred_at < EARLIEST:
        return FieldFault(field="occurred_at", code="OUT_OF_RANGE")
    return (
        FieldFault(field="occurred_at", code="IN_THE_FUTURE")
        if now is not None and occurred_at > now + MAX_AHEAD
        else None
    )


def _value_fault(attributes: Mapping[str, Scalar]) -> FieldFault | None:
    """The fault of an attribute, whatever it is called."""
    for name, value in attributes.items():
        if len(name) > MAX_ID or (isinstance(value, str) and len(value.encode()) > MAX_ATTRIBUTE_BYTES):
            return FieldFault(field=f"attributes.{name[:64]}", code="TOO_LARGE")
        if "\x00" in name or (isinstance(value, str) and "\x00" in value):
            return FieldFault(field=f"attributes.{name[:64]}", code="NUL_IN_TEXT")
        if isinstance(value, float) and not abs(value) < float("inf"):
            return FieldFault(field=f"attributes.{name}", code="NOT_FINITE")
    return None


NOT_OF_TYPE: Mapping[AttributeType, str] = {
    AttributeType.STRING: "NOT_TEXT",
    AttributeType.DOUBLE: "NOT_A_NUMBER",
    AttributeType.INT: "NOT_WHOLE",
    AttributeType.BOOL: "NOT_A_BOOL",
    AttributeType.TIMESTAMP: "NOT_A_TIME",
}
"""The code of a value that is not of the type of its attribute."""


def _attribute_fault(attributes: Mapping[str, Scalar], known: EventType) -> FieldFault | None:
    """The first fault of an attribute that the type declares; of those that must be there, that one is not."""
    for name, wanted in known.attributes.items():
        if wanted.is_required and name not in attributes:
            return FieldFault(field=f"attributes.{name}", code="MISSING")
    given = ((name, wanted) for name, wanted in known.attributes.items() if name in attributes)
    faults = (_typed_fault(f"attributes.{name}", attributes[name], wanted) for name, wanted in given)
    return next((fault for fault in faults if fault is not None), None)


def _typed_fault(field: str, value: Scalar, wanted: Attribute) -> FieldFault | None:
    typed = wanted.typed(value)
    if typed is None or (wanted.is_name and not typed):
        return FieldFault(field=field, code=NOT_OF_TYPE[wanted.type])
    if wanted.is_specific and typed == ANY:
        return FieldFault(field=field, code="NOT_SPECIFIC")
    if wanted.least is not None and isinstance(typed, float) and typed < wanted.least:
        return FieldFault(field=field, code="OUT_OF_RANGE")
    return text_fault(field, str(typed)) if wanted.is_name else None


def _stage_fault(event: CustomerEvent, known: EventType, stages: StageCheck) -> FieldFault | None:
    if not isinstance(known.meaning, MovesThroughJourney):
        return None
    stage = event.attributes.get("stage")
    attribute = stages(str(event.attributes["journey_id"]), None if stage is None else str(stage))
    return None if attribute is None else FieldFault(field=f"attributes.{attribute}", code="UNKNOWN")
