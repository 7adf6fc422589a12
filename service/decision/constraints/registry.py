"""Which constraints guard a candidate: the one place where rules are wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.decision.constraints.audience import Audience
from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.rule import Condition, Rule
from service.decision.journey import JourneyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    at_most: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What the rules of a candidate are bound to. `kind` is the effective one: an offer counts as promotional."""

    journey_id: str
    kind: JourneyKind
    channel: str
    purposes: tuple[str, ...] = ()
    audience: Condition | None = None
    contact: Cap | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What is company-wide: the kinds allowed per incident class and by default, and the pressure limits."""

    incident_default: frozenset[JourneyKind]
    incident_classes: Mapping[str, frozenset[JourneyKind]]
    pressure: tuple[PressureCap, ...] = ()


Binder = Callable[[Guarded, Policies], Iterator[Rule]]


def _incident_open(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    classes = frozenset(policies.incident_classes)
    allowing = frozenset(c for c, kinds in policies.incident_classes.items() if guarded.kind in kinds)
    strictest_allows = allowing == classes and guarded.kind in policies.incident_default
    if not strictest_allows:
        yield IncidentOpen(
            kind=guarded.kind, classes=classes, allowing_classes=allowing, strictest_allows=strictest_allows
        )


def _consent_missing(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    for purpose in guarded.purposes:
        yield ConsentMissing(purpose=purpose, channel=guarded.channel)
    if not guarded.purposes:
        yield ServiceWithdrawn(channel=guarded.channel)


def _audience(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    if guarded.audience is not None:
        yield Audience(condition=guarded.audience)


def _contact_cap(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    if guarded.contact is not None:
        yield ContactCap(journey_id=guarded.journey_id, at_most=guarded.contact.at_most, per=guarded.contact.per)


def _pressure_cap(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    yield from (p for p in policies.pressure if guarded.kind in p.kinds and guarded.channel in p.channels)


def _not_valid_now(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    if guarded.valid_from is not None or guarded.valid_until is not None:
        yield NotValidNow(valid_from=guarded.valid_from, valid_until=guarded.valid_until)


BINDERS: Mapping[str, Binder] = {
    NotValidNow.code: _not_valid_now,
    IncidentOpen.code: _incident_open,
    ConsentMissing.code: _consent_missing,
    Audience.code: _audience,
    ContactCap.code: _contact_cap,
    PressureCap.code: _pressure_cap,
}
"""Every constraint by its code, in the order in which a candidate's rules are bound."""


def bind_rules(guarded: Guarded, policies: Policies) -> Iterator[Rule]:
    """The rules that guard this candidate; none that could not deny it."""
    for binder in BINDERS.values():
        yield from binder(guarded, policies)
