"""A naive twin of a whole store: lists of what happened, searched from end to end for every question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service.decision.constraints.registry import Cap, Policies
from service.decision.journey import JourneyKind
from service.decision.plan import Plan, Unconfirmed
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import OutcomeType
from service.decision.windows import RollingWindow
from service.state.port import ContactState
from tests.builders import CHANNELS, HELPING, NOW, Entry, catalogue, journey
from tests.contract.pools import costing, money, units
from tests.contract.twin import consents, open_incidents

DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
WINDOW_DAYS = 1
"""Of every objective."""
CAP, UNITS, MONEY, COST = 2, 3, 0.5, 0.25
ORDER = ("news", "treat", "gift", "plain")
"""`news` under a cap and a consent, `treat` under a capacity, `gift` under a budget, `plain` under nothing."""
TREATS, GIFTS = units(UNITS, RollingWindow(per=DAY), "treat"), money(MONEY)
KIND = {name: JourneyKind.SERVICE if name == "plain" else JourneyKind.PROMOTIONAL for name in ORDER}


def plan() -> Plan:
    news = Entry(journey=journey("news", kind=KIND["news"]), contact=Cap(at_most=CAP, per=DAY), purposes=("marketing",))
    treat = Entry(journey=journey("treat", kind=KIND["treat"], tier=2), capacity=TREATS)
    gift = Entry(journey=costing("gift", COST, tier=3))
    policies = Policies(incident_default=HELPING, incident_classes={}, budgets=(GIFTS,))
    return catalogue(news, treat, gift, Entry(journey=journey("plain", tier=4)), policies=policies).plan


@dataclass(slots=True, kw_only=True)
class TwinContact:
    """`counts_until`: None where a channel counts what nobody confirms. `is_late`: presented after its time.

    `shown`: when each report says that it was presented, not before it was decided on, nor after it came.
    """

    decision_id: str
    customer_id: str
    journey_id: str
    at: datetime
    reserved_until: datetime
    counts_until: datetime | None
    state: ContactState = ContactState.RESERVED
    is_late: bool = False
    decided_at: datetime = NOW
    shown: list[datetime] = field(default_factory=list)

    def counts(self, now: datetime) -> bool:
        """Within a rolling day."""
        is_given_back = self.counts_until is not None and self.counts_until <= now
        return self.state is not ContactState.RELEASED and not is_given_back and self.at + DAY > now

    def is_used(self, now: datetime) -> bool:
        """Of what all share: within a day that ends with a quarter of an hour."""
        past = (self.at - NOW) % QUARTER
        later = replace(self, at=self.at + (QUARTER - past if past else past))
        return later.counts(now)

    def state_at(self, now: datetime) -> ContactState:
        is_over = self.state is ContactState.RESERVED and now >= self.reserved_until
        return ContactState.EXPIRED if is_over else self.state

    def report(self, type_: OutcomeType, at: datetime, now: datetime) -> bool:
        """Returns: whether it is late."""
        was = self.state_at(now)
        if type_ is OutcomeType.NOT_PRESENTED and self.state is ContactState.RESERVED:
            self.state = ContactState.RELEASED
        if type_ is not OutcomeType.PRESENTED:
            return False
        self.at = max(self.at, at)
        self.shown.append(max(self.decided_at, min(at, now)))
        self.state, self.counts_until = ContactState.PRESENTED, None
        is_late = was in (ContactState.RELEASED, ContactState.EXPIRED)
        self.is_late |= is_late
        return is_late


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinProposal:
    """A decision that was proposed: for whom, when, with how many slots, and what was allowed by what then held."""

    decision_id: str
    customer_id: str
    channel: str
    now: datetime
    limit: int
    allowed: Sequence[str]
    versions: Sequence[int]


@dataclass(slots=True)
class Twin:
    contacts: list[TwinContact] = field(default_factory=list)
    events: list[KnownEvent] = field(default_factory=list)
    kills: dict[str, str] = field(default_factory=dict)
    presented: Counter[str] = field(default_factory=Counter)
    kills_moved: int = 0
    decisions: dict[str, Sequence[str]] = field(default_factory=dict)
    requests: dict[tuple[str, str], str] = field(default_factory=dict)

    def ask(self, decision_id: str, customer_id: str, channel: str, now: datetime, limit: int) -> TwinProposal:
        permitted = [j for j in ORDER if self._is_permitted(j, customer_id, channel)]
        return TwinProposal(
            decision_id=decision_id,
            customer_id=customer_id,
            channel=channel,
            now=now,
            limit=limit,
            allowed=[j for j in permitted if self._has_room(j, customer_id, now)],
            versions=self._versions(customer_id),
        )

    def has_moved(self, asked: TwinProposal) -> bool:
        """Whether the facts that it was proposed by are no longer those of now."""
        return self._versions(asked.customer_id) != asked.versions

    def commit(self, asked: TwinProposal, request_id: str | None) -> Sequence[str]:
        """What is ranked and reserved now, of what was allowed then."""
        free = [j for j in asked.allowed if self._has_room(j, asked.customer_id, asked.now)]
        picks = free[: asked.limit]
        channel = CHANNELS[asked.channel]
        until = asked.now + channel.reserve
        for journey_id in picks:
            self.contacts.append(
                TwinContact(
                    decision_id=asked.decision_id,
                    customer_id=asked.customer_id,
                    journey_id=journey_id,
                    at=asked.now,
                    decided_at=asked.now,
                    reserved_until=until,
                    counts_until=until if channel.unconfirmed is Unconfirmed.RELEASE else None,
                )
            )
        self.decisions[asked.decision_id] = picks
        if request_id is not None:
            self.requests[asked.customer_id, request_id] = asked.decision_id
        return picks

    def answered(self, customer_id: str, journey_id: str, at: datetime) -> str:
        """The decision that an answer of this customer is given to, or why there is none."""
        own = [c for c in self.contacts if (c.customer_id, c.journey_id) == (customer_id, journey_id) and c.shown]
        by_then = [c for c in own if min(c.shown) <= at]
        if not by_then:
            return "NO_CONTACT"
        last_at = max(min(c.shown) for c in by_then)
        last = [c.decision_id for c in by_then if min(c.shown) == last_at]
        if len(last) > 1:
            return "AMBIGUOUS"
        return "WINDOW_OVER" if at > last_at + WINDOW_DAYS * DAY else last[0]

    def counting(self, now: datetime, customer_id: str) -> list[TwinContact]:
        """The contacts of a customer that count."""
        return [c for c in self.contacts if c.customer_id == customer_id and c.counts(now)]

    def using(self, now: datetime, journey_id: str) -> list[TwinContact]:
        """The contacts of all customers that use what this journey shares."""
        return [c for c in self.contacts if c.journey_id == journey_id and c.is_used(now)]

    def _versions(self, customer_id: str) -> Sequence[int]:
        """Of what the plan looks at: incidents, consents, places, kills; neither purchases nor responses."""
        types = [e.type for e in self.events if e.customer_id == customer_id]
        looked_at = (sum(t.startswith(first) for t in types) for first in ("incident.", "consent."))
        return *looked_at, self.presented[customer_id], self.kills_moved

    def _is_permitted(self, journey_id: str, customer_id: str, channel: str) -> bool:
        own = [e for e in self.events if e.customer_id == customer_id]
        if self.kills.keys() & {journey_id, f"kind:{KIND[journey_id].value}", "*"}:
            return False
        if KIND[journey_id] not in HELPING and open_incidents(own):
            return False
        return journey_id != "news" or consents(own, "marketing", channel)

    def _has_room(self, journey_id: str, customer_id: str, now: datetime) -> bool:
        match journey_id:
            case "news":
                return len([c for c in self.counting(now, customer_id) if c.journey_id == "news"]) < CAP
            case "treat":
                return len(self.using(now, "treat")) < UNITS
            case "gift":
                return (len(self.using(now, "gift")) + 1) * COST <= MONEY
        return True
