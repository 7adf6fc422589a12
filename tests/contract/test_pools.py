"""How much of what all customers share is in use: every contact that counts, until its window ends.

`web` gives an unconfirmed reservation back after 15 minutes; `email` counts it.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.constraints.capacity import Pool
from service.decision.facts import Use
from service.decision.journey import JourneyKind
from service.decision.reports.rows import OutcomeType
from service.decision.windows import CalendarWindow, Period, RollingWindow, Window
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.pools import ALL_KINDS, DAILY, DAY, NEW_YORK, costing, give, holding, money, show, spending, units
from tests.contract.rows import MINUTE, committed, contacts, outcome, picked, propose, situation

INSTANT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
STEP = timedelta(minutes=15)
"""A rolling day gives back at each quarter of an hour."""
ANYTHING = Pool(pool_id="p", limit=1.0, window=DAILY)


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
    first, second = Use(ends_at=NOW + DAY, amount=1.0), Use(ends_at=NOW + DAY + STEP, amount=1.0)
    assert await uses(state, pool, NOW + MINUTE) == (first, second)
    assert await uses(state, pool, NOW + DAY - INSTANT) == (first, second)
    assert await uses(state, pool, NOW + DAY) == (second,)
    assert await uses(state, pool, NOW + DAY + STEP) is None


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
    assert await uses(state, pool, NOW + 3 * MINUTE) == (Use(ends_at=NOW + DAY + STEP, amount=1.0),)


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
    pool = units(5, CalendarWindow(period=period, zone=NEW_YORK))
    for i, at in enumerate([begins - INSTANT, begins, ends - INSTANT]):
        await show(state, holding(pool), str(i), at)
    assert await uses(state, pool, begins) == (Use(ends_at=ends, amount=2.0),)
    assert await uses(state, pool, ends - INSTANT) == (Use(ends_at=ends, amount=2.0),)
    assert await uses(state, pool, ends) is None
    assert await uses(state, pool, begins - INSTANT) is not None


@pytest.mark.parametrize(
    "window", [CalendarWindow(period=Period.DAY, zone=NEW_YORK), RollingWindow(per=2 * HOUR)], ids=repr
)
async def test_what_is_reserved_is_in_use_as_long_as_it_can_be_shown_though_its_period_is_over(
    state: Store, window: Window
) -> None:
    """Reserved for a day, an hour before midnight: shown the next morning it counts then, so it keeps its unit."""
    pool, midnight = units(1, window), datetime(2018, 1, 4, 5, tzinfo=UTC)
    given = await give(state, holding(pool), "1", midnight - HOUR)
    assert picked(given) == ["news"]
    ends = midnight - HOUR + DAY
    for now in (midnight - INSTANT, midnight + 9 * HOUR, ends - INSTANT):
        assert picked(await give(state, holding(pool), f"other-{now}", now)) != ["news"]
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, midnight + 9 * HOUR)], midnight + 9 * HOUR)
    assert (await uses(state, pool, midnight + 9 * HOUR) or ())[0].amount == 1.0


async def test_what_was_reserved_and_never_reported_counts_from_its_decision(state: Store) -> None:
    pool = units(1, RollingWindow(per=2 * HOUR))
    await give(state, holding(pool), "1")
    assert await uses(state, pool, NOW + DAY - INSTANT) is not None
    assert await uses(state, pool, NOW + DAY + STEP) is None


async def test_a_day_of_23_hours_ends_an_hour_earlier(state: Store) -> None:
    """In New York the clocks went forward on 2018-03-11: that day went from 05:00 to 04:00 UTC."""
    pool = units(5, CalendarWindow(period=Period.DAY, zone=NEW_YORK))
    await show(state, holding(pool), "1", datetime(2018, 3, 11, 5, tzinfo=UTC))
    end = datetime(2018, 3, 12, 4, tzinfo=UTC)
    assert await uses(state, pool, end - INSTANT) == (Use(ends_at=end, amount=1.0),)
    assert await uses(state, pool, end) is None


async def test_what_is_shown_minutes_ahead_in_the_next_period_counts_until_the_end_of_that(state: Store) -> None:
    """An outcome may be up to 5 minutes ahead of the clock, here across midnight in New York."""
    pool, midnight = units(5, CalendarWindow(period=Period.DAY, zone=NEW_YORK)), datetime(2018, 1, 4, 5, tzinfo=UTC)
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
    promoted = catalogue(Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL))).plan
    await give(state, promoted, "1")
    await give(state, promoted, "2", channel="web")
    await give(state, catalogue(Entry(journey=journey("plain"))).plan, "3")
    found = await uses(state, pool)
    assert (None if found is None else sum(use.amount for use in found)) == used


FRESH = itertools.count()
_GIVEN = st.tuples(
    st.sampled_from(["email", "web"]),
    st.sampled_from([NOW + timedelta(hours=h) for h in range(-60, 1, 6)]),
    st.sampled_from([None, OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED]),
)
_WINDOWS = st.sampled_from(
    [RollingWindow(per=timedelta(hours=h)) for h in (6, 24, 48)]
    + [CalendarWindow(period=p, zone=z) for p in Period for z in (UTC, NEW_YORK, ZoneInfo("Asia/Kathmandu"))]
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_GIVEN, min_size=1, max_size=6), _WINDOWS, st.booleans(), st.booleans())
async def test_uses_are_those_of_every_customers_contacts_taken_together(
    state: Store,
    given_: list[tuple[str, datetime, OutcomeType | None]],
    window: RollingWindow | CalendarWindow,
    is_money: bool,
    is_known_before: bool,
) -> None:
    """Against the contacts as each customer reads them, whether they or the pool came first.

    The store is shared: each example has its own journey.
    """
    example = f"j{next(FRESH)}"
    plan = catalogue(Entry(journey=costing(example, 0.25)), policies=ALL_KINDS).plan
    pool = Pool(pool_id="p", limit=1.0, window=window, counts_cost=is_money, journeys=frozenset({example}))
    if is_known_before:
        assert await uses(state, pool) is None
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
