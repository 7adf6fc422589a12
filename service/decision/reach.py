"""What of a customer's situation can count in the decisions of a plan: more is neither read, recorded nor compared.

It follows from the rules and conditions of the plan. What is in doubt counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from service.decision.constraints.audience import CUSTOMER, Audience, CompanyPolicy
from service.decision.constraints.capacity import Pool
from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.cooldown import Cooldown
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.never import NeverAfter, NeverWith
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.rule import Condition, Rule
from service.decision.facts import ANY, CONTACTS_VARIABLE, SERVICE, FactKind, SituationPart
from service.decision.windows import LOOKBACK, Per, Period

SITUATION = "situation."
EVERY_KIND = frozenset(FactKind)
_PERIODS = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}
_ZONES_DIFFER = timedelta(days=2)
"""How much longer a calendar period may be than its days, by clocks that are moved and days that are skipped."""
_KINDS = {
    SituationPart.INCIDENTS: FactKind.INCIDENTS,
    SituationPart.CONSENTS: FactKind.CONSENTS,
    SituationPart.WITHDRAWALS: FactKind.CONSENTS,
    SituationPart.ENROLMENTS: FactKind.PLACES,
    SituationPart.RESPONSES: FactKind.OUTCOMES,
}
_OF_NO_KIND = frozenset({SituationPart.CONTACTS, SituationPart.KILLS, SituationPart.POOLS, SituationPart.FEEDS})
"""Compared by versions of their own, or by what is used of a pool; a heartbeat only opens."""
_ABOUT_INCIDENTS = frozenset(
    SITUATION + name
    for name in ("has_open_incident", "open_incidents", "open_incident_classes", "last_incident_resolved_at")
)
_ABOUT_PLACES = frozenset({SITUATION + "stages", SITUATION + "journeys"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a plan looks on one channel.

    `contacts` and `responses`: how far back, beside reservations that are open; `grace`: how long an incident that is
    over may still deny. `purposes` are those that consent is asked for on `channels`, `sources` those whose heartbeats
    count, `kinds` what a commit compares.
    """

    channels: frozenset[str] = frozenset()
    kinds: frozenset[FactKind] = EVERY_KIND
    contacts: timedelta = timedelta(0)
    responses: timedelta = timedelta(0)
    grace: timedelta = timedelta(0)
    purposes: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    pools: tuple[Pool, ...] = ()

    def covers(self, purpose: str, channel: str) -> bool:
        """Whether a consent, or a withdrawal that names no purpose or channel, can count."""
        return purpose in (*self.purposes, ANY) and channel in (*self.channels, ANY)


def reach_of(channel: str, rules: Iterable[Rule], conditions: Iterable[Condition], pools: Iterable[Pool]) -> Reach:
    """How far back is LOOKBACK at most. Raises: TypeError for a rule of which nobody said how far it looks."""
    listed = list(rules)
    names = {name for condition in (*conditions, *_conditions_of(listed)) for name in condition.names}
    counts_all = CONTACTS_VARIABLE in names
    return Reach(
        channels=frozenset({channel}),
        kinds=kinds_of(listed, names),
        contacts=LOOKBACK if counts_all else min(LOOKBACK, _longest(_contacts_back(rule) for rule in listed)),
        responses=min(LOOKBACK, _longest(_responses_back(rule) for rule in listed)),
        grace=_longest(rule.longest_grace for rule in listed if isinstance(rule, IncidentOpen)),
        purposes=frozenset(purpose for rule in listed for purpose in _purposes(rule, channel)),
        sources=frozenset(source for rule in listed for source in sources_of(rule)),
        pools=tuple(pool for pool in pools if not pool.channels or channel in pool.channels),
    )


def kinds_of(rules: Iterable[Rule], names: Iterable[str]) -> frozenset[FactKind]:
    """The kinds that these rules, and conditions of these names, look at.

    A place is always one: it gives the candidates. Whatever is claimed of the customer may follow from her own events:
    whether she is known, when she last bought, and what is derived from it.
    """
    found = {FactKind.PLACES}
    for rule in rules:
        found.update(_KINDS[fact] for fact in rule.reads if fact not in _OF_NO_KIND)
        if isinstance(rule, Audience | CompanyPolicy | QuietHours) and rule.on_unknown.on_unknown_customer is not None:
            found.add(FactKind.EVENTS)
    for name in names:
        if name.startswith(CUSTOMER):
            found.add(FactKind.EVENTS)
        elif name in _ABOUT_INCIDENTS:
            found.add(FactKind.INCIDENTS)
        elif name.startswith(SITUATION) and name not in _ABOUT_PLACES and name != CONTACTS_VARIABLE:
            return EVERY_KIND
    return frozenset(found)


def sources_of(rule: Rule) -> Iterator[str]:
    """Those whose heartbeats a rule waits for. Raises: TypeError if nobody said which."""
    match rule:
        case IncidentOpen() | ConsentMissing():
            if rule.feed is not None:
                yield rule.feed.source
        case _ if SituationPart.FEEDS in rule.reads:
            raise _unsaid(rule)


def _conditions_of(rules: Iterable[Rule]) -> Iterator[Condition]:
    return (rule.condition for rule in rules if isinstance(rule, Audience | CompanyPolicy))


def _purposes(rule: Rule, channel: str) -> Iterator[str]:
    match rule:
        case ConsentMissing():
            if rule.channel == channel:
                yield rule.purpose
        case ServiceWithdrawn():
            if rule.channel == channel:
                yield SERVICE
        case _ if {SituationPart.CONSENTS, SituationPart.WITHDRAWALS}.intersection(rule.reads):
            raise _unsaid(rule)


def _contacts_back(rule: Rule) -> timedelta:
    """How old a contact may be that a rule counts, beside open reservations."""
    match rule:
        case ContactCap() | PressureCap():
            return _back(rule.per)
        case NeverAfter():
            return rule.within
        case NeverWith() | InFlight():
            return timedelta(0)
        case Cooldown():
            return _ignored_back(rule)
        case _ if SituationPart.CONTACTS in rule.reads:
            return LOOKBACK
    return timedelta(0)


def _ignored_back(rule: Cooldown) -> timedelta:
    """The last contact that was ignored is not older than that; those before it in the row may be of any age."""
    ignored = rule.ignored
    if ignored is None:
        return timedelta(0)
    return ignored.window + ignored.rests if ignored.times == 1 else LOOKBACK


def _responses_back(rule: Rule) -> timedelta:
    """How old a response may be. One that ends a row of ignored contacts is as old as the contact."""
    match rule:
        case Cooldown(ignored=None):
            return _longest(rest.rests for rest in rule.rests)
        case _ if SituationPart.RESPONSES in rule.reads:
            return LOOKBACK
    return timedelta(0)


def _back(per: Per) -> timedelta:
    return per if isinstance(per, timedelta) else timedelta(days=_PERIODS[per]) + _ZONES_DIFFER


def _longest(times: Iterable[timedelta]) -> timedelta:
    return max(times, default=timedelta(0))


def _unsaid(rule: Rule) -> TypeError:
    return TypeError(f"nobody said how far {type(rule).__name__} looks")
