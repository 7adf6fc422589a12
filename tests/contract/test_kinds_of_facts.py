"""P1 with a version for each kind of fact: what a plan looks at moves its decisions, whoever tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.decision.constraints.consent_missing import ServiceWithdrawn
from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.constraints.registry import Policies
from service.decision.constraints.unknown import OnUnknown, WhenUnknown
from service.decision.facts import FactKind
from service.decision.journey import JourneyKind
from service.decision.plan import ContextWeight, Lifetime, Plan, ToneChoice
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, OutcomeType
from service.state.port import Committed, FactsMoved
from tests.builders import COMPILER, NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import (
    ATTENTIVE,
    MINUTE,
    WEEK,
    accepted,
    codes,
    committed,
    event,
    opened,
    outcome,
    picked,
    propose,
    undecided_of,
)

INCIDENTS, CONSENTS, PLACES, EVENTS, OUTCOMES = FactKind
ALL_KINDS = Policies(incident_default=frozenset(JourneyKind), incident_classes={})
"""No incident forbids anything."""
NEWS = Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL))
PLAIN = Entry(journey=journey("plain"))
ROWS: Sequence[tuple[KnownEvent | Outcome, frozenset[FactKind]]] = [
    (opened("m"), frozenset({INCIDENTS})),
    (event("m", "incident.resolved", incident_id="i9"), frozenset({INCIDENTS})),
    (event("m", "consent.granted", purpose="marketing", channel="email"), frozenset({CONSENTS})),
    (event("m", "consent.withdrawn"), frozenset({CONSENTS})),
    (event("m", "journey.entered", journey_id="other", stage="need"), frozenset({PLACES})),
    (event("m", "journey.exited", journey_id="other"), frozenset({PLACES})),
    (event("m", "purchase", amount=1.0), frozenset({EVENTS})),
    (event("m", "card.seen"), frozenset({EVENTS})),
    (event("m", "claim.opened", incident_id="i9"), frozenset({INCIDENTS, EVENTS})),
    (event("m", "claim.closed", incident_id="i9"), frozenset({INCIDENTS})),
    (outcome("m", OutcomeType.ENGAGED, decision_id="d0"), frozenset({OUTCOMES})),
    (outcome("m", OutcomeType.NOT_PRESENTED, decision_id="d0"), frozenset({OUTCOMES})),
    (outcome("m", OutcomeType.PRESENTED, decision_id="d0"), frozenset({OUTCOMES, PLACES})),
]


HER_OWN = {row.type for row, kinds in ROWS if isinstance(row, KnownEvent) and EVENTS in kinds}


def plan_of(*offered: Entry, policies: Policies = ALL_KINDS, hears_consents: bool = False) -> Plan:
    """Without the rule that a channel may be withdrawn as a whole, unless `hears_consents`."""
    plan = catalogue(*offered, policies=policies).plan
    withdrawals = {i for i, rule in enumerate(plan.rules) if isinstance(rule, ServiceWithdrawn)}
    if hears_consents or not withdrawals:
        return plan
    kept = [i for i in range(len(plan.rules)) if i not in withdrawals]
    places = {old: new for new, old in enumerate(kept)}
    journeys = {
        channel: tuple(
            replace(
                one,
                by_stage={
                    stage: tuple(replace(c, rules=frozenset(places[r] for r in c.rules - withdrawals)) for c in listed)
                    for stage, listed in one.by_stage.items()
                },
                elsewhere=tuple(
                    replace(c, rules=frozenset(places[r] for r in c.rules - withdrawals)) for c in one.elsewhere
                ),
            )
            for one in listed_on
        )
        for channel, listed_on in plan.journeys.items()
    }
    return replace(plan, rules=tuple(plan.rules[i] for i in kept), journeys=journeys)


def cooling(journey_id: str = "news", *, ignored: IgnoredRest | None = None) -> Cooldown:
    rests = (Rest(response="REJECTED", rests=WEEK),)
    return Cooldown(journeys=frozenset({journey_id}), rests=() if ignored else rests, ignored=ignored)


def when(text: str) -> Entry:
    return replace(NEWS, audience=COMPILER.compile(text))


LIKELY = COMPILER.compile("customer.spend > 1.0")
PLANS: Sequence[tuple[str, Plan, frozenset[FactKind]]] = [
    ("nothing-but-places", plan_of(NEWS), frozenset({PLACES})),
    ("withdrawals", plan_of(NEWS, hears_consents=True), frozenset({PLACES, CONSENTS})),
    ("consents", plan_of(replace(NEWS, purposes=("marketing",))), frozenset({PLACES, CONSENTS})),
    (
        "incidents",
        plan_of(NEWS, policies=Policies(incident_default=frozenset(), incident_classes={})),
        frozenset({PLACES, INCIDENTS}),
    ),
    ("incidents-in-a-condition", plan_of(when("!situation.has_open_incident")), frozenset({PLACES, INCIDENTS})),
    (
        "when-one-was-resolved",
        plan_of(when("situation.last_incident_resolved_at < now")),
        frozenset({PLACES, INCIDENTS}),
    ),
    ("stages-in-a-condition", plan_of(when("size(situation.stages) == 0")), frozenset({PLACES})),
    ("known-customers", plan_of(when("customer.is_known")), frozenset({PLACES, EVENTS})),
    ("a-feature", plan_of(when("customer.spend > 1.0")), frozenset({PLACES, EVENTS})),
    (
        "unknown-customers",
        plan_of(
            replace(when("context.basket > 1.0"), audience_on_unknown=OnUnknown(on_unknown_customer=WhenUnknown.ALLOW))
        ),
        frozenset({PLACES, EVENTS}),
    ),
    (
        "a-weight",
        plan_of(replace(NEWS, context_weights=(ContextWeight(when=LIKELY, weight=1.1),))),
        frozenset({PLACES, EVENTS}),
    ),
    ("a-tone", plan_of(replace(NEWS, tones=(ToneChoice(when=LIKELY, tone="warm"),))), frozenset({PLACES, EVENTS})),
    ("an-exit", plan_of(replace(NEWS, lifetime=Lifetime(exit_when=LIKELY))), frozenset({PLACES, EVENTS})),
    ("a-cooldown", plan_of(replace(NEWS, cooldown=cooling())), frozenset({PLACES, OUTCOMES})),
    (
        "ignored",
        plan_of(replace(NEWS, cooldown=cooling(ignored=IgnoredRest(times=2, window=WEEK, rests=WEEK)))),
        frozenset({PLACES, OUTCOMES}),
    ),
    ("of-another-journey", plan_of(NEWS, replace(PLAIN, cooldown=cooling("plain"))), frozenset({PLACES, OUTCOMES})),
    ("everything", ATTENTIVE, frozenset(FactKind)),
]


@pytest.mark.parametrize(("plan", "kinds"), [p[1:] for p in PLANS], ids=[p[0] for p in PLANS])
def test_a_plan_looks_at_the_kinds_that_its_rules_and_conditions_name(plan: Plan, kinds: frozenset[FactKind]) -> None:
    assert plan.reach_on("web").kinds == kinds


@pytest.mark.parametrize("plan", [p[1] for p in PLANS], ids=[p[0] for p in PLANS])
async def test_a_decision_is_moved_by_each_row_of_a_kind_that_its_plan_looks_at_and_by_no_other(
    state: Store, plan: Plan
) -> None:
    """She is known, and d0 was granted, before; each of the rows comes between one proposal and its commit."""
    for number, (row, kinds) in enumerate(ROWS):
        customer_id, first = f"c{number}", f"d{number}-0"
        await state.record_events([event(f"e{number}", "purchase", customer_id=customer_id, amount=1.0)], NOW)
        await committed(state, await propose(state, plan_of(NEWS), decision_id=first, customer_id=customer_id))
        decision = await propose(state, plan, decision_id=f"d{number}-1", customer_id=customer_id)
        if isinstance(row, Outcome):
            told = await state.record_outcomes([replace(row, outcome_id=f"o{number}", decision_id=first)], NOW)
        else:
            told = await state.record_events([replace(row, event_id=f"m{number}", customer_id=customer_id)], NOW)
        assert [result.status for result in told] == [accepted("").status]
        result = await state.commit(decision, None)
        assert isinstance(result, FactsMoved) == bool(kinds & plan.reach_on("web").kinds), (row, plan.reach_on("web"))


@pytest.mark.parametrize("row", [row for row, _ in ROWS if isinstance(row, KnownEvent)], ids=lambda row: row.type)
async def test_the_first_event_of_all_moves_whoever_asks_whether_the_customer_is_known(
    state: Store, row: KnownEvent
) -> None:
    for event_id, moved in (("m1", True), ("m2", row.type in HER_OWN)):
        decision = await propose(state, plan_of(when("!customer.is_known || true")), decision_id=event_id)
        await state.record_events([replace(row, event_id=event_id)], NOW)
        is_place = row.type.startswith("journey.")
        assert isinstance(await state.commit(decision, None), FactsMoved) == (moved or is_place)


async def test_two_services_with_two_catalogues_obey_what_the_other_was_told(
    state: Store, open_store: OpenStore
) -> None:
    """The one asks for consent and rests after a rejection, the other knows of neither; each takes rows for both."""
    careful = plan_of(replace(NEWS, purposes=("marketing",), cooldown=cooling()))
    heedless, other = plan_of(PLAIN), await open_store()
    await other.record_events([event("e1", "consent.granted", purpose="marketing", channel="web")], NOW)
    await committed(other, await propose(other, plan_of(NEWS), decision_id="d0"))
    for number, (tell, reasons) in enumerate(
        [
            (
                other.record_events([event("e2", "consent.withdrawn", NOW + MINUTE, purpose="marketing")], NOW),
                ["CONSENT_MISSING"],
            ),
            (
                other.record_outcomes([outcome("o1", OutcomeType.REJECTED, decision_id="d0")], NOW),
                ["CONSENT_MISSING", "COOLDOWN"],
            ),
        ]
    ):
        mine = await propose(state, careful, decision_id=f"mine-{number}")
        others = await propose(other, heedless, decision_id=f"others-{number}")
        await tell
        assert isinstance(await other.commit(others, None), Committed)
        assert await state.commit(mine, None) == FactsMoved()
        again = await committed(state, await propose(state, careful, decision_id=f"mine-{number}"))
        assert sorted(codes(again)["news"]) == reasons


async def test_what_a_decision_of_one_catalogue_ends_moves_those_of_the_other(
    state: Store, open_store: OpenStore
) -> None:
    """The other catalogue has no `news`, so that its decision ends the customer's place in it."""
    other = await open_store()
    await state.record_events([event("e1", "journey.entered", journey_id="news", stage="need")], NOW)
    mine = await propose(state, plan_of(NEWS), decision_id="mine")
    assert (await committed(other, await propose(other, plan_of(PLAIN), decision_id="others"))).ended
    assert await state.commit(mine, None) == FactsMoved()


async def test_within_its_transaction_a_decision_is_made_of_what_holds_there(
    state: Store, open_store: OpenStore
) -> None:
    other = await open_store()
    stale = await propose(state, ATTENTIVE, decision_id="d1")
    await other.record_events([opened()], NOW)
    assert await state.commit(stale, None) == FactsMoved()
    result = await state.decide_alone(undecided_of(ATTENTIVE, "d2"), None)
    assert isinstance(result, Committed)
    assert codes(result.decision) == {"news": ["INCIDENT_OPEN"]}
    await other.record_events([event("e2", "incident.resolved", NOW, incident_id="i1")], NOW)
    result = await state.decide_alone(undecided_of(ATTENTIVE, "d3"), None)
    assert isinstance(result, Committed)
    assert picked(result.decision) == ["news"]
