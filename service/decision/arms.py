"""Arms: who is decided for by which policy. A customer stays in one, by a salted hash, while the shares stay.

[0 ... HOLDOUT | RANDOM | NO_LEVERS | CHALLENGER | CHAMPION, the rest ... 1)     where the hash falls
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

_DRAW_BITS = 53


class Arm(StrEnum):
    """In the order in which their shares lie."""

    HOLDOUT = "HOLDOUT"  # nothing but service and resolution
    RANDOM = "RANDOM"  # uniform over what is allowed, inside the best tier
    NO_LEVERS = "NO_LEVERS"  # the champion's order without business levers
    CHALLENGER = "CHALLENGER"  # the order of the model that would be champion
    CHAMPION = "CHAMPION"  # the rest


@dataclass(frozen=True, kw_only=True)
class Arms:
    """`shares` of every arm but the champion's, which has the rest; another `salt` assigns anew.

    `has_shadow`: whether the challenger scores what it is not shown for, too.
    """

    shares: Mapping[Arm, float] = field(default_factory=dict)
    salt: str = ""
    has_shadow: bool = False

    @cached_property
    def with_share(self) -> Mapping[Arm, float]:
        """Every arm that has customers, in the order of `Arm`; the shares add up to 1."""
        rest = 1.0 - math.fsum(self.shares.values())
        every = {arm: rest if arm is Arm.CHAMPION else self.shares.get(arm, 0.0) for arm in Arm}
        return {arm: share for arm, share in every.items() if share > 0.0}

    def without(self, arm: Arm) -> Arms:
        """Its share falls to the champion."""
        if arm not in self.shares:
            return self
        return replace(self, shares={each: share for each, share in self.shares.items() if each is not arm})

    def of(self, customer_id: str) -> Arm:
        """The arm of a customer."""
        if not self.shares:
            return Arm.CHAMPION
        place, below, shares = _place(self.salt, customer_id), 0.0, self.with_share
        for arm, share in shares.items():
            below += share
            if place < below:
                return arm
        return list(shares)[-1]  # what rounding left above the sum


ONE_ARM = Arms()


def _place(salt: str, customer_id: str) -> float:
    """Uniform in [0, 1) over customers."""
    digest = hashlib.sha256(f"{salt}|{customer_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _DRAW_BITS)) / (1 << _DRAW_BITS)
