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


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def share(most: int, clock: Seconds | None = None) -> Share:
    return Share(most, clock=Seconds() if clock is None else clock, spread=lambda: 0.5)


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
    own = Share(most, clock=clock, spread=lambda: spread)
    serve(own, clock, interval_s, 1)
    with ExitStack() as others:
        for _ in range(most):
            others.enter_context(own.place(None))
        with pytest.raises(CallRefused) as caught:
            own.demand(None)
    assert SHORTEST_PAUSE_S <= caught.value.retry_after_s <= LONGEST_PAUSE_S
