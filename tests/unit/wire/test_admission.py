"""How many calls are worked on at once, and which are not begun because they would come too late."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire.admission import (
    LONGEST_PAUSE_S,
    SHORTEST_PAUSE_S,
    CallRefused,
    DeadlineUnreachable,
    MethodOverloaded,
    Share,
)
from service.wire.limit import INTERVAL_S, FixedLimit, QueueLimit


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def share(most: int, clock: Seconds | None = None) -> Share:
    return Share(FixedLimit(most), clock=Seconds() if clock is None else clock, spread=lambda: 0.5)


def serve(own: Share, clock: Seconds, interval_s: float, calls: int) -> None:
    """So many calls, one after another, each of which takes so long."""
    for _ in range(calls):
        with own.place(None):
            clock.now += interval_s


def test_one_call_more_than_may_be_is_refused_until_one_has_ended() -> None:
    own = share(2)
    with own.place(None):
        with own.place(None), pytest.raises(MethodOverloaded), own.place(None):
            pass
        with own.place(None):
            pass


@pytest.mark.parametrize("ending", [ValueError, asyncio.CancelledError])
def test_a_place_is_free_again_however_a_call_ended(ending: type[BaseException]) -> None:
    own = share(1)
    for _ in range(3):
        with pytest.raises(ending), own.place(None):
            raise ending
    with own.place(None):
        pass


@pytest.mark.parametrize(
    ("under_way", "remaining_s", "is_begun"),
    [
        pytest.param(0, 0.001, True, id="a lone one is always begun"),
        pytest.param(1, 0.2, True, id="behind one other: twice 2 x 50 ms"),
        pytest.param(1, 0.199, False, id="behind one other, just too late"),
        pytest.param(19, 2.0, True, id="behind 19 others: twice 20 x 50 ms"),
        pytest.param(19, 1.999, False, id="behind 19 others, just too late"),
        pytest.param(19, None, True, id="no deadline is never missed"),
    ],
)
def test_a_call_is_begun_only_if_it_can_end_before_its_deadline(
    under_way: int, remaining_s: float | None, is_begun: bool
) -> None:
    """One call took 50 ms, so that many end at that pace, its own as the last."""
    clock = Seconds()
    own = share(64, clock)
    serve(own, clock, 0.05, 1)
    with ExitStack() as others:
        for _ in range(under_way):
            others.enter_context(own.place(None))
        if is_begun:
            own.demand(remaining_s)
        else:
            with pytest.raises(DeadlineUnreachable):
                own.demand(remaining_s)


def test_calls_that_were_cancelled_do_not_make_the_others_look_fast() -> None:
    clock = Seconds()
    own = share(64, clock)
    serve(own, clock, 1.0, 1)
    for _ in range(1000):
        with pytest.raises(asyncio.CancelledError), own.place(None):
            raise asyncio.CancelledError
    with own.place(None), pytest.raises(DeadlineUnreachable):
        own.demand(1.9)


def test_an_estimate_that_became_too_long_corrects_itself() -> None:
    """After an hour away, the store answers within 10 ms again: those who cannot wait are let in one by one."""
    clock = Seconds()
    own = share(64, clock)
    serve(own, clock, 3600.0, 10)
    for _ in range(1000):
        own.demand(0.1)
        serve(own, clock, 0.01, 1)
    with own.place(None):
        own.demand(0.1)


@given(
    most=st.integers(1, 100),
    interval_s=st.floats(0.0, 1e6),
    spread=st.floats(0.0, 1.0),
)
def test_whoever_is_refused_is_told_to_wait_a_time_that_is_neither_none_nor_long(
    most: int, interval_s: float, spread: float
) -> None:
    clock = Seconds()
    own = Share(FixedLimit(most), clock=clock, spread=lambda: spread)
    serve(own, clock, interval_s, 1)
    with ExitStack() as others:
        for _ in range(most):
            others.enter_context(own.place(None))
        with pytest.raises(CallRefused) as caught:
            own.demand(None)
    assert SHORTEST_PAUSE_S <= caught.value.retry_after_s <= LONGEST_PAUSE_S


class Queue:
    """A backlog that a test fills."""

    waiting = 0

    def __init__(self) -> None:
        self.oldest_s = 0.0


def limit_of(queue: Queue, clock: Seconds, least: int = 8, most: int = 64) -> QueueLimit:
    return QueueLimit(queue, least=least, most=most, wait_s=0.1, clock=clock)


def looked(limit: QueueLimit, clock: Seconds, intervals: int, looks: int = 4) -> list[int]:
    """What the limit is at the end of each interval, with so many looks in each."""
    found = []
    for _ in range(intervals):
        for _ in range(looks):
            clock.now += INTERVAL_S / looks * 1.0001
            most = limit.most()
        found.append(most)
    return found


def test_a_queue_that_stands_lowers_the_limit_by_a_quarter_an_interval_down_to_the_least() -> None:
    queue, clock = Queue(), Seconds()
    limit = limit_of(queue, clock)
    queue.oldest_s = 0.101
    assert looked(limit, clock, 1) == [64], "the queue was empty when the interval began"
    assert looked(limit, clock, 9) == [48, 36, 27, 20, 15, 11, 8, 8, 8]


def test_once_the_queue_is_worked_off_the_limit_rises_in_steps_to_the_most() -> None:
    queue, clock = Queue(), Seconds()
    limit = limit_of(queue, clock)
    queue.oldest_s = 5.0
    looked(limit, clock, 20)
    queue.oldest_s = 0.1
    assert looked(limit, clock, 16) == [12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 64, 64]


def test_a_queue_that_is_emptied_once_in_each_interval_does_not_stand() -> None:
    """As with batches that take all that waits: the next ones wait from anew."""
    queue, clock = Queue(), Seconds()
    limit = limit_of(queue, clock)
    for _ in range(50):
        for age_s in (0.05, 0.3, 0.6, 0.9):
            queue.oldest_s = age_s
            clock.now += INTERVAL_S / 4
            assert limit.most() == 64


def test_a_service_that_nobody_asked_for_a_while_has_its_whole_limit_again() -> None:
    queue, clock = Queue(), Seconds()
    limit = limit_of(queue, clock)
    queue.oldest_s = 5.0
    looked(limit, clock, 20)
    assert limit.most() == 8
    queue.oldest_s = 0.0
    clock.now += 2.0
    assert limit.most() == 64


@given(
    ages=st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 10.0)), max_size=60),
    bounds=st.tuples(st.integers(1, 100), st.integers(1, 100)).map(sorted),
)
def test_a_limit_keeps_within_its_bounds_whatever_waits(ages: list[tuple[float, float]], bounds: list[int]) -> None:
    queue, clock = Queue(), Seconds()
    least, most = bounds
    limit = limit_of(queue, clock, least, most)
    for queue.oldest_s, passed_s in ages:
        clock.now += passed_s
        assert least <= limit.most() <= most


@pytest.mark.parametrize(("least", "most"), [(0, 5), (6, 5)])
def test_a_limit_without_room_is_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        limit_of(Queue(), Seconds(), least, most)


def test_a_call_that_has_less_time_than_the_first_in_the_queue_has_waited_is_not_begun() -> None:
    """While nothing ends, what ended before says nothing of how long it takes now."""
    queue, clock = Queue(), Seconds()
    own = Share(limit_of(queue, clock), clock=clock, spread=lambda: 0.5)
    serve(own, clock, 0.001, 3)
    own.demand(0.5)
    with own.place(None):
        queue.oldest_s = 0.6
        with pytest.raises(DeadlineUnreachable):
            own.demand(0.5)
        own.demand(0.7)
        own.demand(None)
    own.demand(0.5)
