"""How many calls are worked on at once. What is over it, or would come too late, is refused before anything is read.

Each method has a share of its own, so that no flood of questions keeps a withdrawal of consent out, nor the reverse.
A refusal costs next to nothing; a long queue would only make every answer late, so how many questions may wait follows
from how long they do (`limit`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from features.errors import RumboError
from service.wire.limit import Limit

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 2.0
SLACK = 2.0
"""How much longer than expected a call may take: one that ends after its deadline was worked on for nothing."""
_WEIGHT = 1 / 32
"""Of the latest interval in the mean: some dozens of calls tell how fast they end now."""


class CallRefused(RumboError):
    """A call of which nothing was begun; its caller may retry after `retry_after_s`."""

    def __init__(self, text: str, retry_after_s: float) -> None:
        super().__init__(f"{text}; nothing was begun, ask again in {retry_after_s:.2f} s")
        self.retry_after_s = retry_after_s


class MethodOverloaded(CallRefused):
    """The limit of concurrent calls of this method is reached."""


class DeadlineUnreachable(CallRefused):
    """Behind the calls that are worked on, the answer would come after the caller's deadline."""


class ShuttingDown(CallRefused):
    """The service ends, and takes no more calls."""


class Share:
    """The calls of one method. Of one event loop; `clock` counts seconds, `spread` draws from 0 to 1."""

    def __init__(
        self,
        limit: Limit,
        *,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._spread = spread
        self._under_way = 0
        self._interval_s = 0.0
        self._last_s = 0.0

    def demand(self, remaining_s: float | None) -> None:
        """Raises: MethodOverloaded, DeadlineUnreachable unless one more may begin. `remaining_s`: until its deadline.

        By Little's law it ends after as many intervals between two ends as there are calls, its own with them; twice
        that, to be safe; and after what has waited longest already, while nothing ends. A lone one is always begun: so
        an estimate that has become too long corrects itself.
        """
        if self._under_way >= self._limit.most():
            raise MethodOverloaded(f"{self._under_way} calls of this method are worked on already", self._pause_s())
        expected_s = max(SLACK * (self._under_way + 1) * self._interval_s, self._limit.waited_s())
        if self._under_way and remaining_s is not None and remaining_s < expected_s:
            raise DeadlineUnreachable("an answer cannot be had before the deadline", self._pause_s())

    @contextmanager
    def place(self, remaining_s: float | None) -> Iterator[None]:
        """One of the places, until left. Raises: as `demand`."""
        self.demand(remaining_s)
        if not self._under_way:
            self._last_s = self._clock()
        self._under_way += 1
        try:
            yield
        except Exception:
            self._ended()
            raise
        else:
            self._ended()
        finally:
            self._under_way -= 1

    def _ended(self) -> None:
        """Counts a call that ended; not one that was cancelled, which says nothing of how fast others end."""
        now = self._clock()
        interval_s = now - self._last_s
        self._interval_s += (interval_s - self._interval_s) * (_WEIGHT if self._interval_s else 1.0)
        self._last_s = now
        self._limit.most()

    def _pause_s(self) -> float:
        """Until about half of what is under way has ended; spread, so that those refused do not come back together.

        In steps of 10 ms, so that there are few answers to be made.
        """
        pause_s = self._under_way * self._interval_s * (0.25 + 0.5 * self._spread())
        return min(max(round(pause_s, 2), SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
