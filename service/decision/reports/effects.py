"""What an event does to what is known of a customer. The order in which events come makes no difference to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.decision.facts import ANY, FactKind
from service.decision.reports.event_types import (
    CHANNEL,
    PURPOSE,
    SEVERITY,
    EventType,
    EventTypes,
    GrantsConsent,
    Move,
    MovesThroughJourney,
    OpensIncident,
    ResolvesIncident,
    ShowsFeedAlive,
    WithdrawsConsent,
)
from service.decision.reports.rows import CustomerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened:
    """An incident is open. An absent class or severity means the strictest policy."""

    incident_id: str
    incident_class: str | None
    severity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResolved:
    """An incident is over."""

    incident_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted:
    """A consent to one purpose on one channel."""

    purpose: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn:
    """No consent any more; ANY stands for every purpose, or every channel."""

    purpose: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The customer moved through a journey. `stage` is "" for who left."""

    journey_id: str
    move: Move
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What `latest`, a feature, tells the time of happened again."""

    latest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAlive:
    """A source is alive."""

    source: str


Effect = IncidentOpened | IncidentResolved | ConsentGranted | ConsentWithdrawn | Moved | Happened | FeedAlive


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvent(CustomerEvent):
    """An event of a known type, with what it does."""

    effects: tuple[Effect, ...]

    @property
    def is_of_customer(self) -> bool:
        return not any(isinstance(effect, FeedAlive) for effect in self.effects)


def known_event(event: CustomerEvent, types: EventTypes) -> KnownEvent:
    """An event in which `events.fault_of` found no fault."""
    return KnownEvent(
        event_id=event.event_id,
        customer_id=event.customer_id,
        source=event.source,
        type=event.type,
        occurred_at=event.occurred_at,
        attributes=event.attributes,
        effects=tuple(effects_of(event, types.by_name[event.type])),
    )


def effects_of(event: CustomerEvent, known: EventType) -> Iterator[Effect]:
    """What an event of this type does."""
    attributes = {name: str(value) for name, value in event.attributes.items()}
    match known.meaning:
        case OpensIncident(id_from=id_from, incident_class=incident_class, class_from=class_from):
            yield IncidentOpened(
                incident_id=attributes[id_from],
                incident_class=incident_class if class_from is None else attributes.get(class_from),
                severity=attributes.get(SEVERITY),
            )
        case ResolvesIncident(id_from=id_from):
            yield IncidentResolved(incident_id=attributes[id_from])
        case GrantsConsent():
            yield ConsentGranted(purpose=attributes[PURPOSE], channel=attributes[CHANNEL])
        case WithdrawsConsent():
            yield ConsentWithdrawn(purpose=attributes.get(PURPOSE, ANY), channel=attributes.get(CHANNEL, ANY))
        case MovesThroughJourney(move=move):
            yield Moved(journey_id=attributes["journey_id"], move=move, stage=attributes.get("stage", ""))
        case ShowsFeedAlive():
            yield FeedAlive(source=event.source)
    if known.latest is not None:
        yield Happened(latest=known.latest)


def kinds_of(effects: Iterable[Effect]) -> frozenset[FactKind]:
    """The kinds of facts that an event with these effects changes; one that does nothing else is the customer's own."""
    return frozenset(_kind_of(effect) for effect in effects) or frozenset({FactKind.EVENTS})


def _kind_of(effect: Effect) -> FactKind:
    match effect:
        case IncidentOpened() | IncidentResolved():
            return FactKind.INCIDENTS
        case ConsentGranted() | ConsentWithdrawn():
            return FactKind.CONSENTS
        case Moved():
            return FactKind.PLACES
        case Happened() | FeedAlive():
            return FactKind.EVENTS
