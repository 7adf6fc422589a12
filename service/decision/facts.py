"""What is known of the customer and the moment when a decision is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from features.values import FeatureRow, FeatureStatus, Scalar
from service.decision.journey import JourneyKind, Stage

ANY = "*"
"""In a withdrawal: every purpose, or every channel."""

CONTACTS_VARIABLE = "situation.contacts"
"""The one variable that changes with the contacts of a moment, so with each pick and at commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An open incident. An absent class or severity means the strictest policy."""

    incident_id: str
    opened_at: datetime
    incident_class: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncidents:
    """The open incidents that are known. `status` other than PRESENT: there may be others that are not."""

    known: tuple[Incident, ...] = ()
    status: FeatureStatus = FeatureStatus.PRESENT
    last_resolved_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        return self.status is FeatureStatus.PRESENT


ConsentKey = tuple[str, str]
"""(purpose, channel); in a withdrawal either may be ANY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """The latest grant and withdrawal of each (purpose, channel).

    A status other than PRESENT: withdrawals may exist that are not known here.
    """

    granted_at: Mapping[ConsentKey, datetime] = field(default_factory=dict)
    withdrawn_at: Mapping[ConsentKey, datetime] = field(default_factory=dict)
    status: FeatureStatus = FeatureStatus.PRESENT

    def withdrawal(self, purpose: str, channel: str) -> datetime | None:
        """The latest withdrawal that covers this purpose on this channel."""
        keys = ((purpose, channel), (purpose, ANY), (ANY, channel), (ANY, ANY))
        return max((self.withdrawn_at[k] for k in keys if k in self.withdrawn_at), default=None)

    def holds(self, purpose: str, channel: str) -> bool:
        """Whether the latest grant is later than the latest withdrawal; a tie is a withdrawal."""
        granted = self.granted_at.get((purpose, channel))
        if granted is None:
            return False
        withdrawn = self.withdrawal(purpose, channel)
        return withdrawn is None or granted > withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact that counts: presented, reserved, or unconfirmed on a channel that counts those.

    `at` is when it counts from; `counts_until` is when a reservation that nobody confirms is given back (None: never).
    """

    decision_id: str
    journey_id: str
    kind: JourneyKind
    channel: str
    at: datetime
    counts_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The customer is in this journey at this stage since then."""

    journey_id: str
    stage: Stage
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts that follow from the customer's events, outcomes and contacts.

    `facts_version` rises with every accepted event and outcome, `contacts_version` with every change of a contact.
    """

    facts_version: int = 0
    contacts_version: int = 0
    has_events: bool = False
    incidents: OpenIncidents = field(default_factory=OpenIncidents)
    consents: Consents = field(default_factory=Consents)
    contacts: tuple[Contact, ...] = ()
    enrolments: Mapping[str, Enrolment] = field(default_factory=dict)
    last_purchase_at: datetime | None = None

    def count_contacts(self, now: datetime) -> int:
        """The contacts that still count."""
        return sum(c.counts_until is None or c.counts_until > now for c in self.contacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a rule may look at. `is_known` is None when nobody could tell (the store is away and no event is kept).

    `variables` are the names a condition may use; what is not known is left out, so that it reads as unknown.
    `scratch` is for what an engine prepares from them once a request; it is no fact.
    """

    now: datetime
    customer_id: str
    channel: str
    placement: str | None = None
    context: Mapping[str, Scalar] = field(default_factory=dict)
    features: FeatureRow = field(default_factory=dict)
    is_known: bool | None = True
    situation: Situation = field(default_factory=Situation)
    variables: Mapping[str, Any] = field(default_factory=dict)
    scratch: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def with_contacts(self, contacts: Iterable[Contact]) -> Facts:
        """The same facts, with these contacts in place of those that were read, also for conditions."""
        situation = replace(self.situation, contacts=tuple(contacts))
        variables = {**self.variables, CONTACTS_VARIABLE: situation.count_contacts(self.now)}
        return replace(self, situation=situation, variables=variables, scratch={})

    def status_of(self, name: str) -> FeatureStatus:
        """Why the variable `name` is unknown. A name that nothing stands for is NOT_FOUND, a NaN is NULL."""
        if name.startswith("situation.") and not self.situation.incidents.is_complete:
            return self.situation.incidents.status
        if name == "customer.is_known":
            return FeatureStatus.UNAVAILABLE
        feature = self.features.get(name.removeprefix("customer."))
        if feature is None:
            return FeatureStatus.NOT_FOUND
        return FeatureStatus.NULL if feature.is_present else feature.status
