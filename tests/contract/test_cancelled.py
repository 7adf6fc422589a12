"""A caller that is gone before its answer: what its decision reserved is given back, whenever that was."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from service.application.question import Question
from service.decision.decide import Decision
from service.decision.reports.rows import OutcomeType
from service.state.port import ContactState
from service.state.store import SqlState
from service.timing import StepTimes
from tests.builders import NOW
from tests.contract.adapters import ADAPTERS, Store
from tests.contract.pools import holding, units
from tests.contract.rows import contacts, outcome, picked, situation, taken
from tests.unit.application.house import HouseOver

WAIT_S = 10
POOL = units(1)
ONE_FOR_ALL = holding(POOL)
"""One `news` for all customers together, and `plain` without end."""
CALLERS = 40
ASK = Question(customer_id="1", channel="email", context={}, limit=1, request_id="r1")


@pytest.fixture
async def house(state: Store) -> AsyncIterator[HouseOver[SqlState]]:
    """A decider over the store; what day it is was made room for by a decision of before."""
    assert isinstance(state, SqlState)
    opened = HouseOver(state)
    opened.catalogues.go_by(ONE_FOR_ALL)
    await opened.decide(Question(customer_id="another", channel="email", context={}, limit=0))
    yield opened
    await opened.close()


class Pause:
    """A preparation at which the thread that decides waits until it is let go."""

    def __init__(self) -> None:
        self._begun, self._let_go = threading.Event(), threading.Event()

    def __call__(self, decision: Decision) -> None:
        self._begun.set()
        assert self._let_go.wait(WAIT_S)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, WAIT_S)

    def let_go(self) -> None:
        self._let_go.set()


def asking(house: HouseOver[SqlState], question: Question = ASK) -> asyncio.Task[Decision]:
    return asyncio.create_task(house.decide(question))


async def paused(house: HouseOver[SqlState], question: Question) -> tuple[asyncio.Task[Decision], Pause]:
    """A question under way, facts read and nothing kept: others wait behind it."""
    pause = Pause()
    task = asyncio.create_task(house.decider.decide(question, StepTimes(), pause))
    await pause.reached()
    return task, pause


async def settled(house: HouseOver[SqlState]) -> None:
    """Returns once all that was asked before is decided, and all that is given back is."""
    await house.decide(Question(customer_id="", channel="email", context={}, is_dry_run=True))
    await house.state.mark_delivered([])


async def cancelled(task: asyncio.Task[Decision]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def nothing_is_reserved(state: Store, customer_id: str = "1") -> bool:
    reading = await situation(state, customer_id, pools=[POOL])
    return reading.contacts == () and reading.uses == {}


def in_another_thread(work: Coroutine[Any, Any, None]) -> None:
    """Blocks this thread, and the event loop in it, so that nobody here is answered meanwhile."""
    looking = threading.Thread(target=asyncio.run, args=(work,))
    looking.start()
    looking.join(2 * WAIT_S)
    assert not looking.is_alive()


async def until_kept(other: Store, decision_id: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while await other.decision(decision_id, NOW) is None:
            await asyncio.sleep(0.001)


def wait_until_kept(adapter: str, place: Path, decision_id: str) -> None:
    """Until others read the decision, of which nobody here is told."""

    async def look() -> None:
        other = await ADAPTERS[adapter](place)
        await until_kept(other, decision_id)
        await other.close()

    in_another_thread(look())


async def kept(
    house: HouseOver[SqlState], adapter: str, place: Path, question: Question = ASK
) -> asyncio.Task[Decision]:
    """Asked and kept as d2, and not answered."""
    task = asking(house, question)
    await asyncio.sleep(0)
    wait_until_kept(adapter, place, "d2")
    assert not task.done()
    return task


async def test_a_call_that_is_cancelled_before_it_is_handed_in_is_not_decided(house: HouseOver[SqlState]) -> None:
    await cancelled(asking(house))
    await settled(house)
    assert await house.state.decision("d2", NOW) is None
    assert await nothing_is_reserved(house.state)


async def test_a_call_that_is_cancelled_while_it_waits_for_others_is_not_decided(house: HouseOver[SqlState]) -> None:
    ahead, pause = await paused(house, Question(customer_id="2", channel="email", context={}, limit=0))
    task = asking(house)
    await asyncio.sleep(0)
    await cancelled(task)
    pause.let_go()
    assert (await ahead).terms.decision_id == "d2"
    await settled(house)
    assert await house.state.decision("d3", NOW) is None
    assert await nothing_is_reserved(house.state)


async def test_a_call_that_is_cancelled_between_read_and_commit_is_not_kept(house: HouseOver[SqlState]) -> None:
    task, pause = await paused(house, ASK)
    await cancelled(task)
    pause.let_go()
    await settled(house)
    assert await house.state.decision("d2", NOW) is None
    assert await nothing_is_reserved(house.state)


async def test_a_call_that_is_cancelled_after_it_was_kept_and_before_its_answer_gives_everything_back(
    house: HouseOver[SqlState], adapter: str, place: Path
) -> None:
    task = await kept(house, adapter, place, Question(customer_id="1", channel="email", context={}, limit=2))
    await cancelled(task)
    await settled(house)
    assert await nothing_is_reserved(house.state)
    stored = await house.state.decision("d2", NOW)
    assert stored is not None
    assert stored.contact_states == {"news": ContactState.RELEASED, "plain": ContactState.RELEASED}


async def test_the_request_id_of_a_cancelled_call_may_be_used_again_and_gets_a_decision_of_its_own(
    house: HouseOver[SqlState], adapter: str, place: Path
) -> None:
    await cancelled(await kept(house, adapter, place))
    await settled(house)
    again = await house.decide(ASK)
    assert picked(again) == ["news"]
    assert again.terms.decision_id != "d2"
    assert [c.decision_id for c in await contacts(house.state)] == [again.terms.decision_id]


async def test_what_a_cancelled_call_gave_back_goes_to_the_next_customer(
    house: HouseOver[SqlState], adapter: str, place: Path
) -> None:
    await cancelled(await kept(house, adapter, place))
    await settled(house)
    assert picked(await house.decide(Question(customer_id="2", channel="email", context={}, limit=1))) == ["news"]


async def test_a_cancelled_retry_leaves_the_decision_that_was_answered(house: HouseOver[SqlState]) -> None:
    """It reserved nothing: another call had its request id already."""
    first = await house.decide(ASK)
    task = asking(house)
    await asyncio.sleep(0)
    await cancelled(task)
    await settled(house)
    assert [c.decision_id for c in await contacts(house.state)] == [first.terms.decision_id]
    assert (await house.decide(ASK)).terms.decision_id == first.terms.decision_id


async def test_what_was_reported_of_a_cancelled_decision_meanwhile_stays(
    house: HouseOver[SqlState], adapter: str, place: Path
) -> None:
    """Somebody who got the decision elsewhere, and showed it, is believed."""
    task = await kept(house, adapter, place)
    shown = asyncio.create_task(
        house.state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, decision_id="d2")], NOW)
    )
    await asyncio.sleep(0)
    task.cancel()
    assert await shown == [taken("o1", "d2")]
    await settled(house)
    (contact,) = await contacts(house.state)
    assert contact.is_presented


@pytest.mark.parametrize("round_", range(4))
async def test_of_callers_that_go_at_any_moment_only_those_that_were_answered_have_a_contact(
    house: HouseOver[SqlState], round_: int
) -> None:
    """Each has a customer of its own, and goes after a part of the time that all need; the last one stays."""
    pool = units(2 * CALLERS)
    house.catalogues.go_by(holding(pool))

    async def decide(customer_id: str) -> Decision:
        return await house.decide(Question(customer_id=customer_id, channel="email", context={}, request_id="r1"))

    began_at = time.monotonic()
    await asyncio.gather(*(decide(f"before{i}") for i in range(CALLERS)))
    needed_s = time.monotonic() - began_at

    async def decide_and_go(i: int) -> str | None:
        task = asyncio.create_task(decide(f"c{i}"))
        await asyncio.wait({task}, timeout=needed_s * 1.5 * i / CALLERS if i < CALLERS - 1 else None)
        task.cancel()
        await asyncio.wait({task})
        return None if task.cancelled() else task.result().terms.decision_id

    answered = await asyncio.gather(*(decide_and_go(i) for i in range(CALLERS)))
    await settled(house)
    found = [await contacts(house.state, customer_id=f"c{i}") for i in range(CALLERS)]
    assert [{c.decision_id for c in listed} for listed in found] == [{one} if one else set() for one in answered]
    uses = (await situation(house.state, "never seen", pools=[pool])).uses[pool.pool_id]
    assert sum(use.amount for use in uses) == CALLERS + sum(one is not None for one in answered)
    for i, was in enumerate(answered):
        again = (await decide(f"c{i}")).terms.decision_id
        assert (again == was) if was else (again not in answered)


@pytest.mark.parametrize("way", ["commit", "look up"])
async def test_a_retry_that_is_told_of_the_decision_before_it_is_released_keeps_it(
    house: HouseOver[SqlState], adapter: str, place: Path, way: str
) -> None:
    """The retry comes while the first caller is gone and its release is still on its way: one answer, and it holds."""
    told: list[str] = []

    async def retry() -> None:
        other = await ADAPTERS[adapter](place)
        assert isinstance(other, SqlState)
        elsewhere = HouseOver(other)
        elsewhere.catalogues.go_by(ONE_FOR_ALL)
        if way == "commit":  # the facts are read before the other is kept
            pause = Pause()
            retried = asyncio.create_task(elsewhere.decider.decide(ASK, StepTimes(), pause))
            await pause.reached()
            begun.set()
            await until_kept(other, "d2")
            pause.let_go()
            told.append((await retried).terms.decision_id)
        else:
            begun.set()
            await until_kept(other, "d2")
            told.append((await elsewhere.decide(ASK)).terms.decision_id)
        await elsewhere.close()

    begun = threading.Event()
    retrying = threading.Thread(target=asyncio.run, args=(retry(),))
    retrying.start()
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    task = asking(house)
    await asyncio.sleep(0)
    retrying.join(2 * WAIT_S)  # this loop does not turn meanwhile: the first caller is not answered
    assert not retrying.is_alive()
    await cancelled(task)
    await settled(house)
    assert told == ["d2"]
    assert [c.decision_id for c in await contacts(house.state)] == ["d2"]
    again = await house.state.decision("d2", NOW)
    assert again is not None
    assert again.contact_states == {"news": ContactState.RESERVED}
    assert (await house.decide(ASK)).terms.decision_id == "d2"
