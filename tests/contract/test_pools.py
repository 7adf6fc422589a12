"""What all customers share: units and money are used by every contact that counts, and never granted twice.

`web` gives an unconfirmed reservation back after 15 minutes; `email` counts it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.constraints.capacity import Pool
from service.decision.constraints.registry import Policies
from service.decision.decide import Decision, Settled
from service.decision.facts import Use
from service.decision.journey import Journey, JourneyKind, Stage, StagePlan
from service.decision.plan import Plan
from service.decision.record import canonical, output, replay
from service.decision.windows import Calendar, Period, Rolling
from service.state.port import Committed, OutcomeType
from tests.builders import NOW, Offered, action, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import MINUTE, codes, committed, contacts, outcome, picked, propose, situation

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
NEW_YORK = ZoneInfo("America/New_York")
DAILY = Rolling(per=DAY)
CUSTOMERS = 64
ANYTHING = Pool(pool_id="p", limit=1.0, window=DAILY)
ALL_KINDS = Policies(incident_default=frozenset(JourneyKind), incident_classes={})


def costing(journey_id: str, cost: float, *, tier: int = 1, kind: JourneyKind = JourneyKind.PROMOTIONAL) -> Journey:
    stage = StagePlan(stage=Stage.NEED, actions=(action(cost=cost),))
    return journey(journey_id, kind=kind, tier=tier, stages=[stage])


def units(limit: int, window: Rolling | Calendar = DAILY, journey_id: str = "news") -> Pool:
    return Pool(pool_id=f"capacity:{journey_id}", limit=limit, window=window, journeys=frozenset({journey_id}))


def holding(pool: Pool) -> Plan:
    """`news` with this capacity, and behind it `plain`, without one."""
    offered = [Offered(journey=journey("news"), capacity=pool), Offered(journey=journey("plain", tier=2))]
    return catalogue(*offered, policies=ALL_KINDS).plan


def spending(budget: Pool, cost: float = 0.25) -> Plan:
    """`news` at this cost under a budget, and behind it `plain`, for nothing."""
    offered = [Offered(journey=costing("news", cost)), Offered(journey=journey("plain", tier=2))]
    policies = Policies(incident_default=frozenset(JourneyKind), incident_classes={}, budgets=(budget,))
    return catalogue(*offered, policies=policies).plan


def money(limit: float) -> Pool:
    return Pool(pool_id="offers", limit=limit, window=DAILY, counts_cost=True)


async def give(state: Store, plan: Plan, customer_id: str, now: datetime = NOW, channel: str = "email") -> Decision:
    """A committed decision, `d` and the customer's id."""
    proposed = await propose(
        state, plan, decision_id=f"d{customer_id}", customer_id=customer_id, channel=channel, now=now
    )
    return await committed(state, proposed)


async def uses(state: Store, pool: Pool, now: datetime = NOW) -> tuple[Use, ...] | None:
    """What a customer who was never seen reads of it; None without an entry."""
    return (await situation(state, "never seen", now, [pool])).uses.get(pool.pool_id)


async def test_a_pool_that_nobody_uses_has_no_entry(state: Store) -> None:
    pool = units(5)
    await committed(state, await propose(state, holding(units(5, journey_id="plain")), limit=0))
    assert (await situation(state, pools=[pool])).uses == {}


async def test_a_contact_of_any_customer_is_in_use_until_its_window_ends(state: Store) -> None:
    pool = units(5)
    for i in range(2):
        await give(state, holding(pool), str(i), NOW + i * MINUTE)
    first, second = Use(ends_at=NOW + DAY, amount=1.0), Use(ends_at=NOW + DAY + MINUTE, amount=1.0)
    assert await uses(state, pool, NOW + MINUTE) == (first, second)
    assert await uses(state, pool, NOW + DAY - INSTANT) == (first, second)
    assert await uses(state, pool, NOW + DAY) == (second,)
    assert await uses(state, pool, NOW + DAY + MINUTE) is None


async def test_uses_that_end_together_are_summed(state: Store) -> None:
    pool = units(5)
    for i in range(3):
        await give(state, holding(pool), str(i))
    assert await uses(state, pool) == (Use(ends_at=NOW + DAY, amount=3.0),)


async def test_an_unconfirmed_reservation_is_in_use_until_its_channel_gives_it_back(state: Store) -> None:
    pool = units(5)
    await give(state, holding(pool), "1", channel="web")
    assert await uses(state, pool) == (Use(ends_at=NOW + 15 * MINUTE, amount=1.0),)
    assert await uses(state, pool, NOW + 15 * MINUTE) is None


async def test_what_was_presented_is_in_use_from_its_own_time_and_what_was_not_is_given_back(state: Store) -> None:
    pool = units(5)
    for customer_id in ("1", "2"):
        await give(state, holding(pool), customer_id, channel="web")
    shown = outcome("o1", OutcomeType.PRESENTED, NOW + 3 * MINUTE)
    await state.record_outcomes([shown, outcome("o2", OutcomeType.NOT_PRESENTED, decision_id="d2")], NOW + 3 * MINUTE)
    assert await uses(state, pool, NOW + 3 * MINUTE) == (Use(ends_at=NOW + 3 * MINUTE + DAY, amount=1.0),)


# Worked out by hand: New York is 5 hours behind UTC in winter; 2018-01-03 is a Wednesday.
@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        (Period.DAY, datetime(2018, 1, 3, 5, tzinfo=UTC), datetime(2018, 1, 4, 5, tzinfo=UTC)),
        (Period.WEEK, datetime(2018, 1, 1, 5, tzinfo=UTC), datetime(2018, 1, 8, 5, tzinfo=UTC)),
        (Period.MONTH, datetime(2018, 1, 1, 5, tzinfo=UTC), datetime(2018, 2, 1, 5, tzinfo=UTC)),
    ],
    ids=str,
)
async def test_a_calendar_period_is_that_of_its_zone(
    state: Store, period: Period, begins: datetime, ends: datetime
) -> None:
    pool = units(5, Calendar(period=period, zone=NEW_YORK))
    for i, at in enumerate([begins - INSTANT, begins, ends - INSTANT]):
        await give(state, holding(pool), str(i), at)
    assert await uses(state, pool, begins) == (Use(ends_at=ends, amount=2.0),)
    assert await uses(state, pool, ends - INSTANT) == (Use(ends_at=ends, amount=2.0),)
    assert await uses(state, pool, ends) is None
    assert await uses(state, pool, begins - INSTANT) is not None


async def test_a_day_of_23_hours_ends_an_hour_earlier(state: Store) -> None:
    """In New York the clocks went forward on 2018-03-11: that day went from 05:00 to 04:00 UTC."""
    pool = units(5, Calendar(period=Period.DAY, zone=NEW_YORK))
    await give(state, holding(pool), "1", datetime(2018, 3, 11, 5, tzinfo=UTC))
    end = datetime(2018, 3, 12, 4, tzinfo=UTC)
    assert await uses(state, pool, end - INSTANT) == (Use(ends_at=end, amount=1.0),)
    assert await uses(state, pool, end) is None


async def test_what_is_shown_minutes_ahead_in_the_next_period_counts_until_the_end_of_that(state: Store) -> None:
    """An outcome may be up to 5 minutes ahead of the clock, here across midnight in New York."""
    pool, midnight = units(5, Calendar(period=Period.DAY, zone=NEW_YORK)), datetime(2018, 1, 4, 5, tzinfo=UTC)
    await give(state, holding(pool), "1", midnight - MINUTE)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, midnight + MINUTE)], midnight - MINUTE)
    for now in (midnight - MINUTE, midnight, midnight + DAY - INSTANT):
        assert await uses(state, pool, now) == (Use(ends_at=midnight + DAY, amount=1.0),)


async def test_money_is_the_cost_of_the_contacts_and_what_costs_nothing_uses_none(state: Store) -> None:
    """Of 3 customers who got both, `news` at 25 cents and `plain` for nothing."""
    pool = money(10.0)
    for i in range(3):
        slate = await propose(state, spending(pool), decision_id=f"d{i}", customer_id=str(i), channel="email", limit=2)
        assert picked(await committed(state, slate)) == ["news", "plain"]
    assert await uses(state, pool) == (Use(ends_at=NOW + DAY, amount=0.75),)
    assert await uses(state, replace(pool, journeys=frozenset({"plain"}))) is None


@pytest.mark.parametrize(
    ("pool", "used"),
    [
        (ANYTHING, 3.0),
        (replace(ANYTHING, journeys=frozenset({"news"})), 2.0),
        (replace(ANYTHING, journeys=frozenset({"news", "plain"})), 3.0),
        (replace(ANYTHING, kinds=frozenset({JourneyKind.SERVICE})), 1.0),
        (replace(ANYTHING, channels=frozenset({"email"})), 2.0),
        (replace(ANYTHING, channels=frozenset({"email"}), journeys=frozenset({"news"})), 1.0),
        (replace(ANYTHING, channels=frozenset({"app"})), None),
    ],
    ids=["anything", "a-journey", "two-journeys", "a-kind", "a-channel", "a-journey-on-a-channel", "no-such-contact"],
)
async def test_only_contacts_that_match_use_a_pool(state: Store, pool: Pool, used: float | None) -> None:
    """`news`, promotional, by email and on the web; `plain`, service, by email."""
    promoted = catalogue(Offered(journey=journey("news", kind=JourneyKind.PROMOTIONAL))).plan
    await give(state, promoted, "1")
    await give(state, promoted, "2", channel="web")
    await give(state, catalogue(Offered(journey=journey("plain"))).plan, "3")
    found = await uses(state, pool)
    assert (None if found is None else sum(use.amount for use in found)) == used


FRESH = itertools.count()
_GIVEN = st.tuples(
    st.sampled_from(["email", "web"]),
    st.sampled_from([NOW + timedelta(hours=h) for h in range(-60, 1, 6)]),
    st.sampled_from([None, OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED]),
)
_WINDOWS = st.sampled_from(
    [Rolling(per=timedelta(hours=h)) for h in (6, 24, 48)]
    + [Calendar(period=p, zone=z) for p in Period for z in (UTC, NEW_YORK, ZoneInfo("Asia/Kathmandu"))]
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_GIVEN, min_size=1, max_size=6), _WINDOWS, st.booleans())
async def test_uses_are_those_of_every_customers_contacts_taken_together(
    state: Store, given_: list[tuple[str, datetime, OutcomeType | None]], window: Rolling | Calendar, is_money: bool
) -> None:
    """Against the contacts as each customer reads them. The store is shared: each example has its own journey."""
    example = f"j{next(FRESH)}"
    plan = catalogue(Offered(journey=costing(example, 0.25)), policies=ALL_KINDS).plan
    pool = Pool(pool_id="p", limit=1.0, window=window, counts_cost=is_money, journeys=frozenset({example}))
    for i, (channel, at, reported) in enumerate(given_):
        customer_id = f"{example}-{i}"
        await give(state, plan, customer_id, at, channel)
        if reported is not None:
            shown_at = at + MINUTE
            row = outcome(f"o{customer_id}", reported, shown_at, decision_id=f"d{customer_id}", journey_id=example)
            await state.record_outcomes([row], shown_at)
    read = [c for i in range(len(given_)) for c in await contacts(state, NOW, f"{example}-{i}")]
    expected: dict[datetime, float] = {}
    for use in map(pool.use_of, read):
        if use is not None and use.ends_at > NOW:
            expected[use.ends_at] = expected.get(use.ends_at, 0.0) + use.amount
    listed = tuple(Use(ends_at=at, amount=amount) for at, amount in sorted(expected.items()))
    assert (await uses(state, pool) or ()) == listed


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
    assert revised.settled == Settled(contacts=(), uses={"capacity:news": taken})
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
        (holding(units(5, Calendar(period=Period.DAY, zone=NEW_YORK))), 5),
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
