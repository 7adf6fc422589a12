"""What of a customer's situation can count in the decisions of a plan: more is neither read, recorded nor compared.

It follows from the rules and conditions of the plan. What is in doubt counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from service.decision.constraints.audience import CUSTOMER
from service.decision.constraints.capacity import Pool
from service.decision.constraints.rule import Condition, Rule
from service.decision.facts import ANY, CONTACTS_VARIABLE, FactKind, SituationPart
from service.decision.windows import LOOKBACK

SITUATION = "situation."
EVERY_KIND = frozenset(FactKind)
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
    count, `latest` the features that tell when something last happened, `kinds` what a commit compares.
    """

    channels: frozenset[str] = frozenset()
    kinds: frozenset[FactKind] = EVERY_KIND
    contacts: timedelta = timedelta(0)
    responses: timedelta = timedelta(0)
    grace: timedelta = timedelta(0)
    purposes: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    latest: frozenset[str] = frozenset()
    pools: tuple[Pool, ...] = ()

    def covers(self, purpose: str, channel: str) -> bool:
        """Whether a consent, or a withdrawal that names no purpose or channel, can count."""
        return (purpose == ANY or purpose in self.purposes) and (channel == ANY or channel in self.channels)


def reach_of(
    channel: str,
    rules: Iterable[Rule],
    conditions: Iterable[Condition],
    pools: Iterable[Pool],
    latest: frozenset[str] = frozenset(),
) -> Reach:
    """How far back is LOOKBACK at most."""
    listed = list(rules)
    spans = [rule.span for rule in listed]
    held = (condition for span in spans for condition in span.conditions)
    names = {name for condition in (*conditions, *held) for name in condition.names}
    contacts = LOOKBACK if CONTACTS_VARIABLE in names else _longest(span.contacts for span in spans)
    return Reach(
        channels=frozenset({channel}),
        kinds=kinds_of(listed, names),
        contacts=min(LOOKBACK, contacts),
        responses=min(LOOKBACK, _longest(span.responses for span in spans)),
        grace=_longest(span.grace for span in spans),
        purposes=frozenset(purpose for span in spans for purpose, asked_on in span.consents if asked_on == channel),
        sources=frozenset(source for span in spans for source in span.sources),
        latest=latest,
        pools=tuple(pool for pool in pools if not pool.channels or channel in pool.channels),
    )


def kinds_of(rules: Iterable[Rule], names: Iterable[str]) -> frozenset[FactKind]:
    """The kinds that these rules, and conditions of these names, look at.

    A place is always one: it gives the candidates. Whatever is claimed of the customer may follow from her own events:
    whether she is known, when something last happened to her, and what is derived from it.
    """
    found = {FactKind.PLACES}
    for rule in rules:
        found.update(_KINDS[fact] for fact in rule.reads if fact not in _OF_NO_KIND)
        if rule.span.asks_if_known:
            found.add(FactKind.EVENTS)
    for name in names:
        if name.startswith(CUSTOMER):
            found.add(FactKind.EVENTS)
        elif name in _ABOUT_INCIDENTS:
            found.add(FactKind.INCIDENTS)
        elif name.startswith(SITUATION) and name not in _ABOUT_PLACES and name != CONTACTS_VARIABLE:
            return EVERY_KIND
    return frozenset(found)


def _longest(times: Iterable[timedelta]) -> timedelta:
    return max(times, default=timedelta(0))
