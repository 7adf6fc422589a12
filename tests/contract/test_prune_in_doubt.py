"""A clock that is wrong, or a time that is set too short by mistake, deletes nothing: the round stops and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.decision.constraints.capacity import Pool
from service.decision.reports.rows import OutcomeType
from service.decision.windows import RollingWindow
from service.state.engines.session import Sql, Transaction, micros
from service.state.store import SqlState
from service.state.upkeep.prune import Upkeep
from service.state.upkeep.pruning_limit import PruneStopped
from service.state.upkeep.retention import Retention
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.retention import DAY, INSTANT, KEPT, MIDNIGHT
from tests.contract.rows import KEY, committed, event, outcome, propose

HOUR = timedelta(hours=1)
YEARS = 2 * 365 * DAY


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


def keeper(state: Store, retention: Retention = KEPT) -> Upkeep:
    assert isinstance(state, SqlState)
    return Upkeep(state.engine, retention, no_pause)


async def went(round_: Awaitable[object]) -> dict[str, int]:
    """The rows that a round deleted, by table."""
    gone = await round_
    assert isinstance(gone, dict)
    return {table: rows for table, rows in gone.items() if rows}


async def receive(state: Store, at: datetime) -> None:
    """An event, by a service whose clock says so."""
    await state.record_events([event(f"e{micros(at)}", "purchase", at, amount=1.0)], at)


async def fill(state: Store) -> None:
    """A row of each kind at NOW."""
    await committed(state, await propose(state), KEY)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    await receive(state, NOW)
    await state.keep_catalogue("earlier", "source")
    await state.count_pools([Pool(pool_id="earlier", limit=1.0, window=RollingWindow(per=DAY))], NOW)


async def many(state: Store, count: int, at: datetime, name: str) -> None:
    """Events received at once."""
    assert isinstance(state, SqlState)
    text = (
        "INSERT INTO events (event_id, customer_id, source, type, occurred_at, received_at, attributes, fingerprint)"
        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        f" SELECT '{name}' || CAST(i AS text), '1', 'tests', 'purchase', {micros(at)}, {micros(at)}, '{{}}', '' FROM n"
    )
    await state.engine.write(Transaction(lambda session: session.execute(Sql(text, (count,)))))


async def held(state: Store) -> int:
    """How many events there are."""
    assert isinstance(state, SqlState)
    (rows,) = await state.engine.read(lambda session: session.query(Sql("SELECT count(*) AS events FROM events")))
    return int(rows[0]["events"])


async def test_a_clock_years_ahead_deletes_nothing_though_it_is_the_first_round(state: Store) -> None:
    """All was received by a clock that was right."""
    await fill(state)
    assert await went(keeper(state).round(NOW + YEARS)) == {}
    assert await state.catalogues() == ["source"]


async def test_what_was_received_by_a_clock_years_ahead_does_not_help_it(state: Store) -> None:
    await fill(state)
    await keeper(state).round(NOW + HOUR)
    await receive(state, NOW + YEARS)
    for _ in range(2):  # hour by hour
        with pytest.raises(PruneStopped, match=r"is 730\.0 days later than in the last round: nothing was pruned"):
            await keeper(state).round(NOW + HOUR + YEARS)
    assert await held(state) == 2
    assert await went(keeper(state).round(NOW + 2 * HOUR)) == {}  # the clock is right again
    assert await held(state) == 2


async def test_what_was_received_ahead_leaves_the_limit_to_a_clock_that_is_right(state: Store) -> None:
    await fill(state)
    await receive(state, NOW + YEARS)
    await keeper(state).round(MIDNIGHT + 400 * DAY - INSTANT)
    assert await held(state) == 2
    await keeper(state).round(MIDNIGHT + 400 * DAY)
    assert await held(state) == 1


async def test_rows_go_once_both_the_clock_and_what_is_received_are_past_their_time(state: Store) -> None:
    await fill(state)
    for day in range(399, 402):
        assert await went(keeper(state).round(NOW + day * DAY)) == {}
    await receive(state, NOW + 401 * DAY)
    gone = await went(keeper(state).round(NOW + 401 * DAY + HOUR))
    of_the_contact = {"contacts": 1, "decisions": 1, "events": 1, "outcomes": 1, "requests": 1}
    assert gone == {**of_the_contact, "pools": 1, "pool_uses": 1, "catalogues": 1}


async def test_a_store_that_received_nothing_for_days_goes_on_when_it_does(state: Store) -> None:
    """A quiet weekend is no wrong clock."""
    await receive(state, NOW)
    for hours in range(24 * 5):
        await keeper(state).round(NOW + hours * HOUR)
    await receive(state, NOW + 5 * DAY)
    assert await went(keeper(state).round(NOW + 5 * DAY)) == {}


@pytest.mark.parametrize(("moved", "stops"), [(2 * DAY, False), (2 * DAY + INSTANT, True)])
@pytest.mark.parametrize("way", [1, -1])
async def test_the_clock_may_move_by_two_days_from_one_round_to_the_next(
    state: Store, moved: timedelta, stops: bool, way: int
) -> None:
    await receive(state, NOW)
    await keeper(state).round(NOW)
    later = NOW + way * moved
    if stops:
        with pytest.raises(PruneStopped, match=("later" if way == 1 else "earlier") + " than in the last round"):
            await keeper(state).round(later)
        foretold, stopped = await keeper(state).foretell(later)
        assert (set(foretold.values()), type(stopped)) == ({0}, PruneStopped)
    await keeper(state).round(later, is_forced=stops)
    await keeper(state).round(later + HOUR)  # the clock of the last round is that of the one that was forced


async def test_a_round_that_is_forced_goes_by_the_clock_alone(state: Store) -> None:
    await fill(state)
    await keeper(state).round(NOW)
    assert "events" in await went(keeper(state).round(NOW + YEARS, is_forced=True))


async def test_nothing_goes_from_a_store_that_has_received_nothing(state: Store) -> None:
    await state.keep_catalogue("earlier", "source")
    assert await went(keeper(state).round(NOW + YEARS)) == {}
    assert await went(keeper(state).round(NOW + YEARS + HOUR)) == {}


@pytest.mark.parametrize(
    ("past", "left", "stops"), [(10_000, 1, False), (10_001, 40_004, False), (10_001, 40_003, True)]
)
async def test_at_most_a_fifth_of_a_large_table_goes_at_once(state: Store, past: int, left: int, stops: bool) -> None:
    """As after a table was to be kept for a shorter time, by a slip of the pen."""
    await many(state, past, NOW, "past")
    await many(state, left, NOW + 30 * DAY, "left")
    hasty = keeper(state, replace(KEPT, events=20 * DAY))
    if stops:
        with pytest.raises(PruneStopped, match="10,001 of 50,004 rows of events would go at once: nothing was pruned"):
            await hasty.round(NOW + 30 * DAY)
        assert await held(state) == past + left
    assert await went(hasty.round(NOW + 30 * DAY, is_forced=stops)) == {"events": past}


async def test_of_what_is_kept_for_a_week_two_days_may_go_at_once(state: Store) -> None:
    """A day of it is a seventh, and a busy one more than a fifth."""
    await many(state, 11_000, NOW, "past")
    await many(state, 29_000, NOW + 8 * DAY, "left")
    assert await went(keeper(state, replace(KEPT, events=7 * DAY)).round(NOW + 8 * DAY)) == {"events": 11_000}
