"""The form of `policies.yaml`: what is company-wide."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from service.catalogue.documents.forms import CapDocument, Clock, Money, Probability, Slug, Titles, Window, Zone
from service.catalogue.documents.selection import ArmsDocument, ExplorationPolicyDocument, SilenceDocument
from service.decision.constraints.unknown import WhenStale, WhenUnknown
from service.decision.journey import JourneyKind
from service.decision.plan import Direction, Unconfirmed

HELPING = (JourneyKind.SERVICE, JourneyKind.RESOLUTION)


class ChannelDocument(Document):
    """`slots`, `reserve` and `unconfirmed` default by direction. `placements`: all that it has; absent, any is one."""

    direction: Direction = Field(
        description="Whether the customer comes to it (inbound) or it goes to the customer (outbound)."
    )
    slots: int = Field(
        default=0,
        ge=0,
        le=50,
        description="Journeys in an answer where the request says no limit; default: 3 inbound, 1 outbound.",
    )
    reserve: Duration | None = Field(
        default=None,
        description="How long a place is held for what was answered; default: 15m inbound, 24h outbound.",
    )
    unconfirmed: Unconfirmed | None = Field(
        default=None, description="What becomes of a contact that nobody reports: it counts, or it is released."
    )
    placements: tuple[Slug, ...] | None = Field(
        default=None, min_length=1, description="All the places that the channel has; without it, any is one."
    )


class FactsDocument(Document):
    """Which features give the customer's time zone and holiday region."""

    time_zone: str = Field(default="time_zone", description="The feature that holds the customer's time zone.")
    holiday_region: str = Field(
        default="holiday_region",
        description="The feature that holds the region whose public holidays the customer has.",
    )


class FeedDocument(Document):
    """A source whose events are relied on only while its heartbeat is younger than `max_age`."""

    source: str = Field(min_length=1, description="The source, as it names itself in its heartbeats.")
    max_age: Duration = Field(description="The age of its last heartbeat from which on its events are not relied on.")


class OnUnknownDocument(Document):
    """What a rule does about a fact that it cannot have; it denies unless said otherwise."""

    on_missing: WhenUnknown = Field(
        default=WhenUnknown.DENY, description="What is done where a fact is missing: deny or allow."
    )
    on_stale: WhenStale = Field(
        default=WhenStale.DENY, description="What is done where a fact is too old: deny, allow, or use it all the same."
    )
    on_unknown_customer: WhenUnknown | None = Field(
        default=None,
        description="What is done about a customer of whom nothing is known; default: as for a fact that is missing.",
    )
    max_age: Duration | None = Field(
        default=None, description="The age from which on a fact is too old for this rule; default: that of its feature."
    )


class IncidentClassDocument(Document):
    """The kinds that an open incident of this class allows, by severity where that differs, and the grace after it.

    A severity that is not listed, where others are, is treated by the strictest of them.
    """

    allow: tuple[JourneyKind, ...] = Field(
        default=HELPING, description="The kinds of journeys that may be shown while such an incident is open."
    )
    severities: dict[Slug, tuple[JourneyKind, ...]] = Field(
        default_factory=dict, description="The same by severity, where that differs."
    )
    grace: Duration | None = Field(
        default=None, description="How long the rest goes on being withheld once it is resolved."
    )


class IncidentsDocument(Document):
    """What open incidents allow."""

    default: PlainOr[tuple[JourneyKind, ...], IncidentClassDocument] = Field(
        default=HELPING,
        description="What an incident allows whose class is not listed: kinds, or the fields of a class.",
    )
    classes: dict[Slug, PlainOr[tuple[JourneyKind, ...], IncidentClassDocument]] = Field(
        default_factory=dict, description="By class of incident: the kinds that it allows, or the fields of a class."
    )
    feed: FeedDocument | None = Field(
        default=None, description="The source of incidents, if rules rely on it only while it is heard from."
    )


class ConsentsDocument(Document):
    """How consents come in."""

    feed: FeedDocument | None = Field(
        default=None, description="The source of consents, if rules rely on it only while it is heard from."
    )


class PressureDocument(CapDocument):
    """A limit over journeys of these kinds on these channels together; no kinds named: all but the helping ones."""

    id: Slug = Field(description="The name of the limit, as reasons tell it.")
    kinds: tuple[JourneyKind, ...] = Field(
        default=(),
        description="The kinds of journeys that count and are limited; none: all but service and resolution.",
    )
    channels: tuple[Slug, ...] = Field(default=(), description="The channels that count together; none: all.")


class QuietDocument(Document):
    """Hours and days on which channels are silent, by the customer's clock. No kinds: all but the helping ones."""

    id: Slug = Field(description="The name of the rule, as reasons tell it.")
    channels: tuple[Slug, ...] = Field(min_length=1, description="The channels that are silent.")
    from_: Clock | None = Field(
        default=None,
        alias="from",
        description='The time of day at which silence begins, by the customer\'s clock, such as "21:00".',
    )
    to: Clock | None = Field(
        default=None, description="The time of day at which it ends; earlier than `from`: on the next day."
    )
    weekends: bool = Field(default=False, description="Whether Saturday and Sunday are silent as a whole.")
    holidays: bool = Field(
        default=False, description="Whether the public holidays of the customer's region are silent as a whole."
    )
    kinds: tuple[JourneyKind, ...] = Field(
        default=(), description="The kinds of journeys that it is for; none: all but service and resolution."
    )
    on_missing: WhenUnknown = Field(
        default=WhenUnknown.DENY, description="What is done where the customer's time zone is not known."
    )

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

    id: Slug = Field(description="The name of the budget, as reasons tell it.")
    amount: Money = Field(description="Money for the costs of actions.")
    per: Window = Field(description="For which time: a duration, which rolls, or a calendar day, week or month.")
    kinds: tuple[JourneyKind, ...] = Field(default=(), description="The kinds of journeys that it is for; none: all.")
    journeys: tuple[Slug, ...] = Field(default=(), description="The journeys that it is for; none: all.")
    channels: tuple[Slug, ...] = Field(default=(), description="The channels that it is for; none: all.")


class PolicyDocument(OnUnknownDocument):
    """A condition of the company's own; its reason code is POLICY_<ID>."""

    id: Slug = Field(description="The name of the policy; its reason code is POLICY_<ID>.")
    require: str = Field(
        description="A condition over customer.*, situation.* and context.*: what does not meet it is withheld."
    )
    text: Titles = Field(description="What people read where it withholds something.")
    kinds: tuple[JourneyKind, ...] = Field(default=(), description="The kinds of journeys that it is for; none: all.")
    journeys: tuple[Slug, ...] = Field(default=(), description="The journeys that it is for; none: all.")


class PoliciesDocument(Document):
    """`policies.yaml`."""

    channels: dict[Slug, ChannelDocument] = Field(min_length=1, description="The channels, by name.")
    time_zone: Zone = Field(
        default="UTC", description="The company's own zone, in which its days begin, such as Europe/Madrid."
    )
    facts: FactsDocument = Field(
        default=FactsDocument(), description="Which features hold what some rules need by name."
    )
    incidents: IncidentsDocument = Field(default=IncidentsDocument(), description="What open incidents allow.")
    consents: ConsentsDocument = Field(default=ConsentsDocument(), description="How consents come in.")
    purposes: tuple[Slug, ...] = Field(
        default=(), description="The purposes for which customers are asked for consent."
    )
    pressure: tuple[PressureDocument, ...] = Field(
        default=(), description="Limits of contacts over several journeys together."
    )
    quiet_hours: tuple[QuietDocument, ...] = Field(
        default=(), description="Hours and days on which channels are silent."
    )
    budgets: tuple[BudgetDocument, ...] = Field(
        default=(), description="Money for the actions of several journeys together."
    )
    in_flight: dict[JourneyKind, int] = Field(
        default_factory=dict, description="By kind: in how many journeys a customer may be at once."
    )
    policies: tuple[PolicyDocument, ...] = Field(
        default=(), description="Conditions of the company's own that journeys must meet."
    )
    context: dict[Slug, Literal["string", "double", "int", "bool"]] = Field(
        default_factory=dict, description="The keys that a request may carry, with their types."
    )
    priors: dict[JourneyKind, Probability] = Field(
        description="By kind: the probability that an objective is met, while no model knows better."
    )
    exploration: ExplorationPolicyDocument | None = Field(
        default=None, description="What is drawn rather than the best, so that there is something to learn from."
    )
    silence: SilenceDocument | None = Field(default=None, description="When saying nothing is better than the best.")
    arms: ArmsDocument | None = Field(default=None, description="Customers that are decided for otherwise.")

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
