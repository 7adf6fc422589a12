"""A commit writes nothing unless the decision stands on present facts, and never more contacts than a cap allows."""

from __future__ import annotations

import pytest

from features.values import FeatureStatus
from service.decision.decide import Decision, StateAtCommit
from service.decision.facts import Situation
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import OutcomeType
from service.state.port import AlreadyDecided, Committed, ContactState, FactsMoved, RequestKey
from tests.builders import NOW, feature
from tests.contract.adapters import Store
from tests.contract.rows import (
    ATTENTIVE,
    KEY,
    MINUTE,
    capped,
    codes,
    committed,
    contacts,
    event,
    opened,
    outcome,
    picked,
    propose,
    ranked,
    situation,
)

OPEN_DOOR = capped(with_open_door=True)


async def test_a_commit_reserves_every_pick_and_raises_the_contacts_version_once(state: Store) -> None:
    decision = await propose(state, OPEN_DOOR, limit=2)
    assert await state.commit(decision, None) == Committed(decision=decision)
    assert sorted(c.journey_id for c in await contacts(state)) == ["news", "plain"]
    found = await situation(state)
    assert (set(found.versions.values()), found.contacts_version, found.has_events) == ({0}, 1, False)


async def test_a_decision_that_ranks_nothing_is_kept_and_reserves_nothing(state: Store) -> None:
    await committed(state, await propose(state, limit=0))
    assert await situation(state) == Situation()
    stored = await state.decision("d1", NOW)
    assert stored is not None
    assert stored.contact_states == {}


@pytest.mark.parametrize(
    "meanwhile",
    [
        opened(),
        event("e1", "incident.resolved", incident_id="i1"),
        event("e1", "consent.withdrawn"),
        event("e1", "purchase", amount=1.0),
        event("e1", "journey.exited", journey_id="other"),
        event("e1", "claim.opened", incident_id="i1"),
        event("e1", "claim.closed", incident_id="i1"),
        event("e1", "card.renewed"),
    ],
    ids=lambda e: str(e.type),
)
async def test_an_event_that_came_between_moves_the_facts_and_nothing_is_written(
    state: Store, meanwhile: KnownEvent
) -> None:
    """P1: the event is acknowledged before the commit, so the decision must be made again."""
    decision = await propose(state, ATTENTIVE)
    await state.record_events([meanwhile], NOW)
    before = await situation(state)
    assert await state.commit(decision, KEY) == FactsMoved()
    assert await state.decision("d1", NOW) is None
    assert await state.decision_of_request("1", KEY.request_id, NOW) is None
    assert await situation(state) == before


async def test_an_outcome_that_came_between_moves_the_facts_too(state: Store) -> None:
    await ranked(state, ATTENTIVE)
    decision = await propose(state, ATTENTIVE, decision_id="d2")
    await state.record_outcomes([outcome("o1", OutcomeType.ENGAGED)], NOW)
    assert await state.commit(decision, None) == FactsMoved()
    assert await state.decision("d2", NOW) is None


@pytest.mark.parametrize(
    "meanwhile",
    [
        event("e2", "incident.opened", customer_id="2", incident_id="i2"),
        event("b1", "feed.heartbeat", customer_id=""),
        opened("e0", NOW),
        opened("e0", NOW, incident_id="another"),
    ],
    ids=["another-customer", "heartbeat", "duplicate", "rejected"],
)
async def test_rows_that_tell_nothing_new_of_the_customer_do_not_move_the_facts(
    state: Store, meanwhile: KnownEvent
) -> None:
    await state.record_events([opened("e0", NOW)], NOW)
    decision = await propose(state)
    await state.record_events([meanwhile], NOW)
    assert isinstance(await state.commit(decision, None), Committed)


async def test_after_facts_moved_a_decision_made_again_commits(state: Store) -> None:
    stale = await propose(state)
    await state.record_events([event("e1", "incident.resolved", incident_id="i1")], NOW)
    assert await state.commit(stale, None) == FactsMoved()
    assert picked(await committed(state, await propose(state))) == ["news"]


async def test_what_another_channel_took_meanwhile_is_dropped_with_both_reasons(state: Store) -> None:
    on_web = await propose(state, decision_id="d-web", channel="web")
    on_app = await propose(state, decision_id="d-app", channel="app")
    assert picked(on_app) == ["news"]
    await committed(state, on_web)
    revised = await committed(state, on_app)
    assert picked(revised) == []
    assert codes(revised) == {"news": ["TAKEN_MEANWHILE", "CONTACT_CAP"]}
    assert revised.selection.taken == ("news",)
    assert revised.settled == StateAtCommit(contacts=await contacts(state), uses={})
    assert [c.decision_id for c in await contacts(state)] == ["d-web"]


async def test_the_record_and_the_lookup_show_the_revised_decision(state: Store) -> None:
    first, second = await propose(state, decision_id="d1"), await propose(state, decision_id="d2")
    await committed(state, first)
    await committed(state, second)
    stored = await state.decision("d2", NOW)
    assert stored is not None
    assert stored.record["output"]["ranked"] == []
    assert stored.record["output"]["taken"] == ["news"]
    assert stored.contact_states == {}


async def test_the_slot_of_what_was_taken_goes_to_the_next_that_is_allowed(state: Store) -> None:
    first = await propose(state, OPEN_DOOR, decision_id="d1")
    second = await propose(state, OPEN_DOOR, decision_id="d2")
    assert (picked(first), picked(second)) == (["news"], ["news"])
    await committed(state, first)
    assert picked(await committed(state, second)) == ["plain"]


async def test_contacts_that_leave_room_for_a_pick_do_not_revise_it_away(state: Store) -> None:
    two_a_week = capped(2)
    first = await propose(state, two_a_week, decision_id="d1")
    second = await propose(state, two_a_week, decision_id="d2")
    await committed(state, first)
    revised = await committed(state, second)
    assert picked(revised) == ["news"]
    assert revised.selection.taken == ()
    assert len(await contacts(state)) == 2


async def test_a_contact_of_another_customer_takes_nothing(state: Store) -> None:
    mine = await propose(state, decision_id="d1")
    await committed(state, await propose(state, decision_id="d2", customer_id="2"))
    assert await committed(state, mine) is mine


async def test_the_second_commit_under_a_request_id_gets_the_first_decision_and_writes_nothing(state: Store) -> None:
    first, second = await propose(state, decision_id="d1"), await propose(state, decision_id="d2")
    await committed(state, first, KEY)
    result = await state.commit(second, KEY)
    assert isinstance(result, AlreadyDecided)
    assert result.stored == await state.decision("d1", NOW)
    assert result.stored.contact_states == {"news": ContactState.RESERVED}
    assert await state.decision("d2", NOW) is None
    assert len(await contacts(state)) == 1


async def test_a_known_request_id_is_answered_even_when_the_facts_have_moved(state: Store) -> None:
    first, second = await propose(state, decision_id="d1"), await propose(state, decision_id="d2")
    await committed(state, first, KEY)
    await state.record_events([opened()], NOW)
    assert isinstance(await state.commit(second, KEY), AlreadyDecided)


async def test_the_fingerprint_of_the_first_request_is_kept_for_whoever_reuses_its_id(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    other = RequestKey(request_id=KEY.request_id, fingerprint="other parameters")
    result = await state.commit(await propose(state, decision_id="d2"), other)
    assert isinstance(result, AlreadyDecided)
    assert result.stored.request_fingerprint == "abc"


async def test_a_request_id_is_the_customers_own(state: Store) -> None:
    await committed(state, await propose(state, decision_id="d1"), KEY)
    other = await propose(state, decision_id="d2", customer_id="2")
    assert await committed(state, other, KEY) is other
    for customer_id, decision_id in (("1", "d1"), ("2", "d2")):
        found = await state.decision_of_request(customer_id, KEY.request_id, NOW)
        assert found is not None
        assert found.decision_id == decision_id


async def test_a_store_that_cannot_keep_the_record_keeps_no_contact_either(state: Store) -> None:
    """A record that is no text in UTF-8 fails half-way through the transaction, after the checks."""
    broken: Decision = await propose(state, features=[feature("segment", "\ud800", FeatureStatus.PRESENT)])
    with pytest.raises(UnicodeEncodeError):
        await state.commit(broken, KEY)
    assert await situation(state) == Situation()
    assert await state.decision_of_request("1", KEY.request_id, NOW) is None
    assert picked(await committed(state, await propose(state), KEY)) == ["news"]


async def test_a_reservation_that_ended_does_not_take_anything(state: Store) -> None:
    """The web reservation of d1 is over when d2 commits, 20 minutes later, although d2 had read it as running."""
    later = NOW + 20 * MINUTE
    second = await propose(state, decision_id="d2", now=later)
    await ranked(state)
    assert picked(await committed(state, second)) == ["news"]
