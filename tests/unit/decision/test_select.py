"""Slots, and what happens to them when other contacts came before the commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.decision.arbitrate import Score, ScoreSource
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.registry import Cap, Policies
from service.decision.decide import Decision, revise
from service.decision.facts import Contact, Situation
from service.decision.journey import JourneyKind
from service.decision.select import contact_of
from service.decision.verdict import ReasonKind
from tests.builders import (
    CHANNELS,
    COMPILER,
    NOW,
    Catalogue,
    Entry,
    catalogue,
    contact,
    decide,
    facts,
    journey,
    settled,
)

DAY = timedelta(days=1)
PROMOTIONAL, SERVICE = JourneyKind.PROMOTIONAL, JourneyKind.SERVICE
WEEK = Cap(at_most=1, per=7 * DAY)


def pressed(at_most: int, *kinds: JourneyKind) -> Policies:
    """A limit over all journeys of these kinds, a week long; incidents forbid nothing."""
    cap = PressureCap(cap_id="week", kinds=frozenset(kinds), channels=frozenset(CHANNELS), at_most=at_most, per=7 * DAY)
    return Policies(incident_default=frozenset(JourneyKind), incident_classes={}, pressure=(cap,))


def promotions(*names: str, at_most: int) -> Catalogue:
    """Promotional journeys under one limit, and one of service beside it, best first."""
    offered = [Entry(journey=journey(name, kind=PROMOTIONAL, tier=n)) for n, name in enumerate(names, start=1)]
    help_ = Entry(journey=journey("help", kind=SERVICE, tier=9))
    return catalogue(*offered, help_, policies=pressed(at_most, PROMOTIONAL))


def ranked(decision: Decision) -> list[str]:
    return [p.journey_id for p in decision.picks]


def denied(decision: Decision) -> dict[str, list[str]]:
    return {r.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected}


def test_slots_are_filled_in_order_until_the_limit_and_the_rest_stays_eligible() -> None:
    decision = decide(promotions("a", "b", "c", at_most=9).plan, facts(), limit=2)
    assert ranked(decision) == ["a", "b"]
    assert [p.rank for p in decision.picks] == [1, 2]
    assert [s.journey_id for s in decision.selection.eligible] == ["c", "help"]
    assert denied(decision) == {}


def test_a_pick_uses_up_a_limit_for_the_slots_after_it_but_not_for_what_the_limit_does_not_count() -> None:
    decision = decide(promotions("a", "b", "c", at_most=1).plan, facts())
    assert ranked(decision) == ["a", "help"]
    assert denied(decision) == {"b": ["PRESSURE_CAP"], "c": ["PRESSURE_CAP"]}
    assert {r.params["contacts"] for rejected in decision.rejected for r in rejected.reasons} == {1}


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [(0, ["a", "b", "help"]), (1, ["a", "help"]), (2, ["help"]), (3, ["help"])],
)
def test_earlier_contacts_and_picks_are_counted_together(earlier: int, expected: list[str]) -> None:
    situation = Situation(contacts=(contact("x", at=NOW - DAY),) * earlier)
    decision = decide(promotions("a", "b", "c", at_most=2).plan, facts(situation=situation))
    assert ranked(decision) == expected


def test_a_pick_counts_as_what_its_action_is() -> None:
    """A reservation of an offer in a service journey is a promotional contact."""
    made = promotions("a", at_most=1)
    picked = decide(made.plan, facts(channel="email")).picks[0]
    reserved = contact_of(picked.scored, facts(channel="email"), CHANNELS["email"], "this")
    assert reserved == Contact(
        decision_id="this",
        journey_id="a",
        kind=PROMOTIONAL,
        channel="email",
        at=NOW,
        counts_until=None,
        reserved_until=NOW + DAY,
    )


def test_a_reservation_is_given_back_where_the_channel_says_so() -> None:
    picked = decide(promotions("a", at_most=1).plan, facts()).picks[0]
    reserved = contact_of(picked.scored, facts(), CHANNELS["web"], "this")
    assert reserved.counts_until == NOW + timedelta(minutes=15)


def test_an_audience_that_counts_contacts_sees_the_picks_before_it() -> None:
    quiet = COMPILER.compile("situation.contacts < 1")
    offered = (Entry(journey=journey(name), audience=quiet) for name in "ab")
    decision = decide(catalogue(*offered).plan, facts())
    assert ranked(decision) == ["a"]
    assert denied(decision) == {"b": ["AUDIENCE"]}
    assert decision.rejected[0].reasons[0].params["situation.contacts"] == 1


def test_what_another_decision_took_meanwhile_is_dropped_and_the_slot_goes_to_the_next() -> None:
    made = catalogue(
        Entry(journey=journey("a"), contact=WEEK), Entry(journey=journey("b")), Entry(journey=journey("c"))
    )
    before = decide(made.plan, facts(), limit=2)
    after = revise(before, settled(contact("a", at=NOW)))
    assert ranked(before) == ["a", "b"]
    assert ranked(after) == ["b", "c"]
    assert denied(after) == {"a": ["TAKEN_MEANWHILE", "CONTACT_CAP"]}
    assert after.selection.taken == ("a",)
    assert after.rejected[0].reasons[0].kind is ReasonKind.TAKEN
    assert [p.rank for p in after.picks] == [1, 2]


def test_what_was_taken_is_free_again_when_its_cap_is() -> None:
    made = catalogue(Entry(journey=journey("a"), contact=WEEK))
    after = revise(decide(made.plan, facts()), settled(contact("a", at=NOW - DAY)))
    assert after.eligible_after(after.rejected[0]) == NOW + 6 * DAY


def test_what_had_no_slot_before_is_rejected_plainly() -> None:
    made = catalogue(Entry(journey=journey("a")), Entry(journey=journey("b"), contact=WEEK))
    after = revise(decide(made.plan, facts(), limit=1), settled(contact("b", at=NOW)))
    assert ranked(after) == ["a"]
    assert denied(after) == {"b": ["CONTACT_CAP"]}
    assert after.selection.taken == ()


def test_a_shared_limit_that_was_partly_taken_drops_the_pick_that_no_longer_fits() -> None:
    """Two fitted; one unit went elsewhere, so the better one keeps its slot and the other was taken meanwhile."""
    before = decide(promotions("a", "b", at_most=2).plan, facts())
    after = revise(before, settled(contact("x", at=NOW)))
    assert ranked(before) == ["a", "b", "help"]
    assert ranked(after) == ["a", "help"]
    assert denied(after) == {"b": ["TAKEN_MEANWHILE", "PRESSURE_CAP"]}
    assert after.selection.taken == ("b",)


def test_an_audience_that_counts_contacts_is_checked_again_at_commit() -> None:
    made = catalogue(Entry(journey=journey("a"), audience=COMPILER.compile("situation.contacts < 1")))
    after = revise(decide(made.plan, facts()), settled(contact("x", at=NOW)))
    assert denied(after) == {"a": ["TAKEN_MEANWHILE", "AUDIENCE"]}


def test_a_second_revision_counts_from_the_decision_not_from_the_first() -> None:
    """As replay does, which knows of the last one alone."""
    made = catalogue(Entry(journey=journey("a"), contact=WEEK), Entry(journey=journey("b"), contact=WEEK))
    decision = decide(made.plan, facts())
    twice = revise(revise(decision, settled(contact("a", at=NOW))), settled(contact("a", at=NOW), contact("b", at=NOW)))
    assert twice.selection.taken == ("a", "b")


def test_at_commit_the_scores_still_decide_the_order() -> None:
    made = catalogue(*(Entry(journey=journey(name), contact=WEEK) for name in "abc"))
    scores = {n: Score(p_outcome=p, source=ScoreSource.MODEL) for n, p in (("a", 0.1), ("b", 0.9), ("c", 0.5))}
    before = decide(made.plan, facts(), limit=1, scores=scores)
    assert ranked(before) == ["b"]
    assert ranked(revise(before, settled(contact("b", at=NOW)))) == ["c"]
