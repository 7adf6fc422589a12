"""What a transaction must have to itself is kept from others, in one order, so that nobody waits in a circle."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from service.decision.facts import FactKind
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import RowStatus
from service.state.engines.postgres import PostgresEngine
from service.state.engines.postgres_session import advisory_key
from service.state.engines.session import Locks, Row, Session, Sql, Transaction, customer_lock, micros
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.by_customer import HOUR, answer, decided, of_customer, presented
from tests.contract.rows import event, situation, taken
from tests.integration.state.conftest import OpenEngine, OpenState
from tests.integration.state.works import WAIT_S, HeldTransaction

HELD_KEYS = Sql(
    "SELECT (classid::bigint << 32) | objid::bigint AS number FROM pg_locks"
    " WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
)


def telling(*keys: str) -> Transaction[list[Row]]:
    """Has these keys alone. Its answer: the numbers of all keys that its transaction holds."""

    def run(session: Session) -> list[Row]:
        return session.query(HELD_KEYS)[0]

    return Transaction(run, lambda _: Locks(exclusive=frozenset(keys)))


async def numbers_of(engine: PostgresEngine, *keys: str) -> list[int]:
    """By which numbers the server knows these keys, ascending."""
    return sorted(row["number"] for row in await engine.write(telling(*keys)))


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")], ids="".join)
async def test_keys_are_taken_in_ascending_order(engine: PostgresEngine, url: str, order: tuple[str, ...]) -> None:
    """While somebody has the one in the middle, the first is held and the last is not."""
    numbers = await numbers_of(engine, *order)
    assert len(numbers) == 3
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (numbers[1],))
        held = await HeldTransaction(engine).begun()
        answers = [engine.write(telling(key)) for key in order]
        await held.end()
        async with asyncio.timeout(WAIT_S):
            while not (locks := advisory_locks(url)).get((numbers[1], False)):
                await asyncio.sleep(0.002)
        assert locks == {(numbers[0], True): 1, (numbers[1], True): 1, (numbers[1], False): 1}
        other.execute("SELECT pg_advisory_unlock(%s)", (numbers[1],))
        rows = await asyncio.gather(*answers)
    assert [sorted(row["number"] for row in found) for found in rows] == [numbers] * 3


async def test_what_names_its_customer_is_given_away_once_nobody_else_has_her(state: SqlState, url: str) -> None:
    """Whoever has her presents another contact before the last: it is given to that one."""
    await presented(state, "d1")
    await decided(state, "d2")
    own = advisory_key(customer_lock("1"))
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (own,))
        waiting = asyncio.create_task(answer(state, of_customer(at=2 * HOUR)))
        async with asyncio.timeout(WAIT_S):
            while (own, False) not in advisory_locks(url):
                await asyncio.sleep(0.002)
        assert not waiting.done()
        shown = "UPDATE contacts SET state = 'PRESENTED', presented_at = %s WHERE decision_id = 'd2'"
        other.execute(shown, (micros(NOW + HOUR),))
    assert await waiting == taken("o1", "d2")


def advisory_locks(url: str) -> dict[tuple[int, bool], int]:
    """How often each key is held (True) or waited for (False)."""
    question = (
        "SELECT (classid::bigint << 32) | objid::bigint, granted, count(*) FROM pg_locks"
        " WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " GROUP BY 1, 2"
    )
    with psycopg.connect(url) as connection:
        return {(number, granted): count for number, granted, count in connection.execute(question)}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (Locks(shared=frozenset({"rules"})), Locks(shared=frozenset({"rules"}))),
        (Locks(exclusive=frozenset({"customer:1"})), Locks(exclusive=frozenset({"customer:2"}))),
        (Locks(), Locks(exclusive=frozenset({"rules"}))),
    ],
    ids=["shared-by-both", "of-another", "none"],
)
async def test_who_needs_nothing_of_another_alone_does_not_wait_for_it(
    engine: PostgresEngine, open_engine: OpenEngine, mine: Locks, theirs: Locks
) -> None:
    held = await HeldTransaction(engine, mine).begun()
    other = await HeldTransaction(await open_engine(), theirs).begun()
    await other.end()
    assert not held.answer.done()
    await held.end()


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (Locks(shared=frozenset({"rules"})), Locks(exclusive=frozenset({"rules"}))),
        (Locks(exclusive=frozenset({"rules"})), Locks(shared=frozenset({"rules"}))),
        (Locks(exclusive=frozenset({"customer:1"})), Locks(exclusive=frozenset({"customer:1"}))),
        (Locks(exclusive=frozenset({"rules"}), shared=frozenset({"rules"})), Locks(shared=frozenset({"rules"}))),
    ],
    ids=["alone-after-shared", "shared-after-alone", "alone-after-alone", "shared-after-both"],
)
async def test_who_needs_alone_what_another_has_waits_for_it(
    engine: PostgresEngine, open_engine: OpenEngine, url: str, mine: Locks, theirs: Locks
) -> None:
    held = await HeldTransaction(engine, mine).begun()
    other = HeldTransaction(await open_engine(), theirs)
    async with asyncio.timeout(WAIT_S):
        while not any(not granted for _, granted in advisory_locks(url)):
            await asyncio.sleep(0.002)
    assert not other.answer.done()
    await held.end()
    await (await other.begun()).end()


async def test_two_that_ask_for_the_same_keys_in_opposite_orders_do_not_wait_for_each_other_in_a_circle(
    open_engine: OpenEngine, url: str
) -> None:
    """Both wait for the key in the middle, which somebody has: whoever took its first key by then, took the lowest."""
    engines, names = (await open_engine(), await open_engine()), ["a", "b", "c"]
    (middle,) = await numbers_of(engines[0], names[1])
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (middle,))
        answers = []
        for engine, order in zip(engines, (names, names[::-1]), strict=True):
            held = await HeldTransaction(engine).begun()
            answers += [engine.write(telling(name)) for name in order]
            await held.end()
        async with asyncio.timeout(WAIT_S):
            while sum(count for (_, granted), count in advisory_locks(url).items() if not granted) < 2:
                await asyncio.sleep(0.002)
        other.execute("SELECT pg_advisory_unlock(%s)", (middle,))
    await asyncio.gather(*answers)
    for engine in engines:
        await engine.close()
    assert deadlocks(url) == 0


def deadlocks(url: str) -> int:
    """How many the server ended. It counts those of a connection once that is closed."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


async def test_calls_over_the_same_customers_in_opposite_orders_never_deadlock(open_state: OpenState, url: str) -> None:
    """Of two store objects: batches of all customers, and calls for one each, which share transactions."""
    stores, names = (await open_state(), await open_state()), [f"c{i}" for i in range(12)]

    async def write(store: SqlState, name: str, order: list[str]) -> None:
        for step in range(10):
            batch = [bought(f"{name}-{step}-{who}", who) for who in order]
            ones = [[bought(f"{name}-{step}-{who}-alone", who)] for who in order]
            for results in await asyncio.gather(*(store.record_events(rows, NOW) for rows in (*ones, batch))):
                assert {result.status for result in results} == {RowStatus.ACCEPTED}

    await asyncio.gather(write(stores[0], "one", names), write(stores[1], "other", names[::-1]))
    assert [(await situation(stores[0], name)).versions[FactKind.EVENTS] for name in names] == [41] * 12
    for store in stores:
        await store.close()
    assert deadlocks(url) == 0


def bought(event_id: str, customer_id: str) -> KnownEvent:
    return event(event_id, "purchase", customer_id=customer_id, amount=1.0)
