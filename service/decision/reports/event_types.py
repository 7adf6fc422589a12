"""The types of events, those that are built in and those that a company adds: what each may carry, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from features.values import Scalar

INCIDENT_ID, INCIDENT_CLASS, SEVERITY = "incident_id", "class", "severity"
HEARTBEAT = "feed.heartbeat"


class AttributeType(StrEnum):
    STRING = "string"
    DOUBLE = "double"
    INT = "int"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


_PYTHON: Mapping[AttributeType, type[Scalar]] = {
    AttributeType.STRING: str,
    AttributeType.DOUBLE: float,
    AttributeType.INT: int,
    AttributeType.BOOL: bool,
}


def instant_in(value: Scalar) -> datetime | None:
    """The instant that a text tells, in ISO 8601 with its zone; None if it tells none."""
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """What an attribute of an event must be. `is_name`: a text that names something, so it is short and not empty.

    `is_specific`: it does not stand for all there are; `least`: the least that a number may be.
    """

    type: AttributeType
    is_required: bool = False
    is_name: bool = False
    is_specific: bool = False
    least: float | None = None

    def typed(self, value: Scalar) -> Scalar | None:
        """The value as a condition reads it; None where it is of another type."""
        if self.type is AttributeType.TIMESTAMP:
            return instant_in(value)
        if self.type is AttributeType.DOUBLE and type(value) is int:
            return float(value)
        return value if type(value) is _PYTHON[self.type] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpensIncident:
    """Which incident an event opens, and its class: `incident_class`, or what the attribute `class_from` says."""

    id_from: str = INCIDENT_ID
    incident_class: str | None = None
    class_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvesIncident:
    """Which incident an event resolves."""

    id_from: str = INCIDENT_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of events. What it carries beside `attributes` is kept as it comes.

    `latest`: the feature that tells when the latest one happened. `only_closes`: nothing is ever shown because of it,
    so it is never refused for a clock that is ahead.
    """

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    incident: OpensIncident | ResolvesIncident | None = None
    latest: str | None = None
    only_closes: bool = False

    @property
    def value_types(self) -> Mapping[str, str]:
        """The variables that a condition about such an event may use, with their types."""
        return {name: attribute.type.value for name, attribute in self.attributes.items()}


@dataclass(frozen=True, slots=True)
class EventTypes:
    """All types of events that can be recorded, by name."""

    by_name: Mapping[str, EventType]

    @property
    def latest(self) -> frozenset[str]:
        """The features that tell when something last happened."""
        return frozenset(known.latest for known in self.by_name.values() if known.latest is not None)


def _name(*, is_required: bool = False, is_specific: bool = False) -> Attribute:
    return Attribute(type=AttributeType.STRING, is_required=is_required, is_name=True, is_specific=is_specific)


_REQUIRED, _OPTIONAL = _name(is_required=True), _name()
_SPECIFIC = _name(is_required=True, is_specific=True)
_AMOUNT = Attribute(type=AttributeType.DOUBLE, is_required=True, least=0.0)
"""What is given back is no purchase."""

BUILT_IN = EventTypes(
    {
        "incident.opened": EventType(
            attributes={INCIDENT_ID: _REQUIRED, INCIDENT_CLASS: _OPTIONAL, SEVERITY: _OPTIONAL},
            incident=OpensIncident(class_from=INCIDENT_CLASS),
            only_closes=True,
        ),
        "incident.resolved": EventType(attributes={INCIDENT_ID: _REQUIRED}, incident=ResolvesIncident()),
        "consent.granted": EventType(attributes={"purpose": _SPECIFIC, "channel": _SPECIFIC}),
        "consent.withdrawn": EventType(attributes={"purpose": _OPTIONAL, "channel": _OPTIONAL}, only_closes=True),
        "purchase": EventType(attributes={"amount": _AMOUNT}),
        "journey.entered": EventType(attributes={"journey_id": _REQUIRED, "stage": _REQUIRED}),
        "journey.advanced": EventType(attributes={"journey_id": _REQUIRED, "stage": _REQUIRED}),
        "journey.exited": EventType(attributes={"journey_id": _REQUIRED}),
        HEARTBEAT: EventType(),
    }
)
