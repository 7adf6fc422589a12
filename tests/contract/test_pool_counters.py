"""Counters of what all customers share follow every contact, whichever store object moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.decision.constraints.capacity import Pool
from service.decision.reports.rows import OutcomeType
from service.decision.windows import CalendarWindow, Period, RollingWindow
from service.state.engines.session import Session, Transaction
from service.state.port import Committed, StatementRefused
from service.state.rows.decisions import ProposedDecision
from service.state.rows.pools import register, register_locks
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.pools import DAY, give, holding, money, show, spending, units
from tests.contract.rows import MINUTE, capped, committed, outcome, picked, propose, situation

CUSTOMERS = 24
BY_DAY = CalendarWindow(period=Period.DAY, zone=UTC)
BY_WEEK = CalendarWindow(period=Period.WEEK, zone=UTC)
INSTANT = timedelta(microseconds=1)
MIDNIGHT = datetime(2018, 1, 4, tzinfo=UTC)
RESERVED = NOW + DAY
"""Until when what is reserved at noon by e-mail can be shown: past midnight, so it uses that day too."""


async def in_use(state: Store, pool: Pool, now: datetime = NOW) -> dict[datetime, float]:
    """How much of it is in use, by when that ends."""
    read = (await situation(state, "never seen", now, [pool])).uses
    return {use.ends_at: use.amount for use in read.get(pool.pool_id, ())}


async def test_what_is_shown_a_day_after_it_was_reserved_uses_that_day_and_no_longer_the_first(state: Store) -> None:
    pool = units(5, BY_DAY)
    for i in range(2):
        await give(state, holding(pool), str(i))
    assert await in_use(state, pool) == {RESERVED: 2.0}
    shown_at = MIDNIGHT + MINUTE
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, shown_at)], shown_at)
    assert await in_use(state, pool) == {RESERVED: 1.0, MIDNIGHT + DAY: 1.0}
    await state.record_outcomes([outcome("o0", OutcomeType.PRESENTED, NOW + MINUTE, decision_id="d0")], shown_at)
    assert await in_use(state, pool) == {MIDNIGHT: 1.0, MIDNIGHT + DAY: 1.0}


async def test_no_report_of_a_contact_moves_its_use_back(state: Store) -> None:
    pool = units(5, BY_DAY)
    await give(state, holding(pool), "1")
    after, before = MIDNIGHT + MINUTE, MIDNIGHT - MINUTE
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, before)], after)
    assert await in_use(state, pool) == {MIDNIGHT: 1.0}
    await state.record_outcomes([outcome("o2", OutcomeType.PRESENTED, after)], after)
    assert await in_use(state, pool) == {MIDNIGHT + DAY: 1.0}
    for i, at in enumerate((before, before - 400 * DAY)):
        await state.record_outcomes([outcome(f"p{i}", OutcomeType.PRESENTED, at)], after + MINUTE)
        assert await in_use(state, pool) == {MIDNIGHT + DAY: 1.0}


async def test_what_was_given_back_and_shown_after_all_is_in_use_once(state: Store) -> None:
    pool = units(5)
    await give(state, holding(pool), "1")
    await state.record_outcomes([outcome("o1", OutcomeType.NOT_PRESENTED)], NOW)
    assert await in_use(state, pool) == {}
    for outcome_id in ("o2", "o3", "o2"):
        await state.record_outcomes([outcome(outcome_id, OutcomeType.PRESENTED)], NOW)
        assert await in_use(state, pool) == {NOW + DAY: 1.0}
    await state.record_outcomes([outcome("o4", OutcomeType.NOT_PRESENTED)], NOW)
    assert await in_use(state, pool) == {NOW + DAY: 1.0}


async def test_money_that_is_given_back_piece_by_piece_leaves_nothing_in_use(state: Store) -> None:
    """0.1 + 0.2 - 0.1 - 0.2 is no zero in binary."""
    pool = money(10.0)
    for i, cost in enumerate((0.1, 0.2, 0.7)):
        await give(state, spending(pool, cost), str(i))
    for i in range(3):
        await state.record_outcomes([outcome(f"o{i}", OutcomeType.NOT_PRESENTED, decision_id=f"d{i}")], NOW)
    assert await in_use(state, pool) == {}


async def test_a_store_object_counts_a_pool_that_only_another_was_told_of(state: Store, open_store: OpenStore) -> None:
    """Each has a catalogue of its own: the same capacity, one by day and one by week."""
    other, day, week = await open_store(), units(9, BY_DAY), units(9, BY_WEEK)
    await give(state, holding(day), "1")
    await give(other, holding(week), "2")
    await give(state, holding(day), "3")
    await state.record_outcomes([outcome("o1", OutcomeType.NOT_PRESENTED)], NOW)
    await other.record_outcomes([outcome("o3", OutcomeType.PRESENTED, decision_id="d3")], NOW)
    await give(other, holding(week), "4")
    sunday = datetime(2018, 1, 8, tzinfo=UTC)
    for store in (state, other, await open_store()):
        assert await in_use(store, day) == {MIDNIGHT: 1.0, RESERVED: 2.0}
        assert await in_use(store, week) == {sunday: 3.0}


async def test_another_amount_of_the_same_is_the_same_counter_and_another_window_is_not(state: Store) -> None:
    await show(state, holding(units(1)), "1", NOW)
    assert picked(await propose(state, holding(units(1)), customer_id="2")) == ["plain"]
    assert picked(await propose(state, holding(units(2)), customer_id="2")) == ["news"]
    hourly = units(1, RollingWindow(per=timedelta(hours=1)))
    later = NOW + timedelta(hours=2)
    assert picked(await propose(state, holding(hourly), customer_id="2", now=later)) == ["news"]
    assert picked(await propose(state, holding(units(1)), customer_id="2", now=later)) == ["plain"]


async def test_pools_that_come_while_others_commit_count_every_contact_once(
    state: Store, open_store: OpenStore
) -> None:
    """Four catalogues in three store objects at once, each with its own definition of the same capacity."""
    stores = [state, await open_store(), await open_store()]
    pools = [units(CUSTOMERS, RollingWindow(per=timedelta(hours=h))) for h in (6, 12, 24, 48)]
    proposed = [
        await propose(state, holding(pools[0]), decision_id=f"d{i}", customer_id=str(i), channel="email")
        for i in range(CUSTOMERS)
    ]
    commits = [stores[i % 3].commit(decision, None) for i, decision in enumerate(proposed)]
    reads = [in_use(stores[(i + 1) % 3], pool) for i, pool in enumerate(pools[1:])]
    results, _ = await asyncio.gather(asyncio.gather(*commits), asyncio.gather(*reads))
    assert all(isinstance(r, Committed) and picked(r.decision) == ["news"] for r in results)
    last = [outcome(f"o{i}", OutcomeType.NOT_PRESENTED, decision_id=f"d{i}") for i in range(0, CUSTOMERS, 2)]
    await asyncio.gather(*(stores[i % 3].record_outcomes([row], NOW) for i, row in enumerate(last)))
    for store in stores:
        assert [sum((await in_use(store, pool)).values()) for pool in pools] == [CUSTOMERS / 2] * 4


async def test_catalogues_with_other_pools_at_once_never_grant_more_than_either_holds(
    state: Store, open_store: OpenStore
) -> None:
    """By day there are 3, by week 5: of decisions made with both, each in its own store object."""
    other, day, week = await open_store(), units(3, BY_DAY), units(5, BY_WEEK)
    by_day = [
        await propose(state, holding(day), decision_id=f"d{i}", customer_id=str(i), channel="email") for i in range(8)
    ]
    by_week = [
        await propose(other, holding(week), decision_id=f"w{i}", customer_id=f"w{i}", channel="email") for i in range(8)
    ]
    assert all(picked(d) == ["news"] for d in (*by_day, *by_week))
    first = await asyncio.gather(*(committed(state, d) for d in by_day))
    then = await asyncio.gather(*(committed(other, d) for d in by_week))
    assert sum(picked(d) == ["news"] for d in first) == 3
    assert sum(picked(d) == ["news"] for d in then) == 2


async def test_a_pool_that_became_known_in_a_transaction_that_was_undone_hides_no_other(
    state: Store, open_store: OpenStore
) -> None:
    """What a process read of the pools while it was undone is not taken for what another made of them later."""
    other, undone, counted = await open_store(), units(5, journey_id="plain"), units(5)
    assert isinstance(state, SqlState)
    proposed = ProposedDecision.of(await propose(state, capped()))

    def refused(session: Session) -> None:
        register(session, [undone], NOW)
        state.commits.transaction(proposed, None).run(session)
        raise StatementRefused

    with pytest.raises(StatementRefused):
        await state.engine.write(Transaction(refused, register_locks))
    await other.count_pools([counted], NOW)
    await give(state, holding(counted), "1")
    uses = (await situation(other, "nobody", NOW, [counted])).uses
    assert [use.amount for use in uses[counted.pool_id]] == [1.0]


async def test_a_pool_that_becomes_known_early_in_a_period_counts_for_whoever_is_still_in_the_last(
    state: Store,
) -> None:
    """A decision that began before midnight may commit after it, and clocks differ."""
    pool = units(1, BY_DAY)
    await show(state, capped(), "1", MIDNIGHT - MINUTE)
    await state.count_pools([pool], MIDNIGHT + INSTANT)
    assert picked(await give(state, holding(pool), "2", MIDNIGHT - INSTANT)) == ["plain"]
    assert picked(await give(state, holding(pool), "3", MIDNIGHT + INSTANT)) == ["news"]
