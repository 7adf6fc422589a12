"""Journeys that end: by themselves, found at a decision and kept with it, or for another that takes their place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.decision.constraints.in_flight import InFlightLimit, Member
from service.decision.constraints.registry import Policies
from service.decision.enrolments import EndedEnrolment, WhyEnded
from service.decision.facts import Enrolment, FactKind
from service.decision.journey import JourneyKind, Stage
from service.decision.plan import Lifetime, Plan
from service.decision.record import canonical, output, replay
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, OutcomeType
from service.state.port import FactsMoved
from tests.builders import COMPILER, NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import MINUTE, accepted, codes, committed, event, outcome, picked, propose, situation

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
PRESENTED = OutcomeType.PRESENTED


def lasting(lifetime: Lifetime) -> Plan:
    return catalogue(Entry(journey=journey("news"), lifetime=lifetime)).plan


TEN_DAYS = lasting(Lifetime(max_duration=10 * DAY))
UNTIL_TWO_CONTACTS = lasting(Lifetime(exit_when=COMPILER.compile("situation.contacts >= 2")))
WITHOUT_NEWS = catalogue(Entry(journey=journey("plain"))).plan


def switching(at_most: int, **members: Member) -> Plan:
    """Promotional journeys of these tiers, at most so many at once; `news` takes the place of others."""
    limit = InFlightLimit(kind=JourneyKind.PROMOTIONAL, at_most=at_most, members=members)
    policies = Policies(
        incident_default=frozenset(JourneyKind), incident_classes={}, in_flight={JourneyKind.PROMOTIONAL: limit}
    )
    offered = [
        Entry(journey=journey(journey_id, kind=JourneyKind.PROMOTIONAL, tier=member.tier))
        for journey_id, member in members.items()
    ]
    return catalogue(*offered, policies=policies).plan


FIRST, STAYS, GIVES_WAY = (
    Member(tier=1, is_switchable=False),
    Member(tier=1, is_switchable=False),
    Member(tier=2, is_switchable=True),
)
ONE_AT_ONCE = switching(1, news=FIRST, other=GIVES_WAY)


async def enter(state: Store, journey_id: str = "news", at: datetime = NOW, event_id: str = "e1") -> None:
    row = event(event_id, "journey.entered", at, journey_id=journey_id, stage="need")
    assert await state.record_events([row], at) == [accepted(event_id)]


async def enrolled(state: Store, now: datetime = NOW) -> dict[str, datetime]:
    """Since when, by journey."""
    return {j: e.since for j, e in (await situation(state, now=now)).enrolments.items()}


async def test_what_lasted_as_long_as_it_may_ends_with_the_decision_that_finds_it(state: Store) -> None:
    await enter(state)
    await committed(state, await propose(state, TEN_DAYS, now=NOW + 10 * DAY - INSTANT))
    assert await enrolled(state) == {"news": NOW}
    decision = await committed(state, await propose(state, TEN_DAYS, decision_id="d2", now=NOW + 11 * DAY))
    assert decision.ended == (EndedEnrolment(journey_id="news", why=WhyEnded.MAX_DURATION),)
    assert await enrolled(state) == {}


async def test_it_ends_when_its_time_was_over_so_that_what_came_since_entered_anew(state: Store) -> None:
    """Shown at 10 days, an instant after the end, and found at 12 days."""
    shown_at = NOW + 10 * DAY + INSTANT
    await committed(state, await propose(state, TEN_DAYS))
    await enter(state)
    await state.record_outcomes([outcome("o1", PRESENTED, shown_at)], shown_at)
    await committed(state, await propose(state, TEN_DAYS, decision_id="d2", now=NOW + 12 * DAY))
    assert await enrolled(state) == {"news": shown_at}


async def test_what_its_owner_ends_by_a_condition_ends_at_the_decision(state: Store) -> None:
    await enter(state)
    for i in range(3):
        await committed(state, await propose(state, UNTIL_TWO_CONTACTS, decision_id=f"d{i}", channel="email"))
    assert await enrolled(state) == {}
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + INSTANT, decision_id="d2")], NOW + INSTANT)
    assert await enrolled(state) == {"news": NOW + INSTANT}


async def test_what_left_the_catalogue_ends_and_does_not_come_back_with_it(state: Store) -> None:
    await enter(state)
    decision = await committed(state, await propose(state, WITHOUT_NEWS, now=NOW + DAY))
    assert decision.ended == (EndedEnrolment(journey_id="news", why=WhyEnded.NOT_IN_CATALOGUE),)
    assert await enrolled(state) == {}
    assert (await propose(state, TEN_DAYS, now=NOW + DAY)).ended == ()


async def test_an_end_moves_the_facts_of_the_others_but_not_of_the_decision_that_finds_it(state: Store) -> None:
    await enter(state)
    later = NOW + 11 * DAY
    first, second = [await propose(state, TEN_DAYS, decision_id=d, now=later) for d in ("d1", "d2")]
    assert await committed(state, first) is first
    assert await state.commit(second, None) == FactsMoved()
    again = await committed(state, await propose(state, TEN_DAYS, decision_id="d2", now=later))
    assert again.ended == ()
    assert (await situation(state, now=later)).versions[FactKind.PLACES] == 2


async def test_an_end_makes_nobody_known(state: Store) -> None:
    await committed(state, await propose(state, TEN_DAYS))
    await state.record_outcomes([outcome("o1", PRESENTED)], NOW)
    await committed(state, await propose(state, TEN_DAYS, decision_id="d2", now=NOW + 11 * DAY))
    assert not (await situation(state)).has_events


async def test_a_decision_that_ended_something_replays(state: Store) -> None:
    """With the enrolment that it read, and is no more."""
    await enter(state)
    await committed(state, await propose(state, TEN_DAYS, now=NOW + 11 * DAY))
    stored = await state.decision("d1", NOW)
    assert stored is not None
    again = replay(TEN_DAYS, stored.record["input"])
    assert again.facts_as_read.situation.enrolments["news"] == Enrolment(journey_id="news", stage=Stage.NEED, since=NOW)
    assert canonical(output(again)) == canonical(stored.record["output"])
    assert stored.record["output"]["ended"] == [["news", "MAX_DURATION"]]


async def test_a_journey_gives_way_only_when_the_other_is_presented_and_from_then_on(state: Store) -> None:
    await enter(state, "other")
    decision = await committed(state, await propose(state, ONE_AT_ONCE))
    assert (picked(decision), decision.displaced(decision.picks[0])) == (["news"], ("other",))
    assert await enrolled(state) == {"other": NOW}
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    assert await enrolled(state) == {"news": NOW + MINUTE}


async def test_what_was_not_presented_displaces_nothing(state: Store) -> None:
    await enter(state, "other")
    await committed(state, await propose(state, ONE_AT_ONCE))
    for i, type_ in enumerate([OutcomeType.NOT_PRESENTED, OutcomeType.ENGAGED]):
        await state.record_outcomes([outcome(f"o{i}", type_, NOW + MINUTE)], NOW + MINUTE)
    assert await enrolled(state) == {"other": NOW}


async def test_what_was_displaced_may_be_entered_again_later(state: Store) -> None:
    await enter(state, "other")
    await committed(state, await propose(state, ONE_AT_ONCE))
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    await enter(state, "other", NOW + 2 * MINUTE, "e2")
    assert await enrolled(state) == {"news": NOW + MINUTE, "other": NOW + 2 * MINUTE}


REPORTS: list[KnownEvent | Outcome] = [
    event("e1", "journey.entered", NOW + MINUTE, journey_id="other", stage="use"),
    event("e2", "journey.entered", NOW + 3 * MINUTE, journey_id="other", stage="use"),
    outcome("o1", PRESENTED, NOW + 2 * MINUTE),
    outcome("o2", PRESENTED, NOW + 4 * MINUTE),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_a_journey_gives_way_once_at_the_first_presentation_in_whatever_order_it_is_told(
    state: Store, order: Sequence[int]
) -> None:
    """Entered at 1 minute, displaced at 2, entered again at 3; that it was shown once more at 4 displaces nothing."""
    await enter(state, "other", NOW, "e0")
    await committed(state, await propose(state, ONE_AT_ONCE))
    for report in (REPORTS[i] for i in order):
        if isinstance(report, Outcome):
            await state.record_outcomes([report], NOW + 5 * MINUTE)
        else:
            await state.record_events([report], NOW + 5 * MINUTE)
    assert await enrolled(state) == {"news": NOW + 4 * MINUTE, "other": NOW + 3 * MINUTE}


async def test_each_pick_of_a_slate_takes_a_place_of_its_own(state: Store) -> None:
    """Two at once, both taken: `first` takes the place of the older, `news` behind it that of the other too."""
    plan = switching(2, first=FIRST, news=FIRST, older=GIVES_WAY, newer=GIVES_WAY)
    await enter(state, "older", NOW - DAY, "e1")
    await enter(state, "newer", NOW, "e2")
    decision = await committed(state, await propose(state, plan, limit=2))
    assert picked(decision) == ["first", "news"]
    rows = [outcome(f"o-{j}", PRESENTED, NOW + MINUTE, journey_id=j) for j in ("first", "news")]
    await state.record_outcomes(rows[:1], NOW + MINUTE)
    assert await enrolled(state) == {"first": NOW + MINUTE, "newer": NOW}
    await state.record_outcomes(rows[1:], NOW + MINUTE)
    assert await enrolled(state) == {"first": NOW + MINUTE, "news": NOW + MINUTE}


async def test_a_place_that_another_channel_reserved_meanwhile_is_taken(state: Store, open_store: OpenStore) -> None:
    other, plan = await open_store(), switching(1, news=FIRST, other=STAYS)
    without_other = replace(plan, journeys={c: offered[:1] for c, offered in plan.journeys.items()})
    without_news = replace(plan, journeys={c: offered[1:] for c, offered in plan.journeys.items()})
    first = await propose(state, without_other, decision_id="d1")
    second = await propose(other, without_news, decision_id="d2", channel="app")
    assert (picked(first), picked(second)) == (["news"], ["other"])
    await committed(state, first)
    assert codes(await committed(other, second)) == {"other": ["TAKEN_MEANWHILE", "IN_FLIGHT"]}


async def test_what_another_channel_reserved_meanwhile_keeps_away_what_never_goes_with_it(
    state: Store, open_store: OpenStore
) -> None:
    other = await open_store()
    plan = catalogue(
        Entry(journey=journey("news"), never_with=("plain",)),
        Entry(journey=journey("plain"), never_with=("news",)),
    ).plan
    without_news = replace(plan, journeys={c: offered[1:] for c, offered in plan.journeys.items()})
    first = await propose(state, plan, decision_id="d1")
    second = await propose(other, without_news, decision_id="d2", channel="app")
    assert (picked(first), picked(second)) == (["news"], ["plain"])
    await committed(state, first)
    assert codes(await committed(other, second)) == {"plain": ["TAKEN_MEANWHILE", "NEVER_WITH"]}
    assert codes(await propose(state, plan, limit=2, now=NOW + MINUTE)) == {"plain": ["NEVER_WITH"]}
    assert picked(await propose(state, without_news, now=NOW + 15 * MINUTE)) == ["plain"]
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    assert codes(await propose(state, without_news, now=NOW + 15 * MINUTE)) == {"plain": ["NEVER_WITH"]}
