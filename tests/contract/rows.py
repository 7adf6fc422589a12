"""Events, outcomes and decisions for the contract, with defaults: customer "1", the channel web, the clock at NOW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from features.company.document import EventTypeDocument, IncidentFromDocument
from features.values import FeatureValue, Scalar
from service.catalogue.terms import terms_of
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown, Rest
from service.decision.constraints.registry import Cap
from service.decision.decide import Decision, DecisionTerms, begin, conclude
from service.decision.facts import Contact, Situation
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.reach import Reach
from service.decision.reports.effects import KnownEvent, known_event
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType, RowResult, RowStatus
from service.state.port import Committed, DeferredDecision, RequestKey, StateReading
from tests.builders import COMPILER, NOW, SCHEMA, Entry, catalogue, facts, journey, scores_of
from tests.contract.adapters import Store

WEEK = timedelta(days=7)
HORIZON = timedelta(days=400)
EVENTS = terms_of(
    SCHEMA,
    {
        "purchase": EventTypeDocument(latest="last_purchase_at"),
        "card.renewed": EventTypeDocument(attributes={"fee": "double"}, latest="last_renewed_at"),
        "claim.opened": EventTypeDocument(opens_incident="claims", latest="last_claim_at"),
        "card.seen": EventTypeDocument(),
        "claim.closed": EventTypeDocument(resolves_incident="claims"),
        "case.opened": EventTypeDocument(
            opens_incident=IncidentFromDocument(class_from="area", id_from="case_id"),
        ),
    },
).events
"""The types of a company that declares some of its own."""
FAR = Reach(
    channels=frozenset({"web", "email", "app", "sms"}),
    contacts=HORIZON,
    responses=HORIZON,
    grace=HORIZON,
    purposes=frozenset({"marketing", "service", "surveys"}),
    sources=frozenset({"ticketing", "crm", "tests"}),
    latest=EVENTS.latest,
)
"""What a plan would look at that looks at everything these tests tell of."""
MINUTE = timedelta(minutes=1)
KEY = RequestKey(request_id="r1", fingerprint="abc")


def capped(at_most: int = 1, *, with_open_door: bool = False) -> Plan:
    """`news` with a cap a week; with the open door, also `plain`, without a cap and behind it."""
    news = journey("news", kind=JourneyKind.PROMOTIONAL)
    offered = [Entry(journey=news, contact=Cap(at_most=at_most, per=WEEK))]
    if with_open_door:
        offered.append(Entry(journey=journey("plain", tier=2)))
    return catalogue(*offered).plan


ONE_A_WEEK = capped()
ATTENTIVE = catalogue(
    Entry(
        journey=journey("news", kind=JourneyKind.PROMOTIONAL),
        audience=COMPILER.compile('customer.is_known || channel == "web"'),
        cooldown=Cooldown(
            journeys=frozenset({"news"}), rests=(Rest(response="REJECTED", rests=30 * timedelta(days=1)),), ignored=None
        ),
    )
).plan
"""Looks at every kind of facts."""


async def propose(
    state: Store,
    plan: Plan = ONE_A_WEEK,
    *,
    decision_id: str = "d1",
    customer_id: str = "1",
    channel: str = "web",
    now: datetime = NOW,
    limit: int = 1,
    features: Sequence[FeatureValue] = (),
) -> Decision:
    """A decision over what the store says now, not yet committed."""
    reading = await state.situation(customer_id, now, plan.reach_on(channel))
    return _decided(reading, plan, decision_id, customer_id, channel, now, limit, features)


def undecided_of(
    plan: Plan, decision_id: str, customer_id: str = "1", channel: str = "web", now: datetime = NOW, limit: int = 1
) -> DeferredDecision:
    """The same, to be decided by what the store says within the transaction that keeps it."""
    return DeferredDecision(
        decision_id=decision_id,
        customer_id=customer_id,
        decided_at=now,
        reach=plan.reach_on(channel),
        decide=lambda reading: _decided(reading, plan, decision_id, customer_id, channel, now, limit),
    )


def _decided(
    reading: StateReading,
    plan: Plan,
    decision_id: str,
    customer_id: str,
    channel: str,
    now: datetime,
    limit: int,
    features: Sequence[FeatureValue] = (),
) -> Decision:
    known = facts(channel=channel, now=now, situation=reading.situation, features=features)
    draft = begin(plan, replace(known, customer_id=customer_id))
    return conclude(draft, scores_of(plan), DecisionTerms(decision_id=decision_id, limit=limit))


async def committed(state: Store, decision: Decision, key: RequestKey | None = None) -> Decision:
    """The decision as it stands after its commit, which must succeed."""
    result = await state.commit(decision, key)
    assert isinstance(result, Committed)
    return result.decision


async def ranked(state: Store, plan: Plan = ONE_A_WEEK, *, decision_id: str = "d1", channel: str = "web") -> Decision:
    """A committed decision of customer 1 that ranks `news`."""
    decision = await committed(state, await propose(state, plan, decision_id=decision_id, channel=channel))
    assert "news" in picked(decision)
    return decision


def picked(decision: Decision) -> list[str]:
    return [p.journey_id for p in decision.picks]


def codes(decision: Decision) -> dict[str, list[str]]:
    """The reason codes of every rejected journey."""
    return {r.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected}


def event(event_id: str, type_: str, at: datetime = NOW, *, customer_id: str = "1", **attributes: Scalar) -> KnownEvent:
    """`class_` stands for the attribute `class`."""
    named = {name.rstrip("_"): value for name, value in attributes.items()}
    told = CustomerEvent(
        event_id=event_id, customer_id=customer_id, source="tests", type=type_, occurred_at=at, attributes=named
    )
    return known_event(told, EVENTS)


def heartbeat(event_id: str, source: str, at: datetime = NOW) -> KnownEvent:
    told = CustomerEvent(
        event_id=event_id, customer_id="", source=source, type="feed.heartbeat", occurred_at=at, attributes={}
    )
    return known_event(told, EVENTS)


def opened(event_id: str = "e1", at: datetime = NOW, *, incident_id: str = "i1", **attributes: str) -> KnownEvent:
    return event(event_id, "incident.opened", at, customer_id="1", incident_id=incident_id, **attributes)


def outcome(
    outcome_id: str,
    type_: OutcomeType,
    at: datetime = NOW,
    *,
    decision_id: str = "d1",
    journey_id: str = "news",
    value: float | None = None,
) -> Outcome:
    return Outcome(
        outcome_id=outcome_id, decision_id=decision_id, journey_id=journey_id, type=type_, value=value, occurred_at=at
    )


def accepted(row_id: str) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.ACCEPTED)


def duplicate(row_id: str) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.DUPLICATE)


def taken(outcome_id: str, decision_id: str = "d1", *, late: bool = False) -> RowResult:
    """Of an outcome that was accepted, and given to this decision."""
    return RowResult(row_id=outcome_id, status=RowStatus.ACCEPTED, late=late, decision_id=decision_id)


def taken_before(outcome_id: str, decision_id: str = "d1") -> RowResult:
    """Of one that was sent again."""
    return RowResult(row_id=outcome_id, status=RowStatus.DUPLICATE, decision_id=decision_id)


def rejected(row_id: str, field: str, code: str) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=field, code=code)


async def situation(state: Store, customer_id: str = "1", now: datetime = NOW, pools: Sequence[Pool] = ()) -> Situation:
    return (await state.situation(customer_id, now, replace(FAR, pools=tuple(pools)))).situation


async def contacts(state: Store, now: datetime = NOW, customer_id: str = "1") -> tuple[Contact, ...]:
    return (await situation(state, customer_id, now)).contacts
