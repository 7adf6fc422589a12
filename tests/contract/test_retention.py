"""What is past its time goes, whole days at once; nothing that a rule, a report or a replay may still need does."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.constraints.capacity import Pool
from service.decision.plan import Plan
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import OutcomeType, RowStatus
from service.decision.windows import LOOKBACK, RollingWindow
from service.state.engines.session import Sql
from service.state.port import Committed, ContactState
from service.state.store import SqlState
from service.state.upkeep.retention import Retention, RetentionTooShort
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.pools import give, holding, units
from tests.contract.retention import DAY, INSTANT, KEPT, MIDNIGHT, SHORT, prune
from tests.contract.rows import (
    FAR,
    HORIZON,
    KEY,
    MINUTE,
    accepted,
    capped,
    committed,
    contacts,
    duplicate,
    event,
    outcome,
    picked,
    propose,
    ranked,
    rejected,
    situation,
    taken,
)


async def fill(state: Store) -> None:
    """A row of each table at NOW, but of catalogues; the decision names none that is kept."""
    await committed(state, await propose(state), KEY)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)


EVERYTHING = {"contacts": 1, "decisions": 1, "events": 1, "outcomes": 1, "requests": 1}


async def test_rows_go_with_the_whole_of_their_day_and_not_before(state: Store) -> None:
    await fill(state)
    assert await prune(state, MIDNIGHT + 400 * DAY - INSTANT) == {}
    assert await prune(state, MIDNIGHT + 400 * DAY) == EVERYTHING
    assert await prune(state, MIDNIGHT + 900 * DAY) == {}


async def test_rows_of_the_next_day_stay(state: Store) -> None:
    await give(state, capped(2), "1", MIDNIGHT)
    await state.record_events([event("e1", "purchase", MIDNIGHT - MINUTE, amount=1.0)], MIDNIGHT)
    report = outcome("o1", OutcomeType.ENGAGED, MIDNIGHT - MINUTE, decision_id="d1")
    await state.record_outcomes([report], MIDNIGHT)
    assert await prune(state, MIDNIGHT + 400 * DAY) == {}
    assert await state.decision("d1", MIDNIGHT) is not None


async def test_each_table_has_its_own_time(state: Store) -> None:
    await fill(state)
    assert await prune(state, MIDNIGHT + 7 * DAY, replace(SHORT, events=8 * DAY)) == {"decisions": 1, "requests": 1}
    assert await prune(state, MIDNIGHT + 8 * DAY, replace(SHORT, events=8 * DAY)) == {"events": 1}
    assert await prune(state, MIDNIGHT + 400 * DAY, replace(SHORT, outcomes=500 * DAY)) == {"contacts": 1}
    assert await prune(state, MIDNIGHT + 500 * DAY, replace(SHORT, outcomes=500 * DAY)) == {"outcomes": 1}


@pytest.mark.parametrize(
    ("table", "kept", "least"),
    [
        ("decisions", 7 * DAY - INSTANT, "7 at least"),
        ("events", DAY, "7 at least"),
        ("contacts", HORIZON - DAY, "400 at least"),
        ("outcomes", HORIZON - DAY, "400 at least"),
        ("moves", timedelta(0), "1 at least"),
        ("pool_uses", -DAY, "1 at least"),
        ("catalogues", timedelta(hours=1), "1 at least"),
    ],
)
def test_a_time_that_is_too_short_is_refused_by_its_table(table: str, kept: timedelta, least: str) -> None:
    with pytest.raises(RetentionTooShort, match=rf"^{table} cannot be kept for .* days: {least}"):
        replace(SHORT, **{table: kept})


@pytest.mark.parametrize("table", ["contacts", "outcomes"])
def test_what_followed_is_kept_as_long_as_the_decision(table: str) -> None:
    longer = {"contacts": 730 * DAY, "outcomes": 730 * DAY}
    assert Retention(decisions=730 * DAY, **longer).decisions == 730 * DAY
    with pytest.raises(RetentionTooShort, match=f"^{table} .* 730 at least"):
        Retention(decisions=730 * DAY, **{**longer, table: 729 * DAY})


def test_contacts_are_kept_for_as_long_as_a_plan_looks_back() -> None:
    assert Retention().contacts >= LOOKBACK
    with pytest.raises(RetentionTooShort):
        Retention(contacts=LOOKBACK - DAY)


async def test_a_decision_that_is_gone_is_unknown_and_its_request_id_may_be_used_again(state: Store) -> None:
    await fill(state)
    later = MIDNIGHT + 400 * DAY
    await prune(state, later)
    assert await state.decision("d1", later) is None
    assert await state.decision_of_request("1", KEY.request_id, later) is None
    report = outcome("o2", OutcomeType.PRESENTED, later)
    assert await state.record_outcomes([report], later) == [rejected("o2", "decision_id", "UNKNOWN_DECISION")]
    again = await propose(state, decision_id="d2", now=later)
    assert isinstance(await state.commit(again, KEY), Committed)
    assert picked(again) == ["news"]


def patient(reserve: timedelta) -> Plan:
    """`news`, which the web reserves for so long."""
    plan = capped()
    return replace(plan, channels={**plan.channels, "web": replace(plan.channels["web"], reserve=reserve)})


async def test_a_decision_that_is_still_valid_stays_with_its_request_and_contact(state: Store) -> None:
    await committed(state, await propose(state, patient(30 * DAY)), KEY)
    for days in (8, 29):
        assert await prune(state, NOW + days * DAY, SHORT) == {}
    assert await state.decision_of_request("1", KEY.request_id, NOW + 30 * DAY - INSTANT) is not None
    assert await prune(state, NOW + 30 * DAY, SHORT) == {"decisions": 1, "requests": 1}
    assert len(await contacts(state, NOW + 10 * DAY)) == 1


async def test_a_contact_that_was_reported_to_be_long_ago_stays_for_the_reports_to_come(state: Store) -> None:
    """It counts no more; what else is told of it is kept all the same."""
    await ranked(state)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW - 500 * DAY)], NOW)
    assert await prune(state, NOW + DAY) == {}
    found = await state.decision("d1", NOW + DAY)
    assert found is not None
    assert found.contact_states == {"news": ContactState.PRESENTED}
    report = outcome("o2", OutcomeType.ACCEPTED, NOW)
    assert await state.record_outcomes([report], NOW + DAY) == [taken("o2")]


async def test_a_contact_presented_late_counts_from_then(state: Store) -> None:
    """Its decision is gone by then; the report found its contact."""
    await ranked(state)
    shown = NOW + 300 * DAY
    await prune(state, shown, SHORT)
    (told,) = await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, shown)], shown)
    assert (told.status, told.late) == (RowStatus.ACCEPTED, True)
    await prune(state, MIDNIGHT + 400 * DAY, SHORT)
    assert [c.at for c in await contacts(state, MIDNIGHT + 400 * DAY)] == [shown]


async def test_what_rules_look_at_is_the_same_before_and_after(state: Store) -> None:
    """A row of each kind every 50 days, for 500 days."""
    rows = itertools.count()
    for at in (NOW + days * DAY for days in range(0, 501, 50)):
        i = next(rows)
        await committed(state, await propose(state, capped(99), decision_id=f"d{i}", now=at))
        shown = outcome(f"p{i}", OutcomeType.PRESENTED, at, decision_id=f"d{i}")
        refused = outcome(f"r{i}", OutcomeType.REJECTED, at, decision_id=f"d{i}")
        await state.record_outcomes([shown, refused], at)
        told: list[KnownEvent] = [
            event(f"o{i}", "incident.opened", at, incident_id=f"i{i}"),
            event(f"s{i}", "incident.resolved", at + MINUTE, incident_id=f"i{i}"),
            event(f"c{i}", "consent.granted", at, purpose="marketing", channel=f"c{i}"),
            event(f"b{i}", "purchase", at, amount=1.0),
            event(f"j{i}", "journey.entered", at, journey_id=f"j{i % 3}", stage="need"),
            event(f"x{i}", "journey.exited", at + MINUTE, journey_id=f"j{i % 2}"),
        ]
        assert {r.status for r in await state.record_events(told, at)} == {RowStatus.ACCEPTED}
    now = NOW + 500 * DAY + MINUTE
    before = await state.situation("1", now, FAR)
    gone = await prune(state, now, SHORT)
    assert gone["events"] == 60
    assert (gone["decisions"], gone["contacts"], gone["outcomes"]) == (10, 2, 4)
    assert gone["moves"] > 0
    assert await state.situation("1", now, FAR) == before


async def test_an_event_that_is_sent_again_is_known_for_as_long_as_its_row_lives_and_never_changes_the_situation(
    state: Store,
) -> None:
    told = [
        event("e1", "incident.opened", incident_id="i1"),
        event("e2", "incident.resolved", NOW + MINUTE, incident_id="i1"),
        event("e3", "journey.entered", journey_id="news", stage="need"),
        event("e4", "journey.exited", NOW + MINUTE, journey_id="news"),
    ]
    await state.record_events(told, NOW)
    before = await situation(state)
    await prune(state, MIDNIGHT + 7 * DAY - INSTANT, SHORT)
    assert await state.record_events(told, NOW) == [duplicate(e.event_id) for e in told]
    assert await prune(state, MIDNIGHT + 7 * DAY, SHORT) == {"events": 4}
    assert await state.record_events(told, NOW) == [accepted(e.event_id) for e in told]
    assert replace(await situation(state), versions=before.versions) == before


async def test_uses_of_pools_that_ended_go_and_those_in_force_stay(state: Store) -> None:
    pool = Pool(pool_id="capacity:news", limit=9.0, window=RollingWindow(per=10 * DAY), journeys=frozenset({"news"}))
    for i, at in enumerate((NOW, NOW + 5 * DAY)):
        await give(state, holding(pool), str(i), at)
    now = NOW + 12 * DAY
    await state.count_pools([pool], now)
    before = (await situation(state, "nobody", now, [pool])).uses
    assert len(before["capacity:news"]) == 1
    assert await prune(state, now) == {}
    assert await prune(state, now, replace(KEPT, pool_uses=DAY)) == {"pool_uses": 1}
    assert (await situation(state, "nobody", now, [pool])).uses == before


async def test_a_use_that_ended_and_is_gone_can_still_be_given_back(state: Store) -> None:
    pool = units(5)
    await give(state, holding(pool), "1")
    later = NOW + 3 * DAY
    await state.count_pools([pool], later)
    assert await prune(state, later, replace(KEPT, pool_uses=DAY)) == {"pool_uses": 1}
    report = outcome("o1", OutcomeType.PRESENTED, later, decision_id="d1")
    await state.record_outcomes([report], later)
    assert [use.amount for use in (await situation(state, "nobody", later, [pool])).uses["capacity:news"]] == [1.0]


async def test_a_pool_that_nobody_has_in_force_goes_with_its_uses_and_is_no_longer_counted(state: Store) -> None:
    kept, gone = (Pool(pool_id=f"capacity:{name}", limit=9.0, window=RollingWindow(per=30 * DAY)) for name in "kg")
    now = NOW + 8 * DAY
    await give(state, holding(kept), "1")
    await give(state, holding(gone), "2")
    await state.count_pools([kept], now)
    assert await prune(state, now) == {"pools": 1}
    assert await prune(state, now) == {}
    await give(state, holding(kept), "3", now)
    assert await rows_of(state, "pools") == {"capacity:k": 1}
    assert (await rows_of(state, "pool_uses")).keys() == {"capacity:k"}


async def test_a_pool_that_was_deleted_and_comes_again_counts_every_contact(
    state: Store, open_store: OpenStore
) -> None:
    """Also for a process that has counted it before it went, and decides without having heard of it."""
    pool = Pool(pool_id="capacity:news", limit=3.0, window=RollingWindow(per=30 * DAY), journeys=frozenset({"news"}))
    other, now = await open_store(), NOW + 8 * DAY
    plan = holding(pool)
    for store, customer in ((state, "1"), (other, "2")):
        await give(store, plan, customer)
    late = await propose(other, plan, decision_id="late", customer_id="3", now=now)
    before = (await situation(state, "nobody", now, [pool])).uses
    assert await prune(state, now) == {"pools": 1}
    assert picked(await committed(other, late)) == ["news"]
    assert picked(await give(other, plan, "4", now)) == ["plain"]
    assert sum(use.amount for use in before[pool.pool_id]) == 2
    after = (await situation(state, "nobody", now, [pool])).uses
    assert sum(use.amount for use in after[pool.pool_id]) == 3


async def rows_of(state: Store, table: str) -> Counter[str]:
    """How many rows of a table each pool has."""
    assert isinstance(state, SqlState)
    (rows,) = await state.engine.read(lambda session: session.query(Sql(f"SELECT pool_key FROM {table}")))
    return Counter(row["pool_key"].split("@")[0] for row in rows)
