"""P6 under 4 processes with 64 concurrent callers each: caps, capacity and budgets grant exactly what there is."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from service.decision.constraints.registry import Cap
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.reports.rows import OutcomeType
from tests.builders import NOW, Entry, catalogue, journey
from tests.concurrency.callers import (
    CALLERS,
    PER,
    CommittedSlate,
    Round,
    RoundResult,
    all_for_one_customer,
    counting,
    each_for_a_customer,
    in_rounds,
)
from tests.concurrency.processes import Worker, all_told, tell, workers
from tests.contract.adapters import Store
from tests.contract.pools import holding, money, spending, units
from tests.contract.rows import MINUTE, capped, contacts, situation

PROCESSES = 4
CUSTOMERS = 2_000
UNITS = 37


@pytest.mark.parametrize("at_most", [1, 3])
async def test_callers_that_all_believe_in_a_free_contact_get_exactly_as_many_as_the_cap(
    adapter: str, place: Path, state: Store, at_most: int
) -> None:
    """256 decisions on one customer, each made before any was committed."""
    started = [
        Worker(each_for_a_customer, adapter, place, capped(at_most), f"p{i}", ["1"] * CALLERS) for i in range(PROCESSES)
    ]
    with workers(*started) as calling:
        assert await all_told(calling) == [[["news"]] * CALLERS] * PROCESSES
        tell(calling, "commit")
        await _assert_granted(state, list(chain(*await all_told(calling))), at_most)


@pytest.mark.parametrize("at_most", [1, 3])
async def test_callers_that_read_decide_and_commit_at_once_get_exactly_as_many_as_the_cap(
    adapter: str, place: Path, state: Store, at_most: int
) -> None:
    plan = capped(at_most)
    with workers(*(Worker(all_for_one_customer, adapter, place, plan, f"p{i}") for i in range(PROCESSES))) as calling:
        assert await all_told(calling) == ["ready"] * PROCESSES
        tell(calling, "decide")
        await _assert_granted(state, list(chain(*await all_told(calling))), at_most)


async def _assert_granted(state: Store, told: list[CommittedSlate], at_most: int) -> None:
    """Exactly so many callers were told so, and theirs are the contacts."""
    assert len({t.decision_id for t in told}) == PROCESSES * CALLERS
    granted = {t.decision_id for t in told if t.journeys == ["news"]}
    assert len(granted) == at_most
    assert {c.decision_id for c in await contacts(state)} == granted
    assert all(t.journeys == [] for t in told if t.decision_id not in granted)


@pytest.mark.parametrize(
    "plan", [holding(units(UNITS)), spending(money(3.7), cost=0.1)], ids=["units", "money-in-tenths"]
)
async def test_two_thousand_customers_get_exactly_what_all_share(
    adapter: str, place: Path, state: Store, plan: Plan
) -> None:
    """37 units, or 3.70 at 10 cents each. The first 256 decisions are made before any is committed."""
    customers = [f"c{i}" for i in range(CUSTOMERS)]
    started = [
        Worker(each_for_a_customer, adapter, place, plan, f"p{i}", customers[i::PROCESSES]) for i in range(PROCESSES)
    ]
    with workers(*started) as calling:
        assert await all_told(calling) == [[["news"]] * CALLERS] * PROCESSES
        tell(calling, "commit")
        told = list(chain(*await all_told(calling)))
    assert sorted(t.customer_id for t in told) == sorted(customers)
    granted = {t.customer_id for t in told if t.journeys == ["news"]}
    assert len(granted) == UNITS
    assert all(t.journeys == ["plain"] for t in told if t.customer_id not in granted)
    found = await asyncio.gather(*(contacts(state, NOW, customer) for customer in customers))
    assert {c for c, kept in zip(customers, found, strict=True) if [k.journey_id for k in kept] == ["news"]} == granted
    (pool,) = plan.pools
    (use,) = (await situation(state, "never seen", NOW, [pool])).uses[pool.pool_id]
    assert use.amount == pytest.approx(pool.limit, abs=1e-9)


@pytest.mark.parametrize("at_most", [1, 3])
async def test_what_is_given_back_is_granted_again_and_never_more(
    adapter: str, place: Path, state: Store, at_most: int
) -> None:
    """Rounds of 20 minutes under a cap an hour, on a channel that gives back what nobody reports after 15 minutes.

    In each round 256 callers decide and report at once, then 256 decide until nothing is free.
    """
    news = journey("news", kind=JourneyKind.PROMOTIONAL)
    plan = catalogue(Entry(journey=news, contact=Cap(at_most=at_most, per=PER))).plan
    counts_until: dict[str, datetime] = {}
    with workers(*(Worker(in_rounds, adapter, place, plan, f"p{i}", i) for i in range(PROCESSES))) as calling:
        for number in range(4):
            now = NOW + number * 20 * MINUTE
            free = at_most - sum(until > now for until in counts_until.values())
            for name, reports in (("mixed", True), ("full", False)):
                tell(calling, Round(name=f"{name}{number}", now=now, reports=reports))
                for happened in await all_told(calling):
                    assert (happened.decided, happened.most_contacts <= at_most) == (CALLERS, True)
                    free -= _places_taken(happened)
                    counts_until |= _counting(happened, now)
            assert free == 0
            found = await counting(state, now)
            assert found == {decision_id for decision_id, until in counts_until.items() if until > now}
            assert len(found) == at_most


def _places_taken(happened: RoundResult) -> int:
    given_back = sum(became is OutcomeType.NOT_PRESENTED for became in happened.reported.values())
    return len(happened.granted) - given_back


def _counting(happened: RoundResult, now: datetime) -> dict[str, datetime]:
    """Until when each contact of a round counts: by what was reported of it."""
    lasting = {None: 15 * MINUTE, OutcomeType.PRESENTED: PER, OutcomeType.NOT_PRESENTED: timedelta(0)}
    return {decision_id: now + lasting[happened.reported.get(decision_id)] for decision_id in happened.granted}
