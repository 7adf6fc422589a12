"""What happened, as whoever reported it knows it: kept in lists, and asked by going through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.oracle.conditions import Fact, Why
from tests.oracle.plain import Action, Catalogue, Journey, lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIncident:
    """A line of the feature store's list."""

    incident_id: str
    incident_class: str | None
    severity: str | None
    is_open: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConsent:
    purpose: str
    channel: str
    is_granted: bool
    at: datetime


@dataclass(slots=True, kw_only=True)
class StoredFeatures:
    """What the feature store holds of a customer. A list may be out of reach, or stale: then it says why."""

    features: dict[str, Fact] = field(default_factory=dict)
    incidents: Sequence[StoredIncident] | Why = ()
    consents: Sequence[StoredConsent] | Why = ()
    has_any_row: bool = False
    is_complete: bool = True
    """Every view could be asked."""


@dataclass(slots=True, kw_only=True)
class Contact:
    """One journey of one answer."""

    decision_id: str
    customer_id: str
    journey: Journey
    action: Action
    stage: str
    channel: str
    decided_at: datetime
    valid_until: datetime
    is_counted_unless_reported: bool
    displaces: frozenset[str] = frozenset()
    presented_at: datetime | None = None
    """The latest time that was told."""
    first_presented_at: datetime | None = None
    is_released: bool = False
    responses: list[tuple[str, datetime]] = field(default_factory=list)

    def is_reserved(self, now: datetime) -> bool:
        return self.presented_at is None and not self.is_released and now < self.valid_until

    def counts_since(self, now: datetime) -> datetime | None:
        """From when on it counts; None: not at all. What is reserved can still be shown, so it counts from now."""
        if self.presented_at is not None:
            return self.presented_at
        if self.is_released:
            return None
        if self.is_reserved(now):
            return now
        return self.decided_at if self.is_counted_unless_reported else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """`stage` None: out of the journey. `only_enters`: does nothing to who is in it already.

    Of one instant they apply in the order of their kinds: presented, entered, advanced, exited; then of their ids.
    """

    at: datetime
    stage: str | None
    only_enters: bool = False
    is_advance: bool = False
    row_id: str = ""

    @property
    def place(self) -> tuple[datetime, int, str]:
        kind = 3 if self.stage is None else 0 if self.only_enters else 2 if self.is_advance else 1
        return self.at, kind, self.row_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    journey_id: str
    stage: str
    since: datetime


@dataclass(slots=True, kw_only=True)
class Places:
    """Where a customer is, and in which journeys no longer since when, for their time was over."""

    enrolments: list[Enrolment] = field(default_factory=list)
    lapsed: list[tuple[str, datetime]] = field(default_factory=list)

    def going_on(self, held: Enrolment | None, lasts: str | None, at: datetime) -> Enrolment | None:
        """The same unless its time is over by then, which is noted."""
        if held is None or lasts is None or at < held.since + lasting(lasts):
            return held
        self.lapsed.append((held.journey_id, held.since + lasting(lasts)))
        return None


def _moved(journey_id: str, held: Enrolment | None, move: Move) -> Enrolment | None:
    if move.stage is None:
        return None
    if held is None:
        return Enrolment(journey_id=journey_id, stage=move.stage, since=move.at)
    return held if move.only_enters else Enrolment(journey_id=journey_id, stage=move.stage, since=held.since)


@dataclass(slots=True, kw_only=True)
class Customer:
    customer_id: str
    stored: StoredFeatures = field(default_factory=StoredFeatures)
    opened: dict[str, list[tuple[datetime, str, str | None, str | None]]] = field(default_factory=dict)
    """By incident: when, by which event, class, severity. Of one instant the greater event id is the later."""
    resolved: dict[str, list[datetime]] = field(default_factory=dict)
    grants: list[tuple[str, str, datetime]] = field(default_factory=list)
    withdrawals: list[tuple[str | None, str | None, datetime]] = field(default_factory=list)
    moves: dict[str, list[Move]] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    happened: dict[str, list[datetime]] = field(default_factory=dict)
    """When, by the feature that tells the latest time."""
    has_events: bool = False

    def moved(self, journey_id: str, move: Move) -> None:
        self.moves.setdefault(journey_id, []).append(move)

    def moved_once(self, journey_id: str, move: Move) -> None:
        """In place of what was known of the same row."""
        others = [m for m in self.moves.get(journey_id, []) if m.row_id != move.row_id]
        self.moves[journey_id] = [*others, move]

    def places(self, catalogue: Catalogue, now: datetime) -> Places:
        """By the moves in the order of their times; what lasted `max_duration` is over, and may be entered anew."""
        places = Places()
        for journey_id, moves in self.moves.items():
            lasts = catalogue.journeys[journey_id].max_duration
            held: Enrolment | None = None
            for move in sorted(moves, key=lambda m: m.place):
                held = places.going_on(held, lasts, move.at)
                held = _moved(journey_id, held, move)
            held = places.going_on(held, lasts, now)
            if held is not None:
                places.enrolments.append(held)
        return places

    def is_open(self, incident_id: str) -> bool:
        opened, resolved = self.opened.get(incident_id), self.resolved.get(incident_id)
        if not opened:
            return False
        return not resolved or max(at for at, *_ in opened) > max(resolved)

    def heard_of(self, incident_id: str) -> datetime | None:
        heard = [at for at, *_ in self.opened.get(incident_id, [])] + self.resolved.get(incident_id, [])
        return max(heard, default=None)


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that the oracle knows."""

    catalogue: Catalogue
    customers: dict[str, Customer]
    killed: set[str] = field(default_factory=set)
    """Journey ids, `kind:promotional`, `*`."""
    heartbeats: dict[str, datetime] = field(default_factory=dict)

    def contacts(self) -> Iterator[Contact]:
        for customer in self.customers.values():
            yield from customer.contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    customer_id: str
    channel: str
    placement: str | None
    context: dict[str, str | float]
    limit: int | None
    is_dry_run: bool
