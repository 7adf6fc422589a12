"""Rows that are past their time go while decisions are made and reports kept, in small steps."""

from __future__ import annotations

import asyncio
import threading

from service.decision.reports.rows import OutcomeType
from service.state.engines.session import Locks, Session, Sql, Transaction, customer_lock
from service.state.store import SqlState
from service.state.upkeep.prune import BATCH, TABLES, Upkeep
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.pools import give
from tests.contract.retention import DAY, KEPT, MIDNIGHT, upkeep
from tests.contract.rows import (
    capped,
    committed,
    contacts,
    event,
    outcome,
    propose,
    ranked,
    taken,
)


async def test_a_contact_does_not_go_from_under_a_report_that_is_being_kept(
    state: Store, open_store: OpenStore
) -> None:
    """Another process has the customer to itself, for as long as nothing may change under it."""
    other = await open_store()
    assert isinstance(other, SqlState)
    await ranked(state)
    is_begun, may_end = threading.Event(), threading.Event()

    def report(session: Session) -> int:
        is_begun.set()
        assert may_end.wait(20)
        (rows,) = session.query(Sql("SELECT journey_id FROM contacts WHERE customer_id = ?", ("1",)))
        return len(rows)

    customer = Locks(exclusive=frozenset({customer_lock("1")}))
    reporting = other.engine.write(Transaction(report, lambda _: customer))
    await asyncio.to_thread(is_begun.wait, 20)
    pruning = asyncio.create_task(upkeep(state).prune(MIDNIGHT + 400 * DAY))
    await asyncio.wait({pruning}, timeout=0.5)
    may_end.set()
    assert await reporting == 1
    assert (await pruning)["contacts"] == 1


async def test_many_rows_go_in_batches_with_a_pause_after_each(state: Store) -> None:
    assert isinstance(state, SqlState)
    rows = [event(f"e{i}", "purchase", customer_id=f"c{i}", amount=1.0) for i in range(2 * BATCH + 1)]
    await state.record_events(rows, NOW)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    told: list[tuple[str, int]] = []
    keeper = Upkeep(state.engine, KEPT, sleep)
    await keeper.prune(MIDNIGHT + 400 * DAY, lambda table, gone: told.append((table, gone)))
    assert told == [("events", BATCH), ("events", BATCH), ("events", 1)]
    assert len(pauses) == 3
    assert min(pauses) > 0


async def test_two_that_prune_at_once_delete_each_row_once(state: Store, open_store: OpenStore) -> None:
    other = await open_store()
    customers = [f"c{i}" for i in range(60)]
    for customer_id in customers:
        await give(state, capped(), customer_id)
    now = MIDNIGHT + 401 * DAY
    both = await asyncio.gather(upkeep(state).prune(now), upkeep(other).prune(now))
    for table in ("contacts", "decisions"):
        assert sum(gone[table] for gone in both) == len(customers)
    assert (await upkeep(state).count(now)) == dict.fromkeys(TABLES, 0)


async def test_decisions_and_reports_go_on_while_rows_are_deleted(state: Store, open_store: OpenStore) -> None:
    """Of the same customers whose old contacts go; each of them has a new contact afterwards."""
    other, customers = await open_store(), [f"c{i}" for i in range(60)]
    for customer_id in customers:
        await give(state, capped(), customer_id)
    now = MIDNIGHT + 401 * DAY

    async def decide(customer_id: str) -> None:
        proposed = await propose(other, decision_id=f"new-{customer_id}", customer_id=customer_id, now=now)
        await committed(other, proposed)
        report = outcome(f"o-{customer_id}", OutcomeType.PRESENTED, now, decision_id=f"new-{customer_id}")
        assert await other.record_outcomes([report], now) == [taken(f"o-{customer_id}", f"new-{customer_id}")]

    pruning = asyncio.create_task(upkeep(state).prune(now))
    await asyncio.gather(*map(decide, customers))
    gone = await pruning
    assert gone["contacts"] == len(customers)
    for customer_id in customers:
        assert [c.decision_id for c in await contacts(state, now, customer_id)] == [f"new-{customer_id}"]
