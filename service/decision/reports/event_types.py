"""The types of events, those that are built in and those that a company adds: what each may carry, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import cached_property

from features.values import Scalar

INCIDENT_ID, INCIDENT_CLASS, SEVERITY = "incident_id", "class", "severity"
PURPOSE, CHANNEL = "purpose", "channel"
HEARTBEAT = "feed.heartbeat"


class Move(IntEnum):
    """What moves a customer through a journey, in the order in which moves of one instant apply."""

    PRESENTED = 0
    ENTERED = 1
    ADVANCED = 2
    EXITED = 3


class AttributeType(StrEnum):
    """What an attribute holds. A timestamp is told as a text in ISO 8601 with its zone."""

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
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        return instant.astimezone(UTC) if isinstance(instant, datetime) and instant.tzinfo is not None else None
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
    """It opens the incident that `id_from` names, of `incident_class`, or of the class that `class_from` gives."""

    id_from: str = INCIDENT_ID
    incident_class: str | None = None
    class_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvesIncident:
    """It resolves the incident that `id_from` names."""

    id_from: str = INCIDENT_ID


@dataclass(frozen=True, slots=True)
class GrantsConsent:
    """It grants a consent to a purpose on a channel."""


@dataclass(frozen=True, slots=True)
class WithdrawsConsent:
    """It withdraws a consent; of every purpose, or from every channel, if it names none."""


@dataclass(frozen=True, slots=True)
class MovesThroughJourney:
    """It moves a customer through a journey."""

    move: Move


@dataclass(frozen=True, slots=True)
class ShowsFeedAlive:
    """Its source sends what it has to tell; it is of no customer."""


Meaning = (
    OpensIncident | ResolvesIncident | GrantsConsent | WithdrawsConsent | MovesThroughJourney | ShowsFeedAlive | None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of events. What one carries beside `attributes` is kept as it comes.

    `latest`: the feature that tells when the latest one happened.
    """

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    meaning: Meaning = None
    latest: str | None = None

    @property
    def only_closes(self) -> bool:
        """Whether nothing is ever shown because of it, so that it is never refused for a clock that is ahead."""
        return isinstance(self.meaning, OpensIncident | WithdrawsConsent)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The attributes that hold numbers."""
        kinds = (AttributeType.DOUBLE, AttributeType.INT)
        return tuple(name for name, attribute in self.attributes.items() if attribute.type in kinds)

    @property
    def value_types(self) -> Mapping[str, str]:
        """The variables that a condition about such an event may use, with their types."""
        return {name: attribute.type.value for name, attribute in self.attributes.items()}


@dataclass(frozen=True)
class EventTypes:
    """All types of events that can be recorded, by name."""

    by_name: Mapping[str, EventType]

    @cached_property
    def latest(self) -> frozenset[str]:
        """The features that tell when something last happened."""
        return frozenset(known.latest for known in self.by_name.values() if known.latest is not None)


def name_attribute(*, is_required: bool = False, is_specific: bool = False) -> Attribute:
    """A text that names something."""
    return Attribute(type=AttributeType.STRING, is_required=is_required, is_name=True, is_specific=is_specific)


_REQUIRED, _OPTIONAL = name_attribute(is_required=True), name_attribute()
_SPECIFIC = name_attribute(is_required=True, is_specific=True)
_AMOUNT = Attribute(type=AttributeType.DOUBLE, is_required=True, least=0.0)
"""What is given back is no purchase."""
_PLACE = {"journey_id": _REQUIRED, "stage": _REQUIRED}

BUILT_IN = EventTypes(
    {
        "incident.opened": EventType(
            attributes={INCIDENT_ID: _REQUIRED, INCIDENT_CLASS: _OPTIONAL, SEVERITY: _OPTIONAL},
            meaning=OpensIncident(class_from=INCIDENT_CLASS),
        ),
        "incident.resolved": EventType(attributes={INCIDENT_ID: _REQUIRED}, meaning=ResolvesIncident()),
        "consent.granted": EventType(attributes={PURPOSE: _SPECIFIC, CHANNEL: _SPECIFIC}, meaning=GrantsConsent()),
        "consent.withdrawn": EventType(attributes={PURPOSE: _OPTIONAL, CHANNEL: _OPTIONAL}, meaning=WithdrawsConsent()),
        "purchase": EventType(attributes={"amount": _AMOUNT}),
        "journey.entered": EventType(attributes=_PLACE, meaning=MovesThroughJourney(Move.ENTERED)),
        "journey.advanced": EventType(attributes=_PLACE, meaning=MovesThroughJourney(Move.ADVANCED)),
        "journey.exited": EventType(attributes={"journey_id": _REQUIRED}, meaning=MovesThroughJourney(Move.EXITED)),
        HEARTBEAT: EventType(meaning=ShowsFeedAlive()),
    }
)
