"""Decisions are found again by id and by request, and their records replay to the identical output (P8)."""

from __future__ import annotations

import math
from datetime import timedelta

from features.values import FeatureStatus
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown, Rest
from service.decision.constraints.feed import Feed
from service.decision.constraints.registry import Policies
from service.decision.decide import DecisionTerms, Degradation, begin, conclude
from service.decision.journey import JourneyKind
from service.decision.record import canonical, output, replay, to_document
from service.decision.reports.rows import OutcomeType
from service.decision.windows import RollingWindow
from service.state.port import ContactState, StoredDecision
from tests.builders import HELPING, NOW, Entry, catalogue, facts, feature, journey, scores_of
from tests.contract.adapters import Store
from tests.contract.rows import (
    KEY,
    ONE_A_WEEK,
    WEEK,
    committed,
    event,
    opened,
    outcome,
    propose,
    ranked,
)

MINUTES_15 = timedelta(minutes=15)


async def read_back(state: Store, decision_id: str = "d1") -> StoredDecision:
    stored = await state.decision(decision_id, NOW)
    assert stored is not None
    return stored


WAITING = Policies(
    incident_default=HELPING,
    incident_classes={},
    incident_grace=timedelta(days=1),
    incident_feed=Feed(source="tests", max_age=timedelta(days=1)),
)
COOLDOWN = Cooldown(journeys=frozenset({"news"}), rests=(Rest(response="REJECTED", rests=WEEK),), ignored=None)


async def test_a_decision_is_found_by_its_id(state: Store) -> None:
    decision = await ranked(state)
    assert await read_back(state) == StoredDecision(
        decision_id="d1",
        customer_id="1",
        valid_until=NOW + MINUTES_15,
        request_fingerprint="",
        record=to_document(decision),
        contact_states={"news": ContactState.RESERVED},
    )


async def test_a_decision_is_found_by_its_request(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    found = await state.decision_of_request("1", KEY.request_id, NOW)
    assert found == await read_back(state)
    assert found.request_fingerprint == KEY.fingerprint


async def test_what_was_never_decided_is_not_found(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    assert await state.decision("d2", NOW) is None
    assert await state.decision("D1", NOW) is None
    assert await state.decision_of_request("1", "r2", NOW) is None
    assert await state.decision_of_request("2", KEY.request_id, NOW) is None


async def test_a_record_read_back_replays_to_the_identical_output(state: Store) -> None:
    """With everything a situation can hold."""
    pool = Pool(pool_id="capacity:news", limit=5, window=RollingWindow(per=WEEK), journeys=frozenset({"news"}))
    offered = [
        Entry(journey=journey("news"), capacity=pool, cooldown=COOLDOWN),
        Entry(journey=journey("plain", tier=2)),
        Entry(journey=journey("offer", tier=3, kind=JourneyKind.PROMOTIONAL), purposes=("marketing",)),
    ]
    plan = catalogue(*offered, policies=WAITING).plan
    await committed(state, await propose(state, plan, decision_id="d0", channel="email"))
    await state.record_outcomes([outcome("o1", OutcomeType.CONVERTED, decision_id="d0", value=0.1)], NOW)
    await state.kill("other", "ñ", NOW)
    await state.record_events(
        [
            opened("e1", class_="delivery", severity="high"),
            event("e2", "incident.resolved", incident_id="i2"),
            event("e3", "consent.granted", purpose="marketing", channel="web"),
            event("e4", "consent.withdrawn", channel="email"),
            event("e5", "journey.entered", journey_id="plain", stage="need"),
            event("e6", "purchase", NOW - WEEK, amount=9.99),
            event("e7", "feed.heartbeat", customer_id=""),
        ],
        NOW,
    )
    decision = await committed(state, await propose(state, plan, limit=2))
    found = decision.facts_as_read.situation
    assert all((found.contacts, found.responses, found.enrolments, found.kills, found.uses, found.feeds))
    assert all((found.incidents.known, found.incidents.resolved, found.kills_version, found.versions))
    stored = await read_back(state)
    again = replay(plan, stored.record["input"])
    assert canonical(output(again)) == canonical(stored.record["output"])
    assert canonical(to_document(again)) == canonical(to_document(decision))
    assert again.facts_as_read.situation == found


async def test_a_revised_decision_replays_with_the_contacts_it_was_settled_over(state: Store) -> None:
    first, second = await propose(state, decision_id="d1"), await propose(state, decision_id="d2")
    await committed(state, first)
    await committed(state, second)
    stored = await read_back(state, "d2")
    again = replay(ONE_A_WEEK, stored.record["input"])
    assert canonical(output(again)) == canonical(stored.record["output"])
    assert again.selection.taken == ("news",)


async def test_features_of_every_status_and_numbers_that_are_not_finite_survive_the_store(state: Store) -> None:
    known = facts(
        features=[
            feature("spend", math.nan),
            feature("visits", 2**63 - 1),
            feature("segment", 'ñ "é" \u2028 \x00', FeatureStatus.STALE),
            feature("seen_at", NOW - timedelta(microseconds=1)),
            feature("absent", None, FeatureStatus.NOT_FOUND),
        ],
        context={"basket": -0.0},
        placement="home",
    )
    terms = DecisionTerms(
        decision_id="d1",
        limit=1,
        seed=2**63,
        model_version="9f2a",
        degraded=(Degradation(what="features.behaviour", status=FeatureStatus.STALE, effect="CONDITIONS_UNKNOWN"),),
    )
    decision = conclude(begin(ONE_A_WEEK, known), scores_of(ONE_A_WEEK, math.inf), terms)
    await committed(state, decision)
    again = replay(ONE_A_WEEK, (await read_back(state)).record["input"])
    before, after = decision.facts.features, again.facts.features
    assert {name: repr(value) for name, value in after.items()} == {name: repr(v) for name, v in before.items()}
    assert repr(again.facts.context) == repr(decision.facts.context)
    assert (again.terms, repr(again.scores)) == (terms, repr(decision.scores))


async def test_a_catalogue_is_kept_under_its_version_as_it_was_first_given(state: Store) -> None:
    await state.keep_catalogue("v1", '{"policies": "ñ"}')
    await state.keep_catalogue("v1", "something else")
    await state.keep_catalogue("v2", "")
    assert await state.catalogue("v1") == '{"policies": "ñ"}'
    assert await state.catalogue("v2") == ""
    assert await state.catalogue("v3") is None
    assert await state.catalogues() == ['{"policies": "ñ"}', ""]
