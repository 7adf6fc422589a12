"""What a rule says, and why: reasons are codes with values; people's texts are made from them only when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from features.values import Scalar


class ReasonKind(StrEnum):
    """The closed set of what a reason is about."""

    DENIED = "DENIED"  # a constraint denies on a known fact
    UNKNOWN = "UNKNOWN"  # a fact was missing, stale or unreachable
    TAKEN = "TAKEN"  # another decision used it meanwhile
    RANKED = "RANKED"  # why it was placed where it is
    ELIGIBLE = "ELIGIBLE"  # allowed, but no slot was left
    BYPASS = "BYPASS"
    TONE = "TONE"
    DEGRADED = "DEGRADED"


class Reason(NamedTuple):
    """`code` is for programs, `params` carry the observed value, the limit and the age of the fact.

    `eligible_after` is the earliest instant at which this denial is gone, all else equal; None if time does not
    lift it.
    """

    code: str
    kind: ReasonKind
    params: Mapping[str, Scalar] = MappingProxyType({})
    eligible_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The values that a rule reads, the limits it holds them against, and their ages (of facts that have one)."""

    observed: Mapping[str, Scalar]
    limits: Mapping[str, Scalar] = field(default_factory=dict)
    ages: Mapping[str, timedelta] = field(default_factory=dict)


Verdict = Reason | None
"""None allows; a reason denies. Unknown is a reason too, for unknown is not permission."""

ALLOWED: Verdict = None


def deny(code: str, *, eligible_after: datetime | None = None, **params: Scalar) -> Reason:
    """A denial on known facts."""
    return Reason(code=code, kind=ReasonKind.DENIED, params=params, eligible_after=eligible_after)


def unknown(code: str, **params: Scalar) -> Reason:
    """A denial because a fact that the rule needs is not known; `params` name the fact and its status."""
    return Reason(code=code, kind=ReasonKind.UNKNOWN, params=params)


def explored(p: float) -> Reason:
    """It was drawn, and is not what was expected to be best."""
    return Reason(code="EXPLORED", kind=ReasonKind.RANKED, params={"probability": p})
