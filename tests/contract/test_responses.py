"""What the customer made of earlier contacts: read with the situation, and obeyed by the rules of rest."""

from __future__ import annotations

from datetime import timedelta

from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.constraints.never import NeverAfter
from service.decision.facts import Response
from service.decision.journey import JourneyKind
from service.decision.reports.rows import OutcomeType
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.rows import HORIZON, MINUTE, codes, committed, outcome, picked, propose, ranked, situation

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
RESTING = catalogue(
    Entry(
        journey=journey("news", kind=JourneyKind.PROMOTIONAL),
        cooldown=Cooldown(
            journeys=frozenset({"news"}),
            rests=(Rest(response="REJECTED", rests=30 * DAY),),
            ignored=IgnoredRest(times=2, window=DAY, rests=14 * DAY),
        ),
    )
).plan
AFTERWARDS = catalogue(
    Entry(journey=journey("news")),
    Entry(journey=journey("plain", tier=2), never_after=(NeverAfter(other="news", within=7 * DAY),)),
).plan


def response(type_: OutcomeType, at: timedelta, decision_id: str = "d1") -> Response:
    return Response(decision_id=decision_id, journey_id="news", type=type_.value, at=NOW + at)


async def test_every_outcome_but_whether_it_was_shown_is_a_response_oldest_first(state: Store) -> None:
    await ranked(state)
    types = [t for t in OutcomeType if t not in (OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED)]
    rows = [outcome(f"o{i}", t, NOW + i * MINUTE, value=5.0) for i, t in enumerate(types)]
    shown = [outcome("p", OutcomeType.PRESENTED), outcome("n", OutcomeType.NOT_PRESENTED)]
    await state.record_outcomes([*reversed(rows), *shown], NOW + 10 * MINUTE)
    found = (await situation(state, now=NOW + 10 * MINUTE)).responses
    assert found == tuple(response(t, i * MINUTE) for i, t in enumerate(types))


async def test_responses_are_the_customers_own_and_of_the_horizon(state: Store) -> None:
    await ranked(state)
    await committed(state, await propose(state, decision_id="d2", customer_id="2"))
    clicked = OutcomeType.ENGAGED
    await state.record_outcomes([outcome("o1", clicked), outcome("o2", clicked, decision_id="d2")], NOW)
    assert (await situation(state, "2")).responses == (response(clicked, timedelta(), "d2"),)
    for now, count in ((NOW + HORIZON - INSTANT, 1), (NOW + HORIZON, 0)):
        assert len((await situation(state, now=now)).responses) == count


async def test_a_rejection_rests_the_journey_from_the_next_decision_on(state: Store) -> None:
    await ranked(state, RESTING)
    await state.record_outcomes([outcome("o1", OutcomeType.REJECTED, NOW + MINUTE)], NOW + MINUTE)
    for after, denied in ((MINUTE, ["COOLDOWN"]), (30 * DAY + MINUTE - INSTANT, ["COOLDOWN"])):
        assert codes(await propose(state, RESTING, now=NOW + after)) == {"news": denied}
    assert picked(await propose(state, RESTING, now=NOW + 30 * DAY + MINUTE)) == ["news"]


async def test_two_contacts_that_were_shown_and_left_unanswered_rest_the_journey(state: Store) -> None:
    """Shown at 0 and at 2 days, each with a day to answer: the rest begins at 3 days and ends at 17."""
    for i in (0, 2):
        at = NOW + i * DAY
        await committed(state, await propose(state, RESTING, decision_id=f"d{i}", now=at))
        await state.record_outcomes([outcome(f"o{i}", OutcomeType.PRESENTED, at, decision_id=f"d{i}")], at)
    assert picked(await propose(state, RESTING, now=NOW + 3 * DAY - INSTANT)) == ["news"]
    for after in (3 * DAY, 17 * DAY - INSTANT):
        assert codes(await propose(state, RESTING, now=NOW + after)) == {"news": ["COOLDOWN"]}
    assert picked(await propose(state, RESTING, now=NOW + 17 * DAY)) == ["news"]


async def test_only_what_was_presented_keeps_another_journey_away(state: Store) -> None:
    await committed(state, await propose(state, AFTERWARDS))
    assert picked(await propose(state, AFTERWARDS, limit=2)) == ["news", "plain"]
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    for after in (MINUTE, 7 * DAY + MINUTE - INSTANT):
        decision = await propose(state, AFTERWARDS, now=NOW + after, limit=2)
        assert (picked(decision), codes(decision)) == (["news"], {"plain": ["NEVER_AFTER"]})
    assert picked(await propose(state, AFTERWARDS, now=NOW + 7 * DAY + MINUTE, limit=2)) == ["news", "plain"]
