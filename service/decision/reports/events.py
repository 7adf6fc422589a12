"""What an event must be to be kept: known type, its attributes, a time that can be true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.values import Scalar
from service.decision.facts import ANY
from service.decision.reports.rows import CustomerEvent

MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ATTRIBUTE_BYTES = 64 * 1024
MAX_ID = 128

HEARTBEAT = "feed.heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """A fault that rejects a row: the field's path within it, and a code of the documented, open set."""

    field: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventForm:
    """The attributes of an event type; others are kept as they come. `is_specific`: ANY is no value of the required.

    `numbers` are required amounts, 0 or more: what is given back is no purchase.
    `only_closes`: nothing is ever shown because of it, so it is never refused for a clock that is ahead.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    is_specific: bool = False
    only_closes: bool = False


EVENT_FORMS: Mapping[str, EventForm] = {
    "incident.opened": EventForm(required=("incident_id",), optional=("class", "severity"), only_closes=True),
    "incident.resolved": EventForm(required=("incident_id",)),
    "consent.granted": EventForm(required=("purpose", "channel"), is_specific=True),
    "consent.withdrawn": EventForm(optional=("purpose", "channel"), only_closes=True),
    "purchase": EventForm(numbers=("amount",)),
    "journey.entered": EventForm(required=("journey_id", "stage")),
    "journey.advanced": EventForm(required=("journey_id", "stage")),
    "journey.exited": EventForm(required=("journey_id",)),
    HEARTBEAT: EventForm(),
}


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


def fault_of(event: CustomerEvent, now: datetime, stages: StageCheck) -> FieldFault | None:
    """The first fault of an event, or None when it may be kept."""
    form = EVENT_FORMS.get(event.type)
    if form is None:
        return FieldFault(field="type", code="UNKNOWN_TYPE")
    return (
        text_fault("event_id", event.event_id)
        or text_fault("customer_id", event.customer_id)
        or _source_fault(event)
        or time_fault(event.occurred_at, None if form.only_closes else now)
        or _value_fault(event.attributes)
        or _attribute_fault(event.attributes, form)
        or _stage_fault(event, stages)
    )


def names_in(event: CustomerEvent) -> Names:
    """What a grant or withdrawal speaks of by name; the source of a heartbeat."""
    if event.type == HEARTBEAT:
        return Names(sources=frozenset({event.source}))
    if not event.type.startswith("consent."):
        return Names()
    purpose, channel = ({event.attributes.get(name, ANY)} - {ANY} for name in ("purpose", "channel"))
    return Names(purposes=frozenset(map(str, purpose)), channels=frozenset(map(str, channel)))


def name_fault(event: CustomerEvent, declared: Names) -> FieldFault | None:
    """The fault of a name that no catalogue declares: no consent is asked for by it, no heartbeat waited for."""
    named = names_in(event)
    if not declared.purposes >= named.purposes:
        return FieldFault(field="attributes.purpose", code="UNDECLARED")
    if not declared.channels >= named.channels:
        return FieldFault(field="attributes.channel", code="UNDECLARED")
    return None if declared.sources >= named.sources else FieldFault(field="source", code="UNDECLARED")


def text_fault(field: str, text: str) -> FieldFault | None:
    """An id has at most MAX_ID characters; a NUL cannot be kept by every store."""
    if "\x00" in text:
        return FieldFault(field=field, code="NUL_IN_TEXT")
    return FieldFault(field=field, code="TOO_LONG") if len(text) > MAX_ID else None


def _source_fault(event: CustomerEvent) -> FieldFault | None:
    """A heartbeat says which feed is alive."""
    if event.type == HEARTBEAT and not event.source:
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


def _attribute_fault(attributes: Mapping[str, Scalar], form: EventForm) -> FieldFault | None:
    """The fault of an attribute that the type declares."""
    for name in (*form.required, *form.numbers):
        if name not in attributes:
            return FieldFault(field=f"attributes.{name}", code="MISSING")
    for name in (*form.required, *form.optional):
        text = attributes.get(name, ANY)
        if not isinstance(text, str) or not text:
            return FieldFault(field=f"attributes.{name}", code="NOT_TEXT")
        fault = text_fault(f"attributes.{name}", text)
        if fault is not None:
            return fault
    for name in form.required if form.is_specific else ():
        if attributes[name] == ANY:
            return FieldFault(field=f"attributes.{name}", code="NOT_SPECIFIC")
    for name in form.numbers:
        number = attributes[name]
        if isinstance(number, bool) or not isinstance(number, int | float):
            return FieldFault(field=f"attributes.{name}", code="NOT_A_NUMBER")
        if number < 0:
            return FieldFault(field=f"attributes.{name}", code="OUT_OF_RANGE")
    return None


def _stage_fault(event: CustomerEvent, stages: StageCheck) -> FieldFault | None:
    if not event.type.startswith("journey."):
        return None
    stage = event.attributes.get("stage")
    attribute = stages(str(event.attributes["journey_id"]), None if stage is None else str(stage))
    return None if attribute is None else FieldFault(field=f"attributes.{attribute}", code="UNKNOWN")
