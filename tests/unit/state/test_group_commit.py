"""Writes that wait while one transaction runs share the next; each is answered as if it had been alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.state.engines.group_commit import LARGEST_GROUP, GroupCommit
from service.state.engines.session import Transaction
from service.state.port import StatementRefused, StateUnavailable
from tests.unit.state.ledger import WAIT_S, Gate, Ledger, adding, failing


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = Ledger()
    yield opened
    opened.close()


@pytest.fixture
async def writes(ledger: Ledger) -> AsyncIterator[GroupCommit]:
    opened = GroupCommit(ledger.transact, "test-write")
    yield opened
    opened.close()


async def together(writes: GroupCommit, *works: Transaction[Any]) -> list[Any]:
    """Hands these in while another transaction runs. Returns: the answer of each, or the error in its place."""
    gate = Gate()
    first = writes.submit(gate.work())
    gate.wait_until_begun()
    answers = [writes.submit(work) for work in works]
    gate.let_go()
    assert await first == "gate"
    return await answered(*answers)


async def answered(*answers: Awaitable[Any]) -> list[Any]:
    async with asyncio.timeout(WAIT_S):
        return await asyncio.gather(*answers, return_exceptions=True)


async def test_a_work_alone_is_a_transaction_of_its_own(writes: GroupCommit, ledger: Ledger) -> None:
    assert await writes.submit(adding("a")) == []
    assert await writes.submit(adding("b")) == ["a"]
    assert (ledger.kept, ledger.transactions) == (["a", "b"], [1, 1])


async def test_works_that_wait_share_one_transaction_in_the_order_of_their_arrival(
    writes: GroupCommit, ledger: Ledger
) -> None:
    answers = await together(writes, *map(adding, "abc"))
    assert answers == [["gate"], ["gate", "a"], ["gate", "a", "b"]]
    assert (ledger.kept, ledger.transactions) == (["gate", "a", "b", "c"], [1, 3])


async def test_nobody_is_answered_before_the_transaction_of_the_work_has_ended(writes: GroupCommit) -> None:
    first, second = Gate(), Gate()
    begun = writes.submit(first.work())
    first.wait_until_begun()
    answers = writes.submit(adding("a")), writes.submit(second.work())
    first.let_go()
    second.wait_until_begun()
    assert await begun == "gate"
    assert not answers[0].done()
    second.let_go()
    assert await answered(*answers) == [["gate"], "gate"]


async def test_a_group_has_a_largest_size_and_the_rest_is_in_the_next(writes: GroupCommit, ledger: Ledger) -> None:
    names = [str(i) for i in range(2 * LARGEST_GROUP + 1)]
    answers = await together(writes, *map(adding, names))
    assert answers == [["gate", *names[:i]] for i in range(len(names))]
    assert (ledger.kept, ledger.transactions) == (["gate", *names], [1, LARGEST_GROUP, LARGEST_GROUP, 1])


@pytest.mark.parametrize("error", [ValueError("no"), StatementRefused("no")], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("place", [0, 1, 3])
async def test_a_work_that_fails_is_undone_and_fails_alone(
    writes: GroupCommit, ledger: Ledger, error: Exception, place: int
) -> None:
    """The others see nothing of it, and are done one after another, in their order."""
    works: list[Transaction[Any]] = [adding("a"), adding("b"), adding("c")]
    works.insert(place, failing("x", error))
    answers = await together(writes, *works)
    assert answers.pop(place) is error
    assert answers == [["gate"], ["gate", "a"], ["gate", "a", "b"]]
    assert ledger.kept == ["gate", "a", "b", "c"]
    assert ledger.transactions == [1, 4, 1, 1, 1, 1]


async def test_a_work_that_fails_alone_is_done_once(writes: GroupCommit, ledger: Ledger) -> None:
    error = StatementRefused("no")
    assert await answered(writes.submit(failing("x", error))) == [error]
    assert (ledger.kept, ledger.transactions) == ([], [1])


async def test_an_error_that_is_no_exception_does_not_end_the_thread_of_the_writes(
    writes: GroupCommit, ledger: Ledger
) -> None:
    error = asyncio.CancelledError()
    answers = await together(writes, failing("x", error), adding("a"))
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1] == ["gate"]
    assert ledger.kept == ["gate", "a"]


async def test_a_store_that_is_away_fails_the_whole_group_at_once_and_the_next_work_is_tried_again(
    writes: GroupCommit, ledger: Ledger
) -> None:
    """Nobody knows what became of the commit, so that nothing of it may be done again."""
    gone = StateUnavailable("gone")
    ledger.breakdowns = iter([None, gone])
    assert await together(writes, *map(adding, "abc")) == [gone] * 3
    assert (ledger.kept, ledger.transactions) == (["gate"], [1, 3])
    assert await writes.submit(adding("d")) == ["gate"]


async def test_a_row_that_is_refused_at_the_commit_fails_alone(writes: GroupCommit, ledger: Ledger) -> None:
    refused = StatementRefused("at the commit")
    ledger.breakdowns = iter([None, refused, None, refused, None])
    assert await together(writes, *map(adding, "abc")) == [["gate"], refused, ["gate", "a"]]
    assert (ledger.kept, ledger.transactions) == (["gate", "a", "c"], [1, 3, 1, 1, 1])


async def test_a_store_that_goes_away_while_works_are_done_one_by_one_fails_those_that_are_left(
    writes: GroupCommit, ledger: Ledger
) -> None:
    refused, gone = StatementRefused("no"), StateUnavailable("gone")
    ledger.breakdowns = iter([None, refused, None, gone, gone])
    assert await together(writes, *map(adding, "abc")) == [["gate"], gone, gone]
    assert ledger.kept == ["gate", "a"]


async def test_work_that_is_cancelled_before_it_is_begun_is_not_done(writes: GroupCommit, ledger: Ledger) -> None:
    gate = Gate()
    first = writes.submit(gate.work())
    gate.wait_until_begun()
    answers = [writes.submit(adding(name)) for name in "abc"]
    assert answers[1].cancel()
    gate.let_go()
    assert await first == "gate"
    assert await answers[2] == ["gate", "a"]
    assert answers[1].cancelled()
    assert (ledger.kept, ledger.transactions) == (["gate", "a", "c"], [1, 2])


async def test_a_group_that_was_cancelled_altogether_begins_no_transaction(writes: GroupCommit, ledger: Ledger) -> None:
    gate = Gate()
    first = writes.submit(gate.work())
    gate.wait_until_begun()
    assert all(writes.submit(adding(name)).cancel() for name in "abc")
    gate.let_go()
    writes.close()
    assert await first == "gate"
    assert (ledger.kept, ledger.transactions) == (["gate"], [1])


async def test_a_caller_that_goes_while_its_work_is_done_hinders_nobody(writes: GroupCommit, ledger: Ledger) -> None:
    gate = Gate()
    gone = writes.submit(gate.work())
    gate.wait_until_begun()
    gone.cancel()
    gate.let_go()
    assert await writes.submit(adding("a")) == ["gate"]
    assert ledger.kept == ["gate", "a"]


async def test_callers_of_several_event_loops_are_answered_each_in_its_own(writes: GroupCommit, ledger: Ledger) -> None:
    """One of them is over before its work is done."""
    gate = Gate()
    first = writes.submit(gate.work())
    gate.wait_until_begun()

    async def hand_in_and_go() -> None:
        writes.submit(adding("gone"))

    async def hand_in() -> list[str]:
        return await writes.submit(adding("other"))

    await asyncio.to_thread(asyncio.run, hand_in_and_go())
    other = asyncio.create_task(asyncio.to_thread(asyncio.run, hand_in()))
    gate.let_go()
    assert await first == "gate"
    assert "gone" in await other
    assert await writes.submit(adding("last")) == ["gate", "gone", "other"]


async def test_closing_does_what_waits_and_takes_nothing_more(writes: GroupCommit, ledger: Ledger) -> None:
    gate = Gate()
    answers: list[asyncio.Future[Any]] = [writes.submit(gate.work())]
    gate.wait_until_begun()
    answers += [writes.submit(adding(str(i))) for i in range(LARGEST_GROUP + 5)]
    closing = asyncio.create_task(asyncio.to_thread(writes.close))
    gate.let_go()
    async with asyncio.timeout(WAIT_S):
        await closing
    assert len(await answered(*answers)) == 1 + LARGEST_GROUP + 5
    assert ledger.kept == ["gate", *(str(i) for i in range(LARGEST_GROUP + 5))]
    with pytest.raises(StateUnavailable, match="closed"):
        writes.submit(adding("late"))
    writes.close()
    assert "late" not in ledger.kept


_WORKS = st.lists(st.sampled_from(["kept", "wrong", "refused", "cancelled"]), min_size=1, max_size=2 * LARGEST_GROUP)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_WORKS)
async def test_whatever_is_handed_in_is_answered_as_if_each_had_been_alone(fates: list[str]) -> None:
    ledger, gate = Ledger(), Gate()
    writes = GroupCommit(ledger.transact, "test-write")
    errors: dict[str, type[Exception]] = {"wrong": ValueError, "refused": StatementRefused}
    answers: list[asyncio.Future[Any]] = [writes.submit(gate.work())]
    gate.wait_until_begun()
    for i, fate in enumerate(fates):
        answers.append(writes.submit(failing(str(i), errors[fate](str(i))) if fate in errors else adding(str(i))))
        if fate == "cancelled":
            assert answers[-1].cancel()
    gate.let_go()
    results = await answered(*answers)
    writes.close()
    kept = ["gate"]
    for i, (fate, result) in enumerate(zip(fates, results[1:], strict=True)):
        if fate == "kept":
            assert result == kept
            kept.append(str(i))
        else:
            assert isinstance(result, errors.get(fate, asyncio.CancelledError))
            assert str(result) == (str(i) if fate in errors else "")
    assert ledger.kept == kept
    ledger.close()
