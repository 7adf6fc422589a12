"""The form of `policies.yaml`: what is company-wide."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from service.catalogue.documents.forms import CapDocument, Clock, Money, Probability, Slug, Titles, Window, Zone
from service.decision.constraints.unknown import WhenStale, WhenUnknown
from service.decision.journey import JourneyKind
from service.decision.plan import Direction, Unconfirmed

HELPING = (JourneyKind.SERVICE, JourneyKind.RESOLUTION)


class ChannelDocument(Document):
    """`slots`, `reserve` and `unconfirmed` default by direction. `placements`: all that it has; absent, any is one."""

    direction: Direction
    slots: int = Field(default=0, ge=0, le=50)
    reserve: Duration | None = None
    unconfirmed: Unconfirmed | None = None
    placements: tuple[Slug, ...] | None = Field(default=None, min_length=1)


class FactsDocument(Document):
    """Which features give the customer's time zone and holiday region."""

    time_zone: str = "time_zone"
    holiday_region: str = "holiday_region"


class FeedDocument(Document):
    """A source whose events are relied on only while its heartbeat is younger than `max_age`."""

    source: str = Field(min_length=1)
    max_age: Duration


class OnUnknownDocument(Document):
    """What a rule does about a fact that it cannot have; it denies unless said otherwise."""

    on_missing: WhenUnknown = WhenUnknown.DENY
    on_stale: WhenStale = WhenStale.DENY
    on_unknown_customer: WhenUnknown | None = None
    max_age: Duration | None = None


class IncidentClassDocument(Document):
    """The kinds that an open incident of this class allows, by severity where that differs, and the grace after it.

    A severity that is not listed, where others are, is treated by the strictest of them.
    """

    allow: tuple[JourneyKind, ...] = HELPING
    severities: dict[Slug, tuple[JourneyKind, ...]] = Field(default_factory=dict)
    grace: Duration | None = None


class IncidentsDocument(Document):
    default: PlainOr[tuple[JourneyKind, ...], IncidentClassDocument] = HELPING
    classes: dict[Slug, PlainOr[tuple[JourneyKind, ...], IncidentClassDocument]] = Field(default_factory=dict)
    feed: FeedDocument | None = None


class ConsentsDocument(Document):
    feed: FeedDocument | None = None


class PressureDocument(CapDocument):
    """A limit over journeys of these kinds on these channels together; no kinds named: all but the helping ones."""

    id: Slug
    kinds: tuple[JourneyKind, ...] = ()
    channels: tuple[Slug, ...] = ()


class QuietDocument(Document):
    """Hours and days on which channels are silent, by the customer's clock. No kinds: all but the helping ones."""

    id: Slug
    channels: tuple[Slug, ...] = Field(min_length=1)
    from_: Clock | None = Field(default=None, alias="from")
    to: Clock | None = None
    weekends: bool = False
    holidays: bool = False
    kinds: tuple[JourneyKind, ...] = ()
    on_missing: WhenUnknown = WhenUnknown.DENY

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.from_ is None) != (self.to is None):
            raise ValueError("from and to go together")
        if self.from_ is not None and self.from_ == self.to:
            raise ValueError("from and to must differ")
        if self.from_ is None and not (self.weekends or self.holidays):
            raise ValueError("give from and to, weekends or holidays")
        return self


class BudgetDocument(Document):
    """Money for the actions of these journeys, kinds and channels together; none named means all."""

    id: Slug
    amount: Money
    per: Window
    kinds: tuple[JourneyKind, ...] = ()
    journeys: tuple[Slug, ...] = ()
    channels: tuple[Slug, ...] = ()


class PolicyDocument(OnUnknownDocument):
    """A condition of the company's own; its reason code is POLICY_<ID>."""

    id: Slug
    require: str
    text: Titles
    kinds: tuple[JourneyKind, ...] = ()
    journeys: tuple[Slug, ...] = ()


class PoliciesDocument(Document):
    """`policies.yaml`."""

    channels: dict[Slug, ChannelDocument] = Field(min_length=1)
    time_zone: Zone = "UTC"
    facts: FactsDocument = FactsDocument()
    incidents: IncidentsDocument = IncidentsDocument()
    consents: ConsentsDocument = ConsentsDocument()
    purposes: tuple[Slug, ...] = ()
    pressure: tuple[PressureDocument, ...] = ()
    quiet_hours: tuple[QuietDocument, ...] = ()
    budgets: tuple[BudgetDocument, ...] = ()
    in_flight: dict[JourneyKind, int] = Field(default_factory=dict)
    policies: tuple[PolicyDocument, ...] = ()
    context: dict[Slug, Literal["string", "double", "int", "bool"]] = Field(default_factory=dict)
    priors: dict[JourneyKind, Probability]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        absent = [k.value for k in JourneyKind if k not in self.priors]
        if absent:
            raise ValueError("priors: no entry for " + ", ".join(absent))
        if any(limit < 1 for limit in self.in_flight.values()):
            raise ValueError("in_flight: a limit is at least 1")
        for name in ("pressure", "quiet_hours", "budgets", "policies"):
            ids = [part.id for part in getattr(self, name)]
            if len(ids) != len(set(ids)):
                raise ValueError(f"{name}: ids must differ")
        return self
