"""A caller that is gone before its answer: what its commit reserved is given back, whenever that was."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from service.decision.decide import Decision
from service.decision.plan import Plan
from service.decision.reports.rows import OutcomeType
from service.state.port import AlreadyDecided, CommitResult, Committed, ContactState, RequestKey
from tests.builders import NOW
from tests.contract.adapters import ADAPTERS, Store
from tests.contract.pools import holding, units
from tests.contract.rows import KEY, accepted, committed, contacts, event, outcome, picked, propose, situation, taken

WAIT_S = 10
POOL = units(1)
ONE_FOR_ALL = holding(POOL)
"""One `news` for all customers together, and `plain` without end."""
CALLERS = 40


async def settled(state: Store) -> None:
    """Returns once all that was handed in before is done: writes of a store object are done in their order."""
    await state.mark_delivered([])


async def nothing_is_reserved(state: Store, customer_id: str = "1") -> bool:
    reading = await situation(state, customer_id, pools=[POOL])
    return reading.contacts == () and reading.uses == {}


def wait_until_kept(adapter: str, place: Path, decision_id: str) -> None:
    """Blocks this thread, and the event loop in it, until others read the decision."""

    async def look() -> None:
        other = await ADAPTERS[adapter](place)
        async with asyncio.timeout(WAIT_S):
            while await other.decision(decision_id, NOW) is None:
                await asyncio.sleep(0.001)
        await other.close()

    looking = threading.Thread(target=asyncio.run, args=(look(),))
    looking.start()
    looking.join(2 * WAIT_S)
    assert not looking.is_alive()


async def cancelled(task: asyncio.Task[CommitResult]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def committing(state: Store, decision: Decision, key: RequestKey | None = KEY) -> asyncio.Task[CommitResult]:
    """A commit that was handed in, and has not been answered. Another before it made room for the day's decisions."""
    await committed(state, await propose(state, ONE_FOR_ALL, decision_id="d0", customer_id="another", limit=0))
    task = asyncio.create_task(state.commit(decision, key))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_a_commit_that_is_cancelled_before_it_is_handed_in_is_not_done(state: Store) -> None:
    decision = await propose(state, ONE_FOR_ALL, channel="email")
    task = asyncio.create_task(state.commit(decision, KEY))
    await cancelled(task)
    await settled(state)
    assert await state.decision("d1", NOW) is None
    assert await nothing_is_reserved(state)


async def test_a_commit_that_is_cancelled_while_it_waits_for_another_leaves_nothing(state: Store) -> None:
    decision = await propose(state, ONE_FOR_ALL, channel="email")
    await committed(state, await propose(state, ONE_FOR_ALL, decision_id="d0", customer_id="another", limit=0))
    long = [event(f"e{i}", "purchase", customer_id=f"c{i % 50}", amount=1.0) for i in range(500)]
    ahead = asyncio.create_task(state.record_events(long, NOW))
    await asyncio.sleep(0)
    task = asyncio.create_task(state.commit(decision, KEY))
    await asyncio.sleep(0)
    await cancelled(task)
    assert not ahead.done()
    assert await ahead == [accepted(row.event_id) for row in long]
    await settled(state)
    assert await nothing_is_reserved(state)
    assert await state.decision_of_request("1", KEY.request_id, NOW) is None


async def test_a_commit_that_is_cancelled_after_it_was_kept_and_before_its_answer_gives_everything_back(
    state: Store, adapter: str, place: Path
) -> None:
    decision = await propose(state, ONE_FOR_ALL, channel="email", limit=2)
    assert picked(decision) == ["news", "plain"]
    task = await committing(state, decision)
    wait_until_kept(adapter, place, "d1")
    await cancelled(task)
    await settled(state)
    assert await nothing_is_reserved(state)
    stored = await state.decision("d1", NOW)
    assert stored is not None
    assert stored.contact_states == {"news": ContactState.RELEASED, "plain": ContactState.RELEASED}


async def test_the_request_id_of_a_cancelled_call_may_be_used_again_and_gets_a_decision_of_its_own(
    state: Store, adapter: str, place: Path
) -> None:
    task = await committing(state, await propose(state, ONE_FOR_ALL, channel="email"))
    wait_until_kept(adapter, place, "d1")
    await cancelled(task)
    await settled(state)
    again = await propose(state, ONE_FOR_ALL, decision_id="d2", channel="email")
    assert picked(await committed(state, again, KEY)) == ["news"]
    found = await state.decision_of_request("1", KEY.request_id, NOW)
    assert found is not None
    assert found.decision_id == "d2"
    assert [c.decision_id for c in await contacts(state)] == ["d2"]


async def test_what_a_cancelled_call_gave_back_goes_to_the_next_customer(
    state: Store, adapter: str, place: Path
) -> None:
    other = await propose(state, ONE_FOR_ALL, decision_id="d2", customer_id="2", channel="email")
    task = await committing(state, await propose(state, ONE_FOR_ALL, channel="email"))
    wait_until_kept(adapter, place, "d1")
    await cancelled(task)
    assert picked(await committed(state, other)) == ["news"]


async def test_a_cancelled_retry_leaves_the_decision_that_was_answered(state: Store, adapter: str, place: Path) -> None:
    """It reserved nothing: another call had its request id already."""
    first = await committed(state, await propose(state, ONE_FOR_ALL, channel="email"), KEY)
    task = await committing(state, await propose(state, ONE_FOR_ALL, decision_id="d2", channel="email"))
    await cancelled(task)
    await settled(state)
    assert [c.decision_id for c in await contacts(state)] == [first.terms.decision_id]
    result = await state.commit(await propose(state, ONE_FOR_ALL, decision_id="d3", channel="email"), KEY)
    assert isinstance(result, AlreadyDecided)
    assert result.stored.decision_id == "d1"


async def test_what_was_reported_of_a_cancelled_decision_meanwhile_stays(
    state: Store, adapter: str, place: Path
) -> None:
    """Somebody who got the decision elsewhere, and showed it, is believed."""
    task = await committing(state, await propose(state, ONE_FOR_ALL, channel="email"))
    wait_until_kept(adapter, place, "d1")
    shown = asyncio.create_task(state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW))
    await asyncio.sleep(0)
    task.cancel()
    assert await shown == [taken("o1")]
    await settled(state)
    (contact,) = await contacts(state)
    assert contact.is_presented


@pytest.mark.parametrize("round_", range(4))
async def test_of_callers_that_go_at_any_moment_only_those_that_were_answered_have_a_contact(
    state: Store, round_: int
) -> None:
    """Each has a customer of its own, and goes after a part of the time that all need; the last one stays."""
    pool = units(2 * CALLERS)
    plan = holding(pool)
    began_at = time.monotonic()
    await asyncio.gather(*(_decide(state, plan, f"before{i}") for i in range(CALLERS)))
    needed_s = time.monotonic() - began_at

    async def decide_and_go(i: int) -> bool:
        task = asyncio.create_task(_decide(state, plan, f"c{i}"))
        await asyncio.wait({task}, timeout=needed_s * 1.5 * i / CALLERS if i < CALLERS - 1 else None)
        task.cancel()
        await asyncio.wait({task})
        return not task.cancelled() and isinstance(task.result(), Committed)

    answered = await asyncio.gather(*(decide_and_go(i) for i in range(CALLERS)))
    await settled(state)
    assert [len(await contacts(state, customer_id=f"c{i}")) for i in range(CALLERS)] == [int(was) for was in answered]
    uses = (await situation(state, "never seen", pools=[pool])).uses[pool.pool_id]
    assert sum(use.amount for use in uses) == CALLERS + sum(answered)
    for i, was in enumerate(answered):
        assert isinstance(await _decide(state, plan, f"c{i}", "again"), AlreadyDecided if was else Committed)


async def _decide(state: Store, plan: Plan, customer_id: str, name: str = "d") -> CommitResult:
    decision_id = f"{name}-{customer_id}"
    proposed = await propose(state, plan, decision_id=decision_id, customer_id=customer_id, channel="email")
    return await state.commit(proposed, KEY)


@pytest.mark.parametrize("way", ["commit", "look up"])
async def test_a_retry_that_is_told_of_the_decision_before_it_is_released_keeps_it(
    state: Store, adapter: str, place: Path, way: str
) -> None:
    """The retry comes while the first caller is gone and its release is still on its way: one answer, and it holds."""
    decision = await propose(state, ONE_FOR_ALL, channel="email")
    retried = await propose(state, ONE_FOR_ALL, decision_id="d2", channel="email")
    task = await committing(state, decision)
    told: list[str] = []

    async def retry() -> None:
        other = await ADAPTERS[adapter](place)
        async with asyncio.timeout(WAIT_S):
            while await other.decision("d1", NOW) is None:
                await asyncio.sleep(0.001)
        if way == "commit":
            result = await other.commit(retried, KEY)
            assert isinstance(result, AlreadyDecided)
            told.append(result.stored.decision_id)
        else:
            stored = await other.decision_of_request("1", KEY.request_id, NOW)
            assert stored is not None
            told.append(stored.decision_id)
        await other.close()

    retrying = threading.Thread(target=asyncio.run, args=(retry(),))
    retrying.start()
    retrying.join(2 * WAIT_S)  # this loop does not turn meanwhile: the first caller is not answered
    await cancelled(task)
    await settled(state)
    assert told == ["d1"]
    assert [c.decision_id for c in await contacts(state)] == ["d1"]
    again = await state.decision_of_request("1", KEY.request_id, NOW)
    assert again is not None
    assert again.decision_id == "d1"
    assert again.contact_states == {"news": ContactState.RESERVED}
