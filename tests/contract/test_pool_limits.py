"""What all customers share is never granted twice, however many decide at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.decision.decide import StateAtCommit
from service.decision.facts import Use
from service.decision.plan import Plan
from service.decision.record import canonical, output, replay
from service.decision.reports.rows import OutcomeType
from service.decision.windows import CalendarWindow, Period
from service.state.port import Committed
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.pools import DAY, NEW_YORK, give, holding, money, spending, units
from tests.contract.rows import MINUTE, codes, committed, contacts, outcome, picked, propose

CUSTOMERS = 64


async def test_a_full_pool_denies_until_enough_comes_back(state: Store) -> None:
    plan = holding(units(2))
    for i in range(2):
        await give(state, plan, str(i), NOW + i * MINUTE)
    denied = await propose(state, plan, decision_id="d9", customer_id="9", now=NOW + 2 * MINUTE)
    assert (picked(denied), codes(denied)) == (["plain"], {"news": ["CAPACITY"]})
    assert denied.rejected[0].reasons[0].eligible_after == NOW + DAY
    assert picked(await propose(state, plan, customer_id="9", now=NOW + DAY)) == ["news"]


async def test_what_another_customer_took_meanwhile_is_dropped_and_the_record_replays(state: Store) -> None:
    plan = holding(units(1))
    first = await propose(state, plan, decision_id="d1", customer_id="1")
    second = await propose(state, plan, decision_id="d2", customer_id="2")
    assert (picked(first), picked(second)) == (["news"], ["news"])
    assert await committed(state, first) is first
    revised = await committed(state, second)
    assert picked(revised) == ["plain"]
    assert codes(revised) == {"news": ["TAKEN_MEANWHILE", "CAPACITY"]}
    taken = (Use(ends_at=NOW + 15 * MINUTE, amount=1.0),)
    assert revised.settled == StateAtCommit(contacts=(), uses={"capacity:news": taken})
    stored = await state.decision("d2", NOW)
    assert stored is not None
    again = replay(plan, stored.record["input"])
    assert again.settled == revised.settled
    assert canonical(output(again)) == canonical(stored.record["output"])


async def test_what_was_given_back_meanwhile_lets_a_pick_stand(state: Store) -> None:
    plan = holding(units(2))
    await give(state, plan, "1")
    second = await propose(state, plan, decision_id="d2", customer_id="2", channel="email")
    await state.record_outcomes([outcome("o1", OutcomeType.NOT_PRESENTED)], NOW)
    decision = await committed(state, second)
    assert (picked(decision), decision.selection.taken) == (["news"], ())


async def test_a_pool_of_another_channel_is_neither_read_nor_asked(state: Store) -> None:
    pool = replace(money(0.0), channels=frozenset({"email"}))
    plan = spending(pool)
    assert (plan.pools_on("web"), plan.pools_on("email")) == ((), (pool,))
    assert picked(await propose(state, plan, channel="web")) == ["news"]
    assert codes(await propose(state, plan, channel="email")) == {"news": ["BUDGET"]}


async def test_what_is_used_meanwhile_on_another_channel_does_not_revise_a_decision(state: Store) -> None:
    plan = spending(replace(money(1.0), channels=frozenset({"email"})))
    on_web = await propose(state, plan, decision_id="d1", customer_id="1", channel="web")
    assert picked(await give(state, plan, "2")) == ["news"]
    assert await committed(state, on_web) is on_web


@pytest.mark.parametrize("channel", ["web", "email"])
@pytest.mark.parametrize(
    ("plan", "granted"),
    [
        (holding(units(5)), 5),
        (holding(units(5, CalendarWindow(period=Period.DAY, zone=NEW_YORK))), 5),
        (spending(money(1.25)), 5),
        (spending(money(1.0), cost=0.3), 3),
        (spending(money(0.3), cost=0.1), 3),
    ],
    ids=["units", "units-a-day", "money", "money-with-a-rest", "money-in-tenths"],
)
async def test_customers_that_commit_at_once_over_two_store_objects_get_exactly_what_the_pool_holds(
    state: Store, open_store: OpenStore, plan: Plan, granted: int, channel: str
) -> None:
    """All decided before any committed, so that each believes in a free unit."""
    stores = (state, await open_store())
    proposed = [
        await propose(state, plan, decision_id=f"d{i}", customer_id=f"c{i}", channel=channel) for i in range(CUSTOMERS)
    ]
    assert all(picked(d) == ["news"] for d in proposed)
    results = await asyncio.gather(*(stores[i % 2].commit(d, None) for i, d in enumerate(proposed)))
    decided = [r.decision for r in results if isinstance(r, Committed)]
    assert len(decided) == CUSTOMERS
    assert sum(picked(d) == ["news"] for d in decided) == granted
    assert sum(d.selection.taken == ("news",) for d in decided) == CUSTOMERS - granted
    assert await _reserved(state, "news") == granted


async def test_callers_that_read_decide_and_commit_at_once_get_exactly_what_the_pool_holds(
    state: Store, open_store: OpenStore
) -> None:
    stores, plan = (state, await open_store()), holding(units(5))

    async def decide(i: int) -> Sequence[str]:
        proposed = await propose(stores[i % 2], plan, decision_id=f"d{i}", customer_id=f"c{i}")
        return picked(await committed(stores[(i + 1) % 2], proposed))

    slates = await asyncio.gather(*(decide(i) for i in range(CUSTOMERS)))
    assert sum(slate == ["news"] for slate in slates) == 5
    assert await _reserved(state, "news") == 5


async def _reserved(state: Store, journey_id: str) -> int:
    """The contacts of every customer with this journey."""
    found = [await contacts(state, NOW, f"c{i}") for i in range(CUSTOMERS)]
    return sum(c.journey_id == journey_id for read in found for c in read)
