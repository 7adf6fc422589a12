"""Conditions in a plain form: their text for the catalogue, and what they say by three-valued logic (ADR 3)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Scalar = str | float | int | bool

COMPARED: Mapping[str, Callable[..., bool]] = {
    "<": operator.lt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Why(StrEnum):
    """Why a fact is not known."""

    MISSING = "MISSING"
    STALE = "STALE"
    UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one name. `value` of a stale fact is kept, for rules that use it; `at` is when it was true."""

    value: Scalar | None = None
    why: Why | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionResult:
    """What a condition says: `holds` is None where nobody can tell, because of what is `unknown`.

    `unknown_anywhere` also has what would not have mattered: `x || true`.
    """

    holds: bool | None
    unknown: frozenset[Why] = frozenset()
    unknown_anywhere: frozenset[Why] = frozenset()


Facts = Callable[[str], Fact]


@dataclass(frozen=True, slots=True)
class Compare:
    name: str
    by: str
    constant: Scalar

    def text(self) -> str:
        constant = f'"{self.constant}"' if isinstance(self.constant, str) else str(self.constant)
        return f"{self.name} {self.by} {constant}"

    def said(self, facts: Facts) -> ConditionResult:
        fact = facts(self.name)
        if fact.why is not None:
            return ConditionResult(holds=None, unknown=frozenset({fact.why}), unknown_anywhere=frozenset({fact.why}))
        return ConditionResult(holds=COMPARED[self.by](fact.value, self.constant))


@dataclass(frozen=True, slots=True)
class Holds:
    """A name that is true or false by itself."""

    name: str

    def text(self) -> str:
        return self.name

    def said(self, facts: Facts) -> ConditionResult:
        return Compare(self.name, "==", True).said(facts)


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition

    def text(self) -> str:
        return f"!({self.of.text()})"

    def said(self, facts: Facts) -> ConditionResult:
        said = self.of.said(facts)
        if said.holds is None:
            return said
        return ConditionResult(holds=not said.holds, unknown_anywhere=said.unknown_anywhere)


@dataclass(frozen=True, slots=True)
class Combination:
    """`&&` of both, or `||` of both."""

    by: str
    left: Condition
    right: Condition

    def text(self) -> str:
        return f"({self.left.text()} {self.by} {self.right.text()})"

    def said(self, facts: Facts) -> ConditionResult:
        decisive = self.by == "||"
        both = self.left.said(facts), self.right.said(facts)
        anywhere = both[0].unknown_anywhere | both[1].unknown_anywhere
        if any(s.holds is decisive for s in both):
            return ConditionResult(holds=decisive, unknown_anywhere=anywhere)
        if all(s.holds is not None for s in both):
            return ConditionResult(holds=not decisive, unknown_anywhere=anywhere)
        return ConditionResult(holds=None, unknown=both[0].unknown | both[1].unknown, unknown_anywhere=anywhere)


Condition = Compare | Holds | Not | Combination
