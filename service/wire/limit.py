"""How many calls may be worked on at once: always so many, or as many as are soon begun.

The second is CoDel, on the age of the oldest call that waits: while none of the looks of an interval finds it at most
`wait_s` old, a queue stands that is not worked off, and the limit falls by a quarter an interval; else it rises again.
What a burst leaves behind for a moment lowers nothing. Source: Nichols & Jacobson (2012), Controlling Queue Delay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

INTERVAL_S: Final = 0.1
"""As CoDel has it: longer than a burst, shorter than anybody's patience."""
FALL: Final = 0.75
STEPS: Final = 16
"""In which it rises from nothing to the most."""


class Backlog(Protocol):
    """What was admitted and is not begun."""

    @property
    def waiting(self) -> int:
        """How many wait; some may have gone."""

    @property
    def oldest_s(self) -> float:
        """How long the first of them has waited; 0 if none does."""


class Limit(Protocol):
    """The most that may be under way. To be asked whenever a call wants to begin, and when one has ended."""

    def most(self) -> int: ...

    def waited_s(self) -> float:
        """At least so long will wait whoever comes now, unless he is alone."""


class FixedLimit:
    """Always so many; nothing is known of who waits."""

    def __init__(self, most: int) -> None:
        self._most = most

    def most(self) -> int:
        return self._most

    def waited_s(self) -> float:
        return 0.0


class QueueLimit:
    """Between `least` and `most`, by what waits in `backlog`. `clock` counts seconds."""

    def __init__(
        self,
        backlog: Backlog,
        *,
        least: int,
        most: int,
        wait_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises: ValueError unless 1 <= least <= most."""
        if not 1 <= least <= most:
            raise ValueError(f"a limit from {least} to {most}")
        self._backlog = backlog
        self._least, self._highest, self._most = least, most, most
        self._wait_s = wait_s
        self._clock = clock
        self._since_s = clock()
        self._freshest_s = 0.0

    def most(self) -> int:
        age_s, now = self._backlog.oldest_s, self._clock()
        self._freshest_s = min(self._freshest_s, age_s)
        intervals = int((now - self._since_s) / INTERVAL_S)
        if intervals > 0:
            self._judge(intervals)
            self._since_s, self._freshest_s = now, age_s
        return self._most

    def waited_s(self) -> float:
        return self._backlog.oldest_s

    def _judge(self, intervals: int) -> None:
        """Of the interval that is over. One that nobody looked at had nothing that waited: so it rises for each."""
        if self._freshest_s > self._wait_s:
            self._most = max(self._least, int(self._most * FALL))
        else:
            self._most = min(self._highest, self._most + intervals * max(1, self._highest // STEPS))
