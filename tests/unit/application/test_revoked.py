"""P7: a reservation that present facts deny is revoked; what its own decision reserved is no such fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.application.errors import DecisionRevoked
from service.application.question import Question
from service.decision.constraints.capacity import Pool
from service.decision.constraints.in_flight import InFlightLimit, Member
from service.decision.constraints.registry import Policies
from service.decision.decide import Decision
from service.decision.journey import JourneyKind, Stage, StagePlan
from service.decision.plan import Lifetime
from service.decision.reports.rows import OutcomeType
from service.decision.windows import CalendarWindow, Period, RollingWindow, Window
from tests.builders import NOW, Entry, action, journey
from tests.contract.rows import MINUTE, WEEK, event, outcome, picked
from tests.unit.application.house import ASK, House, text

DAY = timedelta(days=1)
ALL_KINDS = Policies(incident_default=frozenset(JourneyKind), incident_classes={})
BOTH = replace(ASK, limit=2)
SOMEBODY = replace(ASK, customer_id="2")
PROMOTIONAL = JourneyKind.PROMOTIONAL
A_WEEK = RollingWindow(per=WEEK)
A_MONTH = CalendarWindow(period=Period.MONTH, zone=ZoneInfo("America/New_York"))
BY_EMAIL = replace(ASK, channel="email")


async def assert_stands(house: House, first: Decision, question: Question = ASK) -> None:
    assert text(await house.decide(question)) == text(first)
    assert (await house.decider.replayed(first.terms.decision_id, is_full=False)).revoked == frozenset()


async def assert_revoked(house: House, decision_id: str, *journey_ids: str, question: Question = ASK) -> None:
    with pytest.raises(DecisionRevoked):
        await house.decide(question)
    assert (await house.decider.replayed(decision_id, is_full=False)).revoked == set(journey_ids)


def pool(limit: float, window: Window = A_WEEK, *, counts_cost: bool = False) -> Pool:
    return Pool(pool_id="p", limit=limit, window=window, counts_cost=counts_cost, journeys=frozenset({"news"}))


@pytest.mark.parametrize("channel", ["web", "email"])
@pytest.mark.parametrize(
    "full",
    [
        pool(1.0),
        pool(1.0, A_MONTH),
        pool(0.1, counts_cost=True),
        pool(0.1, CalendarWindow(period=Period.DAY, zone=ZoneInfo("Asia/Kathmandu")), counts_cost=True),
    ],
    ids=["units", "units-a-month", "money", "money-a-day"],
)
async def test_its_own_use_of_a_pool_that_it_filled_does_not_revoke_it(house: House, full: Pool, channel: str) -> None:
    costly = journey("news", stages=[StagePlan(stage=Stage.NEED, actions=(action(cost=0.1),))])
    house.catalogues.offer(Entry(journey=costly), policies=replace(ALL_KINDS, budgets=(full,)))
    question = replace(ASK, channel=channel)
    first = await house.decide(question)
    assert picked(first) == ["news"]
    assert picked(await house.decide(replace(SOMEBODY, channel=channel))) == []
    await assert_stands(house, first, question)


@pytest.mark.parametrize("window", [A_WEEK, A_MONTH], ids=["ending-one-by-one", "ending-together"])
async def test_a_pool_that_others_overfilled_meanwhile_revokes_it(house: House, window: Window) -> None:
    """d1 of another customer expires, d2 takes the only unit; then d1 is reported as shown after all."""
    house.catalogues.offer(Entry(journey=journey("news"), capacity=pool(1.0, window)))
    await house.decide(SOMEBODY)
    house.now = NOW + 15 * MINUTE
    first = await house.decide(BY_EMAIL)
    assert picked(first) == ["news"]
    await assert_stands(house, first, BY_EMAIL)
    await house.state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW + MINUTE)], house.now)
    await assert_revoked(house, "d2", "news", question=BY_EMAIL)


async def test_journeys_of_one_slate_do_not_revoke_each_other_while_they_are_presented(house: House) -> None:
    """They fill the places of their kind, and the first is entered before the second is shown."""
    member = Member(tier=1, is_switchable=False)
    limit = InFlightLimit(kind=PROMOTIONAL, at_most=2, members={"news": member, "plain": member})
    policies = replace(ALL_KINDS, in_flight={PROMOTIONAL: limit})
    house.catalogues.offer(*(Entry(journey=journey(j, kind=PROMOTIONAL)) for j in limit.members), policies=policies)
    first = await house.decide(BOTH)
    assert picked(first) == ["news", "plain"]
    await assert_stands(house, first, BOTH)
    await house.state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    await assert_stands(house, first, BOTH)


async def test_a_journey_that_never_goes_with_it_revokes_it_once_entered(house: House) -> None:
    house.catalogues.offer(Entry(journey=journey("news"), never_with=("plain",)), Entry(journey=journey("plain")))
    first = await house.decide()
    await assert_stands(house, first)
    row = event("e1", "journey.entered", journey_id="plain", stage="need")
    await house.state.record_events([row], NOW)
    await assert_revoked(house, "d1", "news")


async def test_the_kill_switch_revokes_it_for_as_long_as_it_is_thrown(house: House) -> None:
    first = await house.decide()
    await house.state.kill("kind:promotional", "wrong price", NOW)
    await assert_revoked(house, "d1", "news")
    await house.state.unkill("kind:promotional")
    await assert_stands(house, first)


TWO_STAGES = [
    StagePlan(stage=Stage.NEED, actions=(action("first"),)),
    StagePlan(stage=Stage.USE, actions=(action("second"),)),
]


async def test_a_customer_who_moved_to_another_stage_is_not_shown_the_action_of_the_earlier(house: House) -> None:
    house.catalogues.offer(Entry(journey=journey("news", stages=TWO_STAGES)))
    first = await house.decide()
    moved = event("e1", "journey.entered", NOW, journey_id="news", stage="use")
    await house.state.record_events([moved], NOW)
    await assert_revoked(house, "d1", "news")
    back = event("e2", "journey.advanced", NOW + MINUTE, journey_id="news", stage="need")
    await house.state.record_events([back], NOW + MINUTE)
    await assert_stands(house, first)


async def test_an_action_of_a_stage_is_revoked_when_the_time_in_the_journey_is_over(house: House) -> None:
    lifetime = Lifetime(max_duration=DAY)
    house.catalogues.offer(Entry(journey=journey("news", stages=TWO_STAGES), lifetime=lifetime))
    entered = event("e1", "journey.entered", NOW - DAY + MINUTE, journey_id="news", stage="use")
    await house.state.record_events([entered], NOW)
    first = await house.decide()
    assert first.picks[0].candidate.action.action_id == "second"
    await assert_stands(house, first)
    house.now = NOW + MINUTE
    await assert_revoked(house, "d1", "news")
