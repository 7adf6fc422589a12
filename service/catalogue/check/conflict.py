"""A minimal conflict: of things that cannot all be, some that cannot be only because all of them are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def minimal_conflict(things: Sequence[T], is_conflict: Callable[[Sequence[T]], bool]) -> list[T]:
    """Some of them, in their order: those that stand first are left out first. All together they are a conflict."""
    core = list(things)
    for one in things:
        rest = [other for other in core if other is not one]
        if rest and is_conflict(rest):
            core = rest
    return core
