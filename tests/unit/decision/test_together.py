"""NEVER_WITH, NEVER_AFTER, IN_FLIGHT, CAPACITY and BUDGET: what other journeys and other customers leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.decision.constraints.capacity import Pool, PoolLimit
from service.decision.constraints.never import NeverAfter, NeverWith
from service.decision.constraints.registry import Policies
from service.decision.facts import Contact, Enrolment, Situation, Use
from service.decision.journey import JourneyKind, Stage, StagePlan
from service.decision.windows import RollingWindow
from tests.builders import NOW, Catalogue, Entry, action, catalogue, contact, decide, evaluation, facts, journey
from tests.variants import in_flight

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
LOYALTY = JourneyKind.LOYALTY
FREE = Policies(incident_default=frozenset(JourneyKind), incident_classes={})


def enrolled(journey_id: str, ends_at: datetime | None = None, since: datetime = NOW - DAY) -> dict[str, Enrolment]:
    return {journey_id: Enrolment(journey_id=journey_id, stage=Stage.NEED, since=since, ends_at=ends_at)}


@pytest.mark.parametrize(
    ("enrolments", "contacts", "expected"),
    [
        ({}, (), None),
        (enrolled("b"), (), ("enrolled", None)),
        (enrolled("b", NOW + DAY), (), ("enrolled", NOW + DAY)),
        ({}, (contact("b", reserved_until=NOW + HOUR),), ("reserved", NOW + HOUR)),
        ({}, (contact("b", reserved_until=NOW),), None),
        ({}, (contact("b", reserved_until=NOW + HOUR, is_presented=True),), None),
        (enrolled("b", NOW + HOUR), (contact("b", reserved_until=NOW + DAY),), ("enrolled", NOW + DAY)),
        (enrolled("c"), (contact("c", reserved_until=NOW + HOUR),), None),
    ],
)
def test_a_journey_is_never_with_another_that_is_under_way_or_reserved(
    enrolments: Mapping[str, Enrolment], contacts: tuple[Contact, ...], expected: tuple[str, datetime | None] | None
) -> None:
    known = facts(situation=Situation(enrolments=enrolments, contacts=contacts))
    reason = NeverWith(other="b").check(evaluation(known))
    assert (None if reason is None else (reason.params["state"], reason.eligible_after)) == expected


def test_the_first_pick_excludes_its_opposite_from_the_same_answer() -> None:
    made = catalogue(Entry(journey=journey("a")), Entry(journey=journey("b"), never_with=("a",)), policies=FREE)
    decision = decide(made.plan, facts())
    assert ranked(made) == ["a"]
    assert [[r.code for r in rejected.reasons] for rejected in decision.rejected] == [["NEVER_WITH"]]


@pytest.mark.parametrize(
    ("contacts", "left"),
    [
        ((contact("b", at=NOW - 7 * DAY, is_presented=True),), None),
        ((contact("b", at=NOW - 7 * DAY + SECOND, is_presented=True),), SECOND),
        (
            (contact("b", at=NOW - 6 * DAY, is_presented=True), contact("b", at=NOW - 2 * DAY, is_presented=True)),
            5 * DAY,
        ),
        ((contact("b", at=NOW - DAY),), None),
        ((contact("c", at=NOW - DAY, is_presented=True),), None),
    ],
)
def test_a_journey_does_not_follow_another_too_soon(contacts: tuple[Contact, ...], left: timedelta | None) -> None:
    reason = NeverAfter(other="b", within=7 * DAY).check(evaluation(facts(situation=Situation(contacts=contacts))))
    assert (None if reason is None else reason.eligible_after) == (None if left is None else NOW + left)


def loyalty(at_most: int, *offered: tuple[str, int, bool]) -> Catalogue:
    """Journeys given as (id, tier, is switchable), of which so many may be under way at once."""
    made = tuple(
        Entry(journey=journey(name, kind=LOYALTY, tier=tier), is_switchable=is_switchable)
        for name, tier, is_switchable in offered
    )
    return catalogue(*made, policies=in_flight(FREE, {LOYALTY: at_most}, *made))


def ranked(made: Catalogue, *enrolments: Mapping[str, Enrolment], contacts: tuple[Contact, ...] = ()) -> list[str]:
    merged = {j: e for one in enrolments for j, e in one.items()}
    decision = decide(made.plan, facts(situation=Situation(enrolments=merged, contacts=contacts)))
    return [p.journey_id for p in decision.picks]


@pytest.mark.parametrize(
    ("at_most", "offered", "under_way", "expected"),
    [
        (1, [("a", 1, False), ("b", 1, False)], [], ["a"]),
        (2, [("a", 1, False), ("b", 1, False)], [], ["a", "b"]),
        (1, [("a", 1, False), ("b", 1, False)], ["b"], ["b"]),
        # a switchable one gives way, and so does one of a larger tier number; then it is not shown itself
        (1, [("a", 1, False), ("b", 1, True)], ["b"], ["a"]),
        (1, [("a", 1, False), ("b", 2, False)], ["b"], ["a"]),
        (1, [("a", 2, False), ("b", 1, False)], ["b"], ["b"]),
        # one place to give, two that would take it: the second has none
        (1, [("a", 1, False), ("b", 1, False), ("c", 2, True)], ["c"], ["a"]),
        (2, [("a", 1, False), ("b", 1, False), ("c", 1, False), ("d", 2, True)], ["c", "d"], ["a", "c"]),
        # more under way than allowed, as events may have it: who is in goes on, nobody enters
        (1, [("a", 2, False), ("b", 2, False), ("c", 2, False)], ["b", "c"], ["b", "c"]),
    ],
)
def test_never_more_of_a_kind_at_once_than_allowed(
    at_most: int, offered: list[tuple[str, int, bool]], under_way: list[str], expected: list[str]
) -> None:
    assert ranked(loyalty(at_most, *offered), *map(enrolled, under_way)) == expected


def test_a_reservation_takes_a_place_until_it_ends_and_never_gives_way() -> None:
    made = loyalty(1, ("a", 1, False), ("b", 2, True))
    reserved = (contact("b", kind=LOYALTY, reserved_until=NOW + HOUR),)
    decision = decide(made.plan, facts(situation=Situation(contacts=reserved)))
    (rejected,) = decision.rejected
    assert [(r.code, r.eligible_after) for r in rejected.reasons] == [("IN_FLIGHT", NOW + HOUR)]


def test_the_end_is_told_when_a_reservation_ends_and_what_remains_gives_way() -> None:
    """One place: b is under way and gives way, c is reserved for an hour."""
    made = loyalty(1, ("a", 1, False), ("b", 2, True), ("c", 1, False))
    contacts = (contact("c", kind=LOYALTY, reserved_until=NOW + HOUR),)
    decision = decide(made.plan, facts(situation=Situation(enrolments=enrolled("b"), contacts=contacts)))
    ends = {r.journey_id: r.reasons[0].eligible_after for r in decision.draft.constrained.rejected}
    assert ends["a"] == NOW + HOUR


@pytest.mark.parametrize(("displaces", "expected"), [(("b",), ["a"]), ((), ["a", "b"])])
def test_what_a_reservation_ends_once_it_is_presented_is_not_shown_meanwhile(
    displaces: tuple[str, ...], expected: list[str]
) -> None:
    """More are under way than allowed: an event had her enter `a`, after it was reserved or before."""
    made = loyalty(1, ("a", 1, False), ("b", 1, False))
    reserved = (contact("a", kind=LOYALTY, reserved_until=NOW + HOUR, displaces=displaces),)
    assert ranked(made, enrolled("a"), enrolled("b"), contacts=reserved) == expected


CENTRE = Pool(pool_id="slots", limit=2.0, window=RollingWindow(per=DAY))


@pytest.mark.parametrize(
    ("uses", "needs", "expected"),
    [
        ((), 1.0, "allowed"),
        ((Use(ends_at=NOW + HOUR, amount=1.0),), 1.0, "allowed"),
        ((Use(ends_at=NOW + HOUR, amount=1.0), Use(ends_at=NOW + DAY, amount=1.0)), 1.0, NOW + HOUR),
        ((Use(ends_at=NOW + HOUR, amount=1.0), Use(ends_at=NOW + DAY, amount=2.0)), 1.0, NOW + DAY),
        ((Use(ends_at=NOW, amount=2.0),), 1.0, "allowed"),
        ((Use(ends_at=NOW + HOUR, amount=1.9),), 0.1, "allowed"),
        ((Use(ends_at=NOW + HOUR, amount=0.1),) * 19, 0.1, "allowed"),
        ((Use(ends_at=NOW + HOUR, amount=0.1),) * 20, 0.1, NOW + HOUR),
        ((), 2.5, None),
    ],
)
def test_a_pool_lends_what_is_left_and_tells_when_enough_is_back(
    uses: tuple[Use, ...], needs: float, expected: datetime | str | None
) -> None:
    rule = PoolLimit(pool=CENTRE, needs=needs, code="CAPACITY")
    reason = rule.check(evaluation(facts(situation=Situation(uses={"slots": uses}))))
    assert ("allowed" if reason is None else reason.eligible_after) == expected


def test_what_needs_more_than_a_pool_holds_is_denied_even_while_nothing_is_used() -> None:
    """The plan passes over the rules of an unused pool: not over this one."""
    budget = Pool(pool_id="budget", limit=1.0, window=RollingWindow(per=DAY), counts_cost=True)
    dear = journey("dear", stages=(StagePlan(stage=Stage.NEED, actions=(action(cost=2.0),)),))
    made = catalogue(
        Entry(journey=dear),
        policies=replace(FREE, budgets=(budget,)),
    )
    assert ranked(made) == []


def test_a_budget_unit_of_the_first_slot_is_gone_for_the_second() -> None:
    budget = Pool(pool_id="budget", limit=0.25, window=RollingWindow(per=DAY), counts_cost=True)
    stages = (StagePlan(stage=Stage.NEED, actions=(action(cost=0.1),)),)
    offered = (Entry(journey=journey(name, stages=stages)) for name in "abc")
    made = catalogue(*offered, policies=replace(FREE, budgets=(budget,)))
    assert ranked(made) == ["a", "b"]
