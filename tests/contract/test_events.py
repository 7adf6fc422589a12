"""Events are kept once, as they came, each in effect for the next reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.decision.facts import FactKind, Situation
from service.decision.reports.effects import KnownEvent
from service.state.port import StateUnavailable
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.rows import FAR, accepted, duplicate, event, opened, rejected, situation

SECOND = timedelta(seconds=1)
PURCHASE = event("e1", "purchase", amount=12.5, items=3, is_gift=True, note="ñ")


async def test_a_customer_without_rows_has_an_empty_situation(state: Store) -> None:
    reading = await state.situation("never seen", NOW, FAR)
    assert reading.situation == Situation()
    assert reading.incident_heard_at == {}


async def test_a_new_event_is_accepted_and_in_effect_at_once(state: Store) -> None:
    assert await state.record_events([opened("e1")], NOW) == [accepted("e1")]
    assert [i.incident_id for i in (await situation(state)).incidents.known] == ["i1"]


async def test_the_same_event_again_is_a_duplicate_and_changes_nothing(state: Store) -> None:
    await state.record_events([PURCHASE], NOW)
    before = await situation(state)
    assert await state.record_events([PURCHASE], NOW + SECOND) == [duplicate("e1")]
    assert await situation(state) == before


async def test_the_order_in_which_attributes_are_written_is_no_content(state: Store) -> None:
    await state.record_events([PURCHASE], NOW)
    reordered = replace(PURCHASE, attributes=dict(reversed(list(PURCHASE.attributes.items()))))
    assert await state.record_events([reordered], NOW) == [duplicate("e1")]


@pytest.mark.parametrize(
    "other",
    [
        replace(PURCHASE, customer_id="2"),
        replace(PURCHASE, source="other"),
        replace(PURCHASE, type="journey.exited", attributes={"journey_id": "news"}),
        replace(PURCHASE, occurred_at=NOW - timedelta(microseconds=1)),
        replace(PURCHASE, attributes={**PURCHASE.attributes, "amount": 12.6}),
        replace(PURCHASE, attributes={**PURCHASE.attributes, "items": 3.0}),
        replace(PURCHASE, attributes={**PURCHASE.attributes, "is_gift": 1}),
        replace(PURCHASE, attributes={}),
    ],
    ids=["customer", "source", "type", "time", "value", "number-type", "bool-type", "no-attributes"],
)
async def test_an_id_reused_with_other_content_is_rejected_and_changes_nothing(state: Store, other: KnownEvent) -> None:
    await state.record_events([PURCHASE], NOW)
    before = await situation(state)
    assert await state.record_events([other], NOW) == [rejected("e1", "event_id", "ID_REUSED")]
    assert await situation(state) == before
    assert await situation(state, "2") == Situation()


async def test_a_batch_answers_for_each_row_in_order_also_for_ids_repeated_within_it(state: Store) -> None:
    first, other = opened("e1"), opened("e1", incident_id="i2")
    results = await state.record_events([opened("e0", incident_id="i0"), first, first, other, opened("e2")], NOW)
    assert results == [
        accepted("e0"),
        accepted("e1"),
        duplicate("e1"),
        rejected("e1", "event_id", "ID_REUSED"),
        accepted("e2"),
    ]
    assert (await situation(state)).versions[FactKind.INCIDENTS] == 3


async def test_a_batch_that_breaks_in_the_middle_keeps_none_of_its_rows(state: Store) -> None:
    """A stage that no journey can have is what `fault_of` keeps out; here it stands for any failure half-way."""
    broken = event("e2", "journey.entered", journey_id="news", stage="no such stage")
    with pytest.raises(ValueError, match="no such stage"):
        await state.record_events([opened("e1"), broken, opened("e3", incident_id="i3")], NOW)
    assert await situation(state) == Situation()
    assert await state.waiting_for_features(10) == []
    assert await state.record_events([opened("e1")], NOW) == [accepted("e1")]


async def test_an_empty_batch_has_no_results(state: Store) -> None:
    assert await state.record_events([], NOW) == []


async def test_every_accepted_event_raises_the_version_of_its_customer_alone(state: Store) -> None:
    await state.record_events([opened("e1"), opened("e2"), opened("e1")], NOW)
    assert (await situation(state)).versions[FactKind.INCIDENTS] == 2
    assert (await situation(state, "2")).versions == {}


async def test_any_event_makes_a_customer_known_but_a_heartbeat_concerns_nobody(state: Store) -> None:
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    beat = event("b1", "feed.heartbeat", customer_id="")
    assert await state.record_events([beat, beat], NOW) == [accepted("b1"), duplicate("b1")]
    assert (await situation(state)).has_events
    assert (await situation(state)).versions[FactKind.EVENTS] == 2
    assert await situation(state, "") == Situation(feeds={"tests": NOW})


async def test_customers_whose_ids_look_alike_are_others(state: Store) -> None:
    """Ids are compared exactly: case, spaces, and the two ways to write é."""
    lookalikes = ["ana", "Ana", "ana ", "ané", "ane\u0301", "%", "an_"]
    rows = [event(f"e{i}", "incident.opened", customer_id=c, incident_id=c) for i, c in enumerate(lookalikes)]
    await state.record_events(rows, NOW)
    for customer_id in lookalikes:
        assert [i.incident_id for i in (await situation(state, customer_id)).incidents.known] == [customer_id]


async def test_times_are_kept_to_the_microsecond_in_utc(state: Store) -> None:
    at = datetime(2018, 1, 3, 12, 0, 0, 123457, tzinfo=timezone(timedelta(hours=-5)))
    await state.record_events([event("e1", "purchase", at, amount=1.0)], at)
    last = (await situation(state)).latest["last_purchase_at"]
    assert last == datetime(2018, 1, 3, 17, 0, 0, 123457, tzinfo=UTC)
    assert last.utcoffset() == timedelta(0)


async def test_a_closed_store_says_that_it_is_unavailable(state: Store) -> None:
    await state.close()
    with pytest.raises(StateUnavailable):
        await state.record_events([opened()], NOW)
    with pytest.raises(StateUnavailable):
        await situation(state)
