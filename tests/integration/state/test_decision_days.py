"""The days of decisions on PostgreSQL: made beside readers, dropped as a whole, or left while somebody reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from service.state.engines.partitions import days_past, drop_day
from service.state.engines.postgres import READERS
from service.state.port import Committed, StateUnavailable
from service.state.store import SqlState
from service.state.upkeep.prune import DROP_AGAIN_AFTER_S, Upkeep
from service.state.upkeep.retention import Retention
from tests.builders import NOW
from tests.contract.rows import KEY, MINUTE, capped, committed, event, propose, situation
from tests.integration.state.conftest import OpenState

DAY = timedelta(days=1)
LATER = NOW + 402 * DAY
KEY_OF_DAYS = 4711
TODAY, TOMORROW = date(2018, 1, 3), date(2018, 1, 4)


def days(url: str) -> list[date]:
    question = "SELECT relid::regclass::text FROM pg_partition_tree('decisions') WHERE isleaf ORDER BY 1"
    with psycopg.connect(url) as connection:
        return [date.fromisoformat(name[-8:]) for (name,) in connection.execute(question)]


def indexes(url: str, table: str) -> list[str]:
    """What each index of a table is of, without names."""
    question = "SELECT substring(indexdef from 'USING .*') FROM pg_indexes WHERE tablename = %s ORDER BY 1"
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(question, (table,))]


@contextmanager
def reading(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who looked at the decisions and has not ended the transaction."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM decisions")
        yield connection


def quick(state: SqlState, pauses: list[float]) -> Upkeep:
    """The upkeep of a store that remembers for how long it should have slept."""

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return Upkeep(state.engine, Retention(), sleep)


async def test_room_is_made_for_today_and_tomorrow_beside_somebody_who_reads(state: SqlState, url: str) -> None:
    with reading(url) as connection:
        async with asyncio.timeout(4):
            await quick(state, []).make_room(NOW)
        connection.execute("SELECT count(*) FROM decisions")
    assert days(url) == [TODAY, TOMORROW]
    assert indexes(url, "decisions_20180104") == indexes(url, "decisions")


async def test_a_commit_finds_the_room_that_another_process_made(state: SqlState, open_state: OpenState) -> None:
    await quick(await open_state(), []).make_room(NOW)
    await quick(state, []).make_room(NOW)
    assert isinstance(await state.commit(await propose(state, now=NOW + DAY), None), Committed)


async def test_a_commit_does_not_ask_for_its_day_again_because_a_reader_connected(state: SqlState) -> None:
    """It would be overtaken by calls that came later."""
    await committed(state, await propose(state))
    proposed = await propose(state, decision_id="d2", customer_id="2")
    await asyncio.gather(*(situation(state) for _ in range(4 * READERS)))
    told = event("e1", "incident.opened", customer_id="2", incident_id="i1")
    result, _ = await asyncio.gather(state.commit(proposed, None), state.record_events([told], NOW))
    assert isinstance(result, Committed)


async def test_several_may_make_room_at_once(open_state: OpenState, url: str) -> None:
    states = [await open_state() for _ in range(4)]
    await asyncio.gather(*(quick(state, []).make_room(NOW) for state in states))
    assert days(url) == [TODAY, TOMORROW]


async def test_a_day_is_dropped_as_a_whole_and_the_others_stay(state: SqlState, url: str) -> None:
    for i, at in enumerate((NOW, NOW + MINUTE, NOW + 2 * DAY)):
        await committed(state, await propose(state, capped(9), decision_id=f"d{i}", now=at))
    gone = await quick(state, []).prune(NOW + 401 * DAY)
    assert gone["decisions"] == 2
    assert days(url) == [date(2018, 1, 5)]
    assert await state.decision("d2", LATER) is not None


async def test_a_day_that_somebody_reads_stays_and_nobody_waits_for_it_for_long(state: SqlState, url: str) -> None:
    """What belongs to its decisions stays too; the next time it goes."""
    await committed(state, await propose(state), KEY)
    pauses: list[float] = []
    upkeep = quick(state, pauses)
    told: list[tuple[str, int]] = []
    with reading(url):
        pruning = asyncio.create_task(upkeep.prune(LATER, lambda table, rows: told.append((table, rows))))
        for i in range(20):
            async with asyncio.timeout(4):
                await committed(state, await propose(state, decision_id=f"n{i}", customer_id=f"n{i}", now=LATER))
        with pytest.raises(StateUnavailable, match="the decisions of 2018-01-03 are in use"):
            await pruning
    assert [pause for pause in pauses if pause in DROP_AGAIN_AFTER_S] == list(DROP_AGAIN_AFTER_S)
    assert told == [("requests", 1)]
    found = await state.decision("d1", LATER)
    assert found is not None
    assert list(found.contact_states) == ["news"]
    assert {table: rows for table, rows in (await upkeep.prune(LATER)).items() if rows} == {
        "decisions": 1,
        "contacts": 1,
    }


async def test_a_day_that_another_drops_meanwhile_is_not_there(state: SqlState, url: str) -> None:
    """The one waits its turn with statements and a table that it knows already, and must look again."""
    await committed(state, await propose(state))
    reader = psycopg.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        prepare_threshold=0,
        options="-c default_transaction_isolation=repeatable\\ read",
    )
    with reader as waiting, psycopg.connect(url) as dropping:
        assert drop_day(waiting, TOMORROW, KEY_OF_DAYS) is False
        assert days_past(waiting, TOMORROW, LATER) == {TODAY: 1}
        dropping.execute("SELECT pg_advisory_xact_lock(%s)", (KEY_OF_DAYS,))
        dropping.execute("DROP TABLE decisions_20180103")
        dropped = asyncio.create_task(asyncio.to_thread(drop_day, waiting, TODAY, KEY_OF_DAYS))
        await _until_it_waits(url)
        dropping.commit()
        assert await dropped is False


async def _until_it_waits(url: str) -> None:
    question = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
    with psycopg.connect(url, autocommit=True) as connection:
        async with asyncio.timeout(5):
            while connection.execute(question, (KEY_OF_DAYS,)).fetchone() == (0,):
                await asyncio.sleep(0)


async def test_a_day_that_was_dropped_can_be_decided_on_again(state: SqlState) -> None:
    """As history is taken in."""
    await committed(state, await propose(state))
    await quick(state, []).prune(LATER)
    assert isinstance(await state.commit(await propose(state, decision_id="d2"), None), Committed)
