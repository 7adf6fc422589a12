"""One slip of whoever wrote a condition, and what is said of facts that are missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong and what to write; `offset` counts from the start of the condition."""

    text: str
    offset: int


NULLS = frozenset({"null", "nil", "none", "undefined"})
MISSING = "a fact that is missing leaves the whole condition undecided (see `on_missing`)"
NO_NULL = f"no fact is ever null: {MISSING}; leave the comparison out"
"""What is said of comparisons with any of `NULLS`."""


def short(text: str) -> str:
    """A part of a condition, short enough for a sentence."""
    return text if len(text) <= 40 else text[:37] + "…"
