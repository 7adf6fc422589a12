"""What is known of the customer and the moment when a decision is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from features.values import FeatureRow, FeatureStatus, Scalar
from service.decision.journey import JourneyKind, Stage
from service.decision.windows import Window
from service.decision.zones import zone_of

ANY = "*"
"""In a withdrawal: every purpose, or every channel."""

SERVICE = "service"
"""The purpose of whatever lists none."""

MOST_OPEN = 100
"""So many open incidents are told; with more, whatever some incident might forbid is forbidden."""

MOST_RESOLVED = 100
"""So many of those that are over are told apart."""

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
class ResolvedIncident:
    """An incident that is over, for the time of grace after it."""

    incident_class: str | None
    severity: str | None
    resolved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UntoldIncident:
    """Features would tell whether an incident of this class is open, but for `fact`, whose status this is, or ERROR."""

    incident_class: str
    fact: str
    status: str
    severity: ClassVar[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncidents:
    """The open incidents that are known. `status` other than PRESENT: there may be others that are not.

    `is_truncated`: there are others, too many to be told. `untold`: those of these classes may be open, or not.
    """

    known: tuple[Incident, ...] = ()
    untold: tuple[UntoldIncident, ...] = ()
    resolved: tuple[ResolvedIncident, ...] = ()
    status: FeatureStatus = FeatureStatus.PRESENT
    last_resolved_at: datetime | None = None
    is_truncated: bool = False

    @property
    def is_complete(self) -> bool:
        return self.status is FeatureStatus.PRESENT and not self.is_truncated and not self.untold

    def bounded(self) -> OpenIncidents:
        """No more than can be told: the oldest that are open, by their ids, and the latest that are over.

        Of too many that are over, the earlier ones count as one of no class, which is the strictest, that was over when
        the latest of them was.
        """
        known, resolved = self.known, self.resolved
        if len(known) > MOST_OPEN:
            known = tuple(sorted(known, key=lambda i: (i.opened_at, i.incident_id))[:MOST_OPEN])
        if len(resolved) > MOST_RESOLVED:
            latest = sorted(resolved, key=lambda r: r.resolved_at, reverse=True)
            others = ResolvedIncident(incident_class=None, severity=None, resolved_at=latest[MOST_RESOLVED].resolved_at)
            resolved = (*latest[:MOST_RESOLVED], others)
        return replace(
            self,
            known=tuple(sorted(known, key=lambda i: i.incident_id)),
            resolved=resolved,
            is_truncated=self.is_truncated or len(self.known) > MOST_OPEN,
        )


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

    `at` is when it counts from, which no report moves back; `counts_until` is when a reservation that nobody confirms
    is given back (None: never). `reserved_until` ends an open reservation (None once presented); `cost` is that of
    its action. `decided_at`, and `presented_at` when it was first presented, are None where they are as `at`.
    `displaces`: while it is reserved, the journeys that end once it is presented, as its decision told.
    """

    decision_id: str
    journey_id: str
    kind: JourneyKind
    channel: str
    at: datetime
    counts_until: datetime | None = None
    reserved_until: datetime | None = None
    is_presented: bool = False
    cost: float = 0.0
    decided_at: datetime | None = None
    presented_at: datetime | None = None
    displaces: tuple[str, ...] = ()

    @property
    def first_at(self) -> datetime:
        """When it was first presented."""
        return self.presented_at or self.at

    def is_reserved(self, now: datetime) -> bool:
        return self.reserved_until is not None and self.reserved_until > now

    def is_given_back(self, now: datetime) -> bool:
        return self.counts_until is not None and self.counts_until <= now

    def counts_in(self, window: Window) -> datetime:
        """When it stops counting in a window: as what lies in it, and at the earliest when it can be shown no more."""
        end = window.end(self.at)
        if self.reserved_until is not None:
            end = max(end, self.reserved_until)
        return end if self.counts_until is None else min(end, self.counts_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the customer made of a contact: an outcome other than PRESENTED and NOT_PRESENTED."""

    decision_id: str
    journey_id: str
    type: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The customer is in this journey at this stage since then; `ends_at` is when its time is over, if it has one."""

    journey_id: str
    stage: Stage
    since: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Some of a shared pool that is in use until `ends_at`: units, or money."""

    ends_at: datetime
    amount: float


class FactKind(StrEnum):
    """What events and outcomes say of a customer: each kind has a version, raised by every accepted row of it."""

    INCIDENTS = "incidents"
    CONSENTS = "consents"
    PLACES = "places"  # in journeys: their events, PRESENTED, and what a decision found to be over
    EVENTS = "events"  # her own: what happened to her, and the first of all, by which she is known
    OUTCOMES = "outcomes"


class SituationPart(StrEnum):
    """The parts of the state store's facts, by the names that reasons give them."""

    INCIDENTS = "incidents"
    CONSENTS = "consents"
    WITHDRAWALS = "withdrawals"  # of consent alone: what forbids where none is asked for
    CONTACTS = "contacts"
    RESPONSES = "responses"
    ENROLMENTS = "enrolments"
    KILLS = "kills"
    POOLS = "pools"
    FEEDS = "feeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts that follow from the customer's events, outcomes and contacts.

    `versions` rise with every accepted event and outcome of their kind (absent: none yet), `contacts_version` with
    every change of a contact, `kills_version` with every change of the kill list. `kills` gives the reason by target,
    `uses` what is in use by pool, `feeds` the last heartbeat by source, `latest` when something last happened by the
    feature that tells it. `unread` is what could not be read, for the
    state store is away: it looks empty here, and is not known to be.
    """

    versions: Mapping[FactKind, int] = field(default_factory=dict)
    contacts_version: int = 0
    has_events: bool = False
    incidents: OpenIncidents = field(default_factory=OpenIncidents)
    consents: Consents = field(default_factory=Consents)
    contacts: tuple[Contact, ...] = ()
    enrolments: Mapping[str, Enrolment] = field(default_factory=dict)
    latest: Mapping[str, datetime] = field(default_factory=dict)
    responses: tuple[Response, ...] = ()
    kills_version: int = 0
    kills: Mapping[str, str] = field(default_factory=dict)
    uses: Mapping[str, tuple[Use, ...]] = field(default_factory=dict)
    feeds: Mapping[str, datetime] = field(default_factory=dict)
    unread: frozenset[SituationPart] = frozenset()

    def count_contacts(self, now: datetime) -> int:
        """The contacts that still count."""
        ends = [contact.counts_until for contact in self.contacts]
        return sum([end is None or end > now for end in ends])


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a rule may look at. `is_known` is None when nobody could tell (the store is away and no event is kept).

    `variables` are the names a condition may use; what is not known is left out, so that it reads as unknown.
    `slate` are the contacts that this very answer makes, `situation.contacts` holds them too. `read_at` is when facts
    were read, if the question is put for a later `now`: they are as fresh as they were then.
    """

    now: datetime
    customer_id: str
    channel: str
    placement: str | None = None
    context: Mapping[str, Scalar] = field(default_factory=dict)
    features: FeatureRow = field(default_factory=dict)
    is_known: bool | None = True
    situation: Situation = field(default_factory=Situation)
    slate: tuple[Contact, ...] = ()
    read_at: datetime | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def with_contacts(self, contacts: Iterable[Contact], slate: tuple[Contact, ...] = ()) -> Facts:
        """The same facts, with these contacts in place of those that were read, then those of this answer."""
        situation = replace(self.situation, contacts=(*contacts, *slate))
        variables = self.variables
        if not situation.unread:
            variables = {**variables, CONTACTS_VARIABLE: situation.count_contacts(self.now)}
        return replace(self, situation=situation, slate=slate, variables=variables)

    def at(self, later: datetime) -> Facts:
        """The same facts at another time, all else equal: as fresh as now, and conditions as they are now.

        Enrolments whose time is over by then are over.
        """
        enrolled = self.situation.enrolments
        goes_on = {j: e for j, e in enrolled.items() if e.ends_at is None or e.ends_at > later}
        situation = self.situation if len(goes_on) == len(enrolled) else replace(self.situation, enrolments=goes_on)
        return replace(self, now=later, read_at=self.fresh_at, situation=situation)

    @property
    def fresh_at(self) -> datetime:
        """The time by which the age of a fact is told."""
        return self.now if self.read_at is None else self.read_at

    @property
    def open_reservations(self) -> tuple[tuple[Contact, datetime], ...]:
        """The contacts that are reserved, neither presented nor given back, each with its end."""
        return tuple(
            (c, c.reserved_until)
            for c in self.situation.contacts
            if c.reserved_until is not None and not c.is_presented and c.reserved_until > self.now
        )

    def text(self, feature: str) -> str | None:
        """The value of a text feature that is present."""
        known = self.features[feature].known() if feature in self.features else None
        return known if isinstance(known, str) else None

    def zone(self, feature: str) -> ZoneInfo | None:
        """The time zone that a feature names; None if it is not known, or no zone."""
        name = self.text(feature)
        return None if name is None else zone_of(name)

    def status_of(self, name: str) -> FeatureStatus:
        """Why the variable `name` is unknown. A name that nothing stands for is NOT_FOUND, a NaN is NULL."""
        if name.startswith("situation.") and self.situation.unread:
            return FeatureStatus.UNAVAILABLE
        if name.startswith("situation.") and not self.situation.incidents.is_complete:
            status = self.situation.incidents.status
            return FeatureStatus.UNAVAILABLE if status is FeatureStatus.PRESENT else status
        if name == "customer.is_known":
            return FeatureStatus.UNAVAILABLE
        feature = self.features.get(name.removeprefix("customer."))
        if feature is None:
            return FeatureStatus.NOT_FOUND
        return FeatureStatus.NULL if feature.is_present else feature.status
