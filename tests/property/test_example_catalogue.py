"""P1 and P2 on the catalogue that is shipped: arbitrary features, scores, contexts, channels and contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from features.values import FeatureStatus
from service.catalogue.load import load
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import StateAtCommit, begin, revise
from service.decision.facts import Enrolment, Facts, OpenIncidents
from service.decision.journey import HELPING_KINDS, JourneyKind
from service.decision.variables import with_variables
from tests.builders import contact, decide, facts
from tests.example import EXAMPLE, SCHEMA, TERMS
from tests.property.twin import ids
from tests.strategies import (
    INSTANTS,
    LIMITS,
    MAYBE_INCIDENTS,
    NUMBERS,
    OPEN_INCIDENTS,
    consents,
    rows,
    situations,
)

LOADED = load(EXAMPLE, TERMS)
PLAN = LOADED.plan
JOURNEYS = {o.journey.journey_id: o.journey for offered in PLAN.journeys.values() for o in offered}
JOURNEY_IDS = sorted(JOURNEYS)
CONTEXT_VALUES = {str: st.sampled_from(["", "home"]), float: NUMBERS, int: st.integers(-9, 9), bool: st.booleans()}
CONTACTS = st.lists(
    st.builds(
        contact,
        journey_id=st.sampled_from(JOURNEY_IDS),
        kind=st.sampled_from(JourneyKind),
        channel=st.sampled_from(sorted(PLAN.channels)),
        at=INSTANTS,
    ),
    max_size=3,
).map(tuple)
SETTLED = st.builds(StateAtCommit, contacts=CONTACTS, uses=st.just({}))
ENROLMENTS = st.lists(st.sampled_from(JOURNEY_IDS), max_size=3).flatmap(
    lambda chosen: st.fixed_dictionaries(
        {
            one: st.builds(
                Enrolment,
                journey_id=st.just(one),
                stage=st.sampled_from([s.stage for s in JOURNEYS[one].stages]),
                since=INSTANTS,
            )
            for one in chosen
        }
    )
)
SCORES = st.lists(NUMBERS, min_size=3, max_size=7).map(
    lambda drawn: {
        journey_id: Score(p_outcome=drawn[i % len(drawn)], source=ScoreSource.MODEL)
        for i, journey_id in enumerate(JOURNEY_IDS)
    }
)


def known(incidents: st.SearchStrategy[OpenIncidents]) -> st.SearchStrategy[Facts]:
    given_by_customer = consents(LOADED.document.policies.purposes, tuple(PLAN.channels))
    return st.builds(
        facts,
        channel=st.sampled_from(sorted(PLAN.channels)),
        situation=situations(incidents, given_by_customer, contacts=CONTACTS, enrolments=ENROLMENTS),
        features=rows(SCHEMA),
        context=st.fixed_dictionaries({}, optional={n: CONTEXT_VALUES[t] for n, t in PLAN.context_types.items()}),
        placement=st.sampled_from([None, "home", "cart"]),
        is_known=st.sampled_from([True, False, None]),
    )


KNOWN = known(MAYBE_INCIDENTS)


@given(known(OPEN_INCIDENTS), SCORES, LIMITS, SETTLED)
def test_an_open_incident_leaves_only_service_and_resolution_and_no_offer(
    customer: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit
) -> None:
    """Any class of incident, alone or among others, and nothing else decides: not the stage, not the consents."""
    decision = decide(PLAN, customer, limit=limit, scores=scores)
    for answer in (decision, revise(decision, newer)):
        for candidate in (s.candidate for s in (*(p.scored for p in answer.picks), *answer.selection.eligible)):
            assert candidate.journey.kind in HELPING_KINDS
            assert not candidate.action.is_offer


@given(known(OPEN_INCIDENTS), SCORES)
def test_an_open_incident_puts_the_apology_first_unless_the_customer_wants_no_service(
    customer: Facts, scores: Mapping[str, Score]
) -> None:
    """No score and no fact that is missing delays it: tier 1 comes first, and its only audience is the incident."""
    assume(not customer.situation.kills)
    decision = decide(PLAN, customer, limit=1, scores=scores)
    refused = customer.situation.consents.withdrawal("service", customer.channel)
    granted = customer.situation.consents.granted_at.get(("service", customer.channel))
    if refused is not None and (granted is None or granted <= refused):
        assert "complaint-apology" in {r.journey_id for r in decision.rejected}
    else:
        assert [p.candidate.journey.tier for p in decision.picks] == [1]
        assert "complaint-apology" in {c.journey_id for c in decision.draft.survivors}


@given(KNOWN, st.data())
def test_features_that_cannot_be_reached_never_add_a_journey(customer: Facts, data: st.DataObject) -> None:
    """The example declares what to do about some that are missing or stale; nothing may be declared about these."""
    names = sorted(customer.features)
    lost = data.draw(st.sets(st.sampled_from(names))) if names else set()
    unread = FeatureStatus.UNAVAILABLE
    left = {n: replace(f, status=unread) if n in lost else f for n, f in customer.features.items()}
    assert _allowed(with_variables(replace(customer, features=left))) <= _allowed(customer)


@given(KNOWN, st.sampled_from(["incidents", "consents", "context", "is_known"]))
def test_losing_any_other_fact_never_adds_a_journey(customer: Facts, what: str) -> None:
    situation = customer.situation
    unread = FeatureStatus.UNAVAILABLE
    without = {
        "incidents": replace(customer, situation=replace(situation, incidents=OpenIncidents(status=unread))),
        "consents": replace(
            customer, situation=replace(situation, consents=replace(situation.consents, status=unread))
        ),
        "context": replace(customer, context={}),
        "is_known": replace(customer, is_known=None),
    }
    assert _allowed(with_variables(without[what])) <= _allowed(customer)


def _allowed(customer: Facts) -> set[str]:
    return ids(begin(PLAN, customer).survivors)
