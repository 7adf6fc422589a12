"""What waits shares the next batch; each is answered in its own loop, and what nobody takes is lost, told once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batches import Batches, BatchesClosed, Waiting

WAIT_S = 20
LARGEST = 4
Slip = Waiting[str, str]


class Kitchen:
    """Carries out: the result of `a` is `A`. It waits at the gate where a batch holds `gate`.

    `again` names how often each goes round again; `fails` what each fails with.
    """

    def __init__(self, trouble: Exception | None = None) -> None:
        """`trouble`: what goes wrong when it is told what is lost."""
        self._trouble = trouble
        self.batches: list[list[str]] = []
        self.lost: list[tuple[str, str]] = []
        self.again: dict[str, int] = {}
        self.fails: dict[str, BaseException] = {}
        self.breaks: dict[str, BaseException] = {}
        """What the call itself fails with, by the last item that has its result then."""
        self._begun, self._open = threading.Event(), threading.Event()
        self.asked = Batches[str, str](self.carry_out, "kitchen", largest=LARGEST, lost=self._lose)

    def carry_out(self, batch: Sequence[Slip]) -> Sequence[Slip]:
        self.batches.append([slip.item for slip in batch])
        if batch[0].item == "gate":
            self._begun.set()
            assert self._open.wait(WAIT_S)
        again = [slip for slip in batch if self._goes_round(slip.item)]
        for slip in batch:
            if slip not in again:
                self._serve(slip)
                if slip.item in self.breaks:
                    raise self.breaks[slip.item]
        return again

    def wait_at_gate(self) -> asyncio.Future[str]:
        """What is asked after this waits until `open_gate`."""
        first = self.asked.submit("gate")
        self.wait_until_begun()
        return first

    def wait_until_begun(self) -> None:
        """Blocks, and the loop with it, until the gate is reached."""
        assert self._begun.wait(WAIT_S)

    def open_gate(self) -> None:
        self._open.set()

    def _goes_round(self, item: str) -> bool:
        left = self.again.get(item, 0)
        self.again[item] = left - 1
        return left > 0

    def _serve(self, slip: Slip) -> None:
        slip.result, slip.error = slip.item.upper(), None
        if slip.item in self.fails:
            slip.result, slip.error = None, self.fails[slip.item]

    def _lose(self, item: str, result: str) -> None:
        asyncio.get_running_loop()  # in a loop, so that it may ask for more
        self.lost.append((item, result))
        if self._trouble is not None:
            raise self._trouble


@pytest.fixture
async def kitchen() -> AsyncIterator[Kitchen]:
    opened = Kitchen()
    yield opened
    opened.open_gate()
    opened.asked.close()


async def done(*answers: asyncio.Future[str] | Coroutine[Any, Any, str]) -> list[str | BaseException]:
    """The answers, or the errors in their place."""
    async with asyncio.timeout(WAIT_S):
        return await asyncio.gather(*answers, return_exceptions=True)


async def turn(kitchen: Kitchen) -> None:
    """Returns once all that was asked before is answered, and what was lost told."""
    assert await done(kitchen.asked.submit("turn")) == ["TURN"]
    await asyncio.sleep(0)


async def test_what_comes_alone_is_a_batch_of_one(kitchen: Kitchen) -> None:
    assert await done(kitchen.asked.submit("a")) == ["A"]
    assert await done(kitchen.asked.submit("b")) == ["B"]
    assert kitchen.batches == [["a"], ["b"]]


async def test_what_waits_shares_the_next_batch_in_its_order_up_to_the_largest(kitchen: Kitchen) -> None:
    first = kitchen.wait_at_gate()
    answers = [kitchen.asked.submit(name) for name in "abcdefghi"]
    assert kitchen.asked.waiting == 9
    kitchen.open_gate()
    assert await done(first, *answers) == ["GATE", *"ABCDEFGHI"]
    assert kitchen.batches == [["gate"], [*"abcd"], [*"efgh"], ["i"]]


async def test_what_goes_round_again_is_at_the_head_of_the_next_batch_in_its_order(kitchen: Kitchen) -> None:
    kitchen.again = {"b": 1, "d": 2}
    first = kitchen.wait_at_gate()
    answers = [kitchen.asked.submit(name) for name in "abcdefghi"]
    kitchen.open_gate()
    assert await done(first, *answers) == ["GATE", *"ABCDEFGHI"]
    assert kitchen.batches == [["gate"], [*"abcd"], [*"bdef"], [*"dghi"]]


async def test_what_goes_round_again_waits_for_nobody(kitchen: Kitchen) -> None:
    kitchen.again = {"a": 3}
    assert await done(kitchen.asked.submit("a")) == ["A"]
    assert kitchen.batches == [["a"]] * 4


async def test_each_has_its_own_error(kitchen: Kitchen) -> None:
    no = ValueError("no")
    kitchen.fails = {"b": no}
    assert await done(*map(kitchen.asked.ask, "abc")) == ["A", no, "C"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), MemoryError(), BaseException("no")], ids=lambda e: type(e).__name__
)
async def test_an_error_that_nobody_expected_is_everybodys_who_has_no_answer_and_the_thread_goes_on(
    kitchen: Kitchen, error: BaseException
) -> None:
    kitchen.breaks = {"b": error}
    first = kitchen.wait_at_gate()
    answers = [kitchen.asked.submit(name) for name in "abcd"]
    kitchen.open_gate()
    assert await done(first, *answers) == ["GATE", "A", "B", error, error]
    assert await done(kitchen.asked.submit("e")) == ["E"]


@pytest.mark.parametrize("kind", [StopIteration, SystemExit, KeyboardInterrupt])
async def test_an_error_that_no_loop_survives_is_told_by_another(kitchen: Kitchen, kind: type[BaseException]) -> None:
    kitchen.fails = {"a": kind("no")}
    first = kitchen.wait_at_gate()
    answers = [kitchen.asked.submit(name) for name in "ab"]
    kitchen.open_gate()
    told, other = (await done(first, *answers))[1:]
    assert other == "B"
    assert isinstance(told, RuntimeError)
    assert told.__cause__ is kitchen.fails["a"]


async def test_what_is_cancelled_before_it_is_begun_is_not_carried_out(kitchen: Kitchen) -> None:
    first = kitchen.wait_at_gate()
    answers = [kitchen.asked.submit(name) for name in "abc"]
    assert answers[1].cancel()
    kitchen.open_gate()
    assert await done(first, answers[0], answers[2]) == ["GATE", "A", "C"]
    await turn(kitchen)
    assert kitchen.batches[:2] == [["gate"], ["a", "c"]]
    assert kitchen.lost == []


async def test_what_is_cancelled_while_it_goes_round_is_not_carried_out_again(kitchen: Kitchen) -> None:
    kitchen.again = {"gate": 1}
    first = kitchen.wait_at_gate()
    assert first.cancel()
    kitchen.open_gate()
    await turn(kitchen)
    assert [batch for batch in kitchen.batches if "gate" in batch] == [["gate"]]
    assert kitchen.lost == []


async def test_a_result_that_comes_after_its_caller_has_gone_is_lost_once(kitchen: Kitchen) -> None:
    caller = asyncio.create_task(kitchen.asked.ask("gate"))
    await asyncio.to_thread(kitchen.wait_until_begun)
    caller.cancel()
    await asyncio.wait({caller})
    assert kitchen.lost == []
    kitchen.open_gate()
    await turn(kitchen)
    assert caller.cancelled()
    assert kitchen.lost == [("gate", "GATE")]


async def test_a_result_that_is_delivered_and_not_taken_is_lost_once(kitchen: Kitchen) -> None:
    """Cancelled in the turn of the loop in which the answer was set: the caller is not resumed yet."""
    caller = asyncio.create_task(kitchen.asked.ask("a"))
    watching = asyncio.get_running_loop().create_future()
    await asyncio.sleep(0)

    def look() -> None:
        """Looks each turn; the callbacks of an answer come a turn after it."""
        if _future_of(caller).done():
            caller.cancel()
            watching.set_result(None)
        else:
            asyncio.get_running_loop().call_soon(look)

    look()
    await watching
    await asyncio.wait({caller})
    assert caller.cancelled()
    await turn(kitchen)
    assert kitchen.lost == [("a", "A")]


def _future_of(task: asyncio.Task[str]) -> asyncio.Future[Any]:
    """What a task waits for."""
    waiting: asyncio.Future[Any] | None = task._fut_waiter  # type: ignore[attr-defined]
    assert waiting is not None
    return waiting


@pytest.mark.parametrize("is_gone", [False, True], ids=["delivered", "gone"])
async def test_an_error_that_nobody_takes_is_not_lost(kitchen: Kitchen, is_gone: bool) -> None:
    kitchen.fails = {"gate": ValueError("no")}
    caller = asyncio.create_task(kitchen.asked.ask("gate"))
    await asyncio.to_thread(kitchen.wait_until_begun)
    if is_gone:
        caller.cancel()
        await asyncio.sleep(0)
    kitchen.open_gate()
    found = await done(caller)
    assert isinstance(found[0], asyncio.CancelledError if is_gone else ValueError)
    await turn(kitchen)
    assert kitchen.lost == []


async def test_what_goes_wrong_with_what_is_lost_keeps_nobody_waiting() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    trouble = LookupError("nobody there")
    kitchen = Kitchen(trouble)
    first = kitchen.wait_at_gate()
    first.cancel()
    answer = kitchen.asked.submit("a")
    kitchen.open_gate()
    assert await done(answer) == ["A"]
    await turn(kitchen)
    await asyncio.to_thread(kitchen.asked.close)
    assert [context["exception"] for context in told] == [trouble]


_TURNS = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_TURNS)
async def test_of_every_call_the_answer_is_taken_or_lost_or_it_was_never_carried_out(turns: list[int]) -> None:
    """Each caller goes after so many turns of the loop, wherever its call is by then; those of 0 stay."""
    kitchen = Kitchen()
    names = [f"c{i}" for i in range(len(turns))]
    callers = [asyncio.create_task(kitchen.asked.ask(name)) for name in names]
    for now in range(1, 7):
        await asyncio.sleep(0)
        for caller, leaves_at in zip(callers, turns, strict=True):
            if leaves_at == now:
                caller.cancel()
    found = await done(*callers)
    await turn(kitchen)
    await asyncio.to_thread(kitchen.asked.close)
    carried_out = [name for batch in kitchen.batches for name in batch if name != "turn"]
    taken = [name for name, answer in zip(names, found, strict=True) if answer == name.upper()]
    assert sorted(taken + [name for name, _ in kitchen.lost]) == sorted(carried_out)
    assert all(name in taken for name, leaves_at in zip(names, turns, strict=True) if leaves_at == 0)


async def test_callers_of_several_loops_are_answered_each_in_its_own_and_one_that_is_over_hinders_nobody(
    kitchen: Kitchen,
) -> None:
    first = kitchen.wait_at_gate()

    async def hand_in_and_go() -> None:
        kitchen.asked.submit("gone")

    async def ask() -> tuple[str, bool]:
        answer = kitchen.asked.submit("other")
        told = await answer
        return told, answer.get_loop() is asyncio.get_running_loop()

    await asyncio.to_thread(asyncio.run, hand_in_and_go())
    other = asyncio.create_task(asyncio.to_thread(asyncio.run, ask()))
    own = kitchen.asked.submit("own")
    await asyncio.to_thread(_until, lambda: kitchen.asked.waiting == 3)
    kitchen.open_gate()
    assert await done(first, own) == ["GATE", "OWN"]
    assert await other == ("OTHER", True)
    assert sorted(kitchen.batches[1]) == ["gone", "other", "own"]


def _until(holds: Callable[[], bool]) -> None:
    """Blocks until it holds."""
    waiting = threading.Event()
    for _ in range(WAIT_S * 1000):
        if holds():
            return
        waiting.wait(0.001)
    raise TimeoutError


async def test_closing_does_what_waits_and_what_goes_round_again_and_takes_nothing_more(kitchen: Kitchen) -> None:
    kitchen.again = {"c": 2, "f": 1}
    answers = [kitchen.wait_at_gate(), *map(kitchen.asked.submit, "abcdef")]
    closing = asyncio.create_task(asyncio.to_thread(kitchen.asked.close))
    await asyncio.to_thread(_until, lambda: kitchen.asked.waiting == 7)
    with pytest.raises(BatchesClosed):
        kitchen.asked.submit("late")
    with pytest.raises(BatchesClosed):
        await kitchen.asked.ask("late")
    kitchen.open_gate()
    async with asyncio.timeout(WAIT_S):
        await closing
    assert await done(*answers) == ["GATE", *"ABCDEF"]
    assert kitchen.batches == [["gate"], [*"abcd"], [*"cef"], [*"cf"]]
    kitchen.asked.close()


async def test_what_is_lost_while_it_closes_is_told(kitchen: Kitchen) -> None:
    gone = kitchen.wait_at_gate()
    gone.cancel()
    closing = asyncio.create_task(asyncio.to_thread(kitchen.asked.close))
    kitchen.open_gate()
    await closing
    assert kitchen.lost == [("gate", "GATE")]
