"""P6: the life of a contact, from its reservation to what was reported of it, or to the end of its time.

`web` and `app` give an unconfirmed reservation back after 15 minutes; `email` counts it, after 24 hours as before.
"""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from service.decision.facts import Contact, Enrolment, FactKind
from service.decision.journey import JourneyKind, Stage
from service.decision.reach import Reach
from service.decision.reports.rows import OutcomeType
from service.state.port import ContactState
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.rows import (
    MINUTE,
    WEEK,
    codes,
    committed,
    contacts,
    outcome,
    picked,
    propose,
    ranked,
    situation,
    taken,
)

PRESENTED, NOT_PRESENTED = OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED
INSTANT = timedelta(microseconds=1)
WEB_END, EMAIL_END = NOW + 15 * MINUTE, NOW + timedelta(hours=24)


async def state_of(state: Store, now: timedelta = timedelta(), decision_id: str = "d1") -> ContactState:
    """Where the contact with `news` stands, `now` after NOW."""
    stored = await state.decision(decision_id, NOW + now)
    assert stored is not None
    return stored.contact_states["news"]


async def test_a_pick_is_reserved_as_a_contact_of_its_decision(state: Store) -> None:
    await ranked(state)
    expected = Contact(
        decision_id="d1",
        journey_id="news",
        kind=JourneyKind.PROMOTIONAL,
        channel="web",
        at=NOW,
        counts_until=WEB_END,
        reserved_until=WEB_END,
    )
    assert await contacts(state) == (expected,)
    assert await state_of(state) is ContactState.RESERVED


async def test_where_unconfirmed_is_released_a_reservation_counts_until_its_very_end(state: Store) -> None:
    await ranked(state)
    assert len(await contacts(state, WEB_END - INSTANT)) == 1
    assert await contacts(state, WEB_END) == ()
    assert await state_of(state, 15 * MINUTE - INSTANT) is ContactState.RESERVED
    assert await state_of(state, 15 * MINUTE) is ContactState.EXPIRED


async def test_where_unconfirmed_counts_a_reservation_counts_after_its_end_as_before(state: Store) -> None:
    await ranked(state, channel="email")
    assert len(await contacts(state, EMAIL_END + timedelta(days=5))) == 1
    assert await state_of(state, timedelta(hours=24) - INSTANT) is ContactState.RESERVED
    assert await state_of(state, timedelta(hours=24)) is ContactState.EXPIRED
    denied = await propose(state, decision_id="d2", now=EMAIL_END + timedelta(days=5))
    assert codes(denied) == {"news": ["CONTACT_CAP"]}


async def test_a_released_reservation_leaves_room_for_the_next(state: Store) -> None:
    await ranked(state)
    assert picked(await propose(state, decision_id="d2", now=WEB_END - INSTANT)) == []
    assert picked(await propose(state, decision_id="d2", now=WEB_END)) == ["news"]


async def test_presented_confirms_a_contact_which_then_counts_by_its_own_time(state: Store) -> None:
    await ranked(state)
    shown_at = NOW + 3 * MINUTE
    assert await state.record_outcomes([outcome("o1", PRESENTED, shown_at)], NOW + 4 * MINUTE) == [taken("o1")]
    (found,) = await contacts(state, WEB_END)
    assert (found.at, found.counts_until) == (shown_at, None)
    assert (found.is_presented, found.reserved_until) == (True, None)
    assert await state_of(state, 15 * MINUTE) is ContactState.PRESENTED
    assert codes(await propose(state, now=shown_at + WEEK - INSTANT)) == {"news": ["CONTACT_CAP"]}
    assert picked(await propose(state, now=shown_at + WEEK)) == ["news"]


async def test_not_presented_gives_the_contact_back_at_once(state: Store) -> None:
    await ranked(state, channel="email")
    assert await state.record_outcomes([outcome("o1", NOT_PRESENTED)], NOW) == [taken("o1")]
    assert await contacts(state) == ()
    assert await state_of(state) is ContactState.RELEASED
    assert await state_of(state, timedelta(days=2)) is ContactState.RELEASED
    assert picked(await propose(state, decision_id="d2")) == ["news"]


@pytest.mark.parametrize("channel", ["web", "email"])
async def test_presented_after_the_end_of_the_reservation_is_kept_counted_and_marked_late(
    state: Store, channel: str
) -> None:
    await ranked(state, channel=channel)
    end = WEB_END if channel == "web" else EMAIL_END
    assert await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], end) == [taken("o1", late=True)]
    assert [c.at for c in await contacts(state, end)] == [NOW + MINUTE]
    stored = await state.decision("d1", end)
    assert stored is not None
    assert [kept.is_late for kept in stored.outcomes] == [True]
    assert stored.contact_states == {"news": ContactState.PRESENTED}


async def test_presented_in_the_last_instant_of_the_reservation_is_not_late(state: Store) -> None:
    await ranked(state)
    assert await state.record_outcomes([outcome("o1", PRESENTED)], WEB_END - INSTANT) == [taken("o1")]


async def test_presented_after_not_presented_is_late_and_counts(state: Store) -> None:
    await ranked(state)
    await state.record_outcomes([outcome("o1", NOT_PRESENTED)], NOW)
    assert await state.record_outcomes([outcome("o2", PRESENTED)], NOW) == [taken("o2", late=True)]
    assert len(await contacts(state)) == 1


async def test_a_second_presented_of_a_confirmed_contact_is_not_late_and_the_later_time_counts(state: Store) -> None:
    await ranked(state)
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + 2 * MINUTE)], NOW + 2 * MINUTE)
    second = outcome("o2", PRESENTED, NOW + MINUTE)
    assert await state.record_outcomes([second], NOW + timedelta(days=1)) == [taken("o2")]
    assert [(c.at, c.first_at) for c in await contacts(state, WEB_END)] == [(NOW + 2 * MINUTE, NOW + MINUTE)]


REPORTS = [
    outcome("o1", PRESENTED, NOW + 2 * MINUTE),
    outcome("o2", NOT_PRESENTED, NOW + 3 * MINUTE),
    outcome("o3", PRESENTED, NOW + MINUTE),
    outcome("o4", OutcomeType.ENGAGED, NOW + 4 * MINUTE),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_presented_wins_over_not_presented_in_any_order(state: Store, order: tuple[int, ...]) -> None:
    await ranked(state)
    for i in order:
        await state.record_outcomes([REPORTS[i]], NOW + 5 * MINUTE)
    assert await state_of(state, timedelta(days=1)) is ContactState.PRESENTED
    assert [(c.at, c.counts_until) for c in await contacts(state, WEB_END)] == [(NOW + 2 * MINUTE, None)]
    entered = Enrolment(journey_id="news", stage=Stage.NEED, since=NOW + 2 * MINUTE)
    assert (await situation(state)).enrolments == {"news": entered}


@pytest.mark.parametrize("type_", [t for t in OutcomeType if t not in (PRESENTED, NOT_PRESENTED)])
async def test_no_other_outcome_moves_a_contact(state: Store, type_: OutcomeType) -> None:
    await ranked(state)
    before = await situation(state)
    assert await state.record_outcomes([outcome("o1", type_, value=5.0)], NOW) == [taken("o1")]
    after = await situation(state)
    assert (after.contacts, after.contacts_version) == (before.contacts, before.contacts_version)
    assert (after.versions, after.has_events) == ({**before.versions, FactKind.OUTCOMES: 1}, False)
    assert await state_of(state, 15 * MINUTE) is ContactState.EXPIRED


async def test_only_presented_enters_the_journey_and_at_the_stage_that_was_offered(state: Store) -> None:
    await ranked(state)
    assert (await situation(state)).enrolments == {}
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    entered = Enrolment(journey_id="news", stage=Stage.NEED, since=NOW + MINUTE)
    assert (await situation(state)).enrolments == {"news": entered}


async def test_a_late_presented_may_exceed_the_cap_and_nothing_is_granted_until_the_count_is_below_it(
    state: Store,
) -> None:
    """Two contacts under a cap of 1: shown at 1 and at 20 minutes. Both must be a week old before the next."""
    await ranked(state)
    second = await propose(state, decision_id="d2", now=NOW + 20 * MINUTE)
    assert picked(await committed(state, second)) == ["news"]
    await state.record_outcomes([outcome("o2", PRESENTED, NOW + 20 * MINUTE, decision_id="d2")], NOW + 21 * MINUTE)
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE)], NOW + 22 * MINUTE)
    assert len(await contacts(state, NOW + 22 * MINUTE)) == 2
    for after in (WEEK, WEEK + MINUTE, WEEK + 20 * MINUTE - INSTANT):
        assert codes(await propose(state, now=NOW + after)) == {"news": ["CONTACT_CAP"]}
    assert picked(await propose(state, now=NOW + WEEK + 20 * MINUTE)) == ["news"]


async def test_a_contact_older_than_the_horizon_is_not_read(state: Store) -> None:
    await ranked(state, channel="email")
    horizon = timedelta(days=30)
    reach = Reach(contacts=horizon)
    assert len((await state.situation("1", NOW + horizon - INSTANT, reach)).situation.contacts) == 1
    assert (await state.situation("1", NOW + horizon, reach)).situation.contacts == ()
