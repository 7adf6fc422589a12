"""The process that follows a registry: it asks when the file changed, tells what changes, and survives faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.errors import ModelMissing
from models.follow import ASK_AT_LATEST_S, ASK_EVERY_S, LOOK_EVERY_S, follow


class Ended(Exception):
    """The time of a test is over."""


class Watched:
    """A registry whose answers a test says by the second. Time passes while somebody sleeps."""

    def __init__(self, faults: Callable[[float], str | None], until_s: float, *changes_s: float) -> None:
        self.now_s = 0.0
        self.asked: list[float] = []
        self.told: list[tuple[float, str | None]] = []
        self._faults = faults
        self._until_s = until_s
        self._changes_s = changes_s

    def ask(self) -> None:
        self.asked.append(self.now_s)
        if (fault := self._faults(self.now_s)) is not None:
            raise ModelMissing(fault)

    def stamp(self) -> int:
        return sum(change <= self.now_s for change in self._changes_s)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s > self._until_s:
            raise Ended

    def run(self, at_latest_s: float = ASK_EVERY_S) -> Watched:
        def tell(fault: str | None) -> None:
            self.told.append((self.now_s, fault))

        with pytest.raises(Ended):
            follow(
                self.ask,
                self.stamp,
                tell,
                at_latest_s=at_latest_s,
                sleep=self.sleep,
                monotonic=lambda: self.now_s,
            )
        return self


def test_a_file_is_asked_when_it_changed_and_now_and_then() -> None:
    watched = Watched(lambda now_s: None, 100.0, 10.0, 20.0).run(ASK_AT_LATEST_S)
    assert watched.asked == [0.0, 10.0, 20.0, 20.0 + ASK_AT_LATEST_S]
    assert watched.told == [(0.0, None)]


def test_a_server_is_asked_every_few_seconds() -> None:
    watched = Watched(lambda now_s: None, 6.0).run()
    assert watched.asked == [0.0, ASK_EVERY_S, 2 * ASK_EVERY_S, 3 * ASK_EVERY_S]


def test_what_is_in_the_way_is_told_once_and_that_it_is_not_any_more() -> None:
    watched = Watched(lambda now_s: "away" if 4.0 <= now_s < 9.0 else None, 20.0).run()
    assert [fault for _, fault in watched.told] == [None, "away", None]


def test_a_single_failure_is_not_told_unless_it_is_the_first_look() -> None:
    """Somebody was writing; a service that starts must not wait for a second look, though."""
    once = Watched(lambda now_s: "locked" if now_s == 4.0 else None, 20.0).run()
    assert once.told == [(0.0, None)]
    first = Watched(lambda now_s: "locked" if now_s == 0.0 else None, 20.0).run()
    assert first.told[0] == (0.0, "locked")
    assert first.told[1][1] is None


def test_a_change_of_a_file_is_seen_within_a_second() -> None:
    assert LOOK_EVERY_S <= 1.0
