"""Two policies compared on the same rows, and what may be said of the difference."""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist
from typing import Final

from training.off_policy.estimators import Scores, dr
from training.off_policy.evidence import Evidence
from training.off_policy.intervals import Estimate
from training.off_policy.support import Support

SIGNIFICANCE: Final = 0.05
POWER: Final = 0.8


class Gain(StrEnum):
    """What a log proves of one policy against another."""

    PROVEN_BETTER = "proven_better"
    PROVEN_WORSE = "proven_worse"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"


def difference(policy: Evidence, against: Evidence) -> Scores:
    """Value of `policy` minus that of `against`, by DR scores paired row by row.

    What both policies do alike cancels, so its error is about half that of two separate values; equal policies give
    exactly 0 +- 0. Both are of one log; against the logging policy see `evidence_of_logging`.
    """
    one, other = dr(policy), dr(against)
    return Scores(numerator=one.numerator - other.numerator, denominator=one.denominator, clusters=one.clusters)


def gain(told: Estimate, *supports: Support) -> Gain:
    """Whether a difference, with its 95 % interval, is proven. A thin log proves nothing.

    Args:
        supports: of the policy, and of the one it is compared with unless that wrote the log.
    """
    if any(support.reasons for support in supports):
        return Gain.NOT_ENOUGH_EVIDENCE
    if told.low > 0.0:
        return Gain.PROVEN_BETTER
    return Gain.PROVEN_WORSE if told.high < 0.0 else Gain.NOT_ENOUGH_EVIDENCE


def decisions_needed(told: Estimate, decisions: int) -> int | None:
    """About how many more decisions like the `decisions` logged would tell the difference from 0.

    n' = n ((z(0.975) + z(0.8)) se / difference)^2: two-sided 5 %, power 80 %, if the difference is what it seems.
    0 if the interval leaves 0 out already; None if the difference is 0, which no number would tell.
    Source: Cohen (1988), for a mean with known error.
    """
    if told.low > 0.0 or told.high < 0.0:
        return 0
    if told.value == 0.0:
        return None
    z = NormalDist().inv_cdf(1.0 - SIGNIFICANCE / 2.0) + NormalDist().inv_cdf(POWER)
    return max(0, math.ceil(decisions * (z * told.se / told.value) ** 2) - decisions)
