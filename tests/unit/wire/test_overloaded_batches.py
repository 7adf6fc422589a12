"""Twice as many questions as batches can take, played over an hour of no time: what is answered, and how late.

A batch of n takes `FIXED_S` and `EACH_S` for each, as they do in the service; what is refused comes back no more.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from statistics import quantiles

import pytest

from service.wire.admission import CallRefused, Share
from service.wire.limit import QueueLimit

FIXED_S, EACH_S, LARGEST = 0.002, 0.001, 32
SATURATING = 32
"""Callers who ask again as soon as they are answered."""


@dataclass(slots=True)
class Played:
    """One worker behind a door; the clock is moved from one thing that happens to the next."""

    slowness: float = 1.0
    now: float = 0.0
    queue: deque[float] = field(default_factory=deque)
    batch: list[float] = field(default_factory=list)
    ends_at: float = float("inf")
    took_s: list[float] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return len(self.queue)

    @property
    def oldest_s(self) -> float:
        return self.now - self.queue[0] if self.queue else 0.0

    def begin(self) -> None:
        """Takes all that waits, if nothing is under way."""
        if self.batch or not self.queue:
            return
        self.batch = [self.queue.popleft() for _ in range(min(LARGEST, len(self.queue)))]
        self.ends_at = self.now + self.slowness * (FIXED_S + EACH_S * len(self.batch))

    def end(self) -> int:
        """Returns: how many were answered."""
        answered, self.batch, self.ends_at = self.batch, [], float("inf")
        self.took_s.extend(self.now - begun for begun in answered)
        return len(answered)

    @property
    def p99_s(self) -> float:
        return quantiles(self.took_s, n=100)[98]


def saturated(slowness: float, seconds: float) -> Played:
    """So many callers that there is always one who asks, and no door."""
    played = Played(slowness=slowness)
    played.queue.extend([0.0] * SATURATING)
    while played.now < seconds:
        played.begin()
        played.now = played.ends_at
        played.queue.extend([played.now] * played.end())
    return played


def flooded(slowness: float, per_s: float, seconds: float, deadline_s: float | None = 1.0) -> Played:
    """Questions come at random, whatever became of those before."""
    played, draw, places = Played(slowness=slowness), Random(5), deque[ExitStack]()
    limit = QueueLimit(played, least=8, most=64, wait_s=0.1, clock=lambda: played.now)
    own = Share(limit, clock=lambda: played.now, spread=draw.random)
    comes_at = 0.0
    while played.now < seconds:
        played.begin()
        if played.ends_at <= comes_at:
            played.now = played.ends_at
            for _ in range(played.end()):
                places.popleft().close()
            continue
        played.now = comes_at
        comes_at += draw.expovariate(per_s)
        place = ExitStack()
        try:
            place.enter_context(own.place(deadline_s))
        except CallRefused:
            continue
        places.append(place)
        played.queue.append(played.now)
    return played


@pytest.mark.parametrize("slowness", [0.5, 1.0, 3.0, 10.0])
def test_at_twice_the_saturation_nearly_as_much_is_answered_and_none_of_it_late(slowness: float) -> None:
    """However fast the machine is; of what is answered nothing takes three times what it does at saturation."""
    seconds = 60.0 * slowness
    at_saturation = saturated(slowness, seconds)
    per_s = len(at_saturation.took_s) / seconds
    seen = flooded(slowness, 2.0 * per_s, seconds)
    assert len(seen.took_s) / seconds / per_s >= 0.9
    assert seen.p99_s <= 3.0 * at_saturation.p99_s
    assert max(seen.took_s) <= 1.0, "the deadline of each"


def test_who_sets_no_deadline_does_not_wait_in_a_full_house_for_a_worker_that_has_become_slow() -> None:
    """A hundred times slower, 64 questions would wait for more than six seconds, and as many for each other."""
    seen = flooded(100.0, 100.0, 600.0, None)
    alone_s, eight_s = 100.0 * (FIXED_S + EACH_S), 100.0 * (FIXED_S + 8 * EACH_S)
    assert alone_s < seen.p99_s <= 3.5 * eight_s
    assert len(seen.took_s) >= 0.6 * 8 / eight_s * 600.0
