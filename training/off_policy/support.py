"""Whether a log holds enough of what a policy would choose; if not it is thin, and proves no gain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from training.off_policy.arrays import Booleans, Matrix, Vector
from training.off_policy.clusters import Clusters
from training.off_policy.estimators import Scores, clustered_error
from training.off_policy.logged import Logged
from training.off_policy.slots import Slates

LEAST_ESS: Final = 100.0
LEAST_ESS_SHARE: Final = 0.01
MOST_OF_ONE_ROW: Final = 0.05
MOST_ERRORS_OFF: Final = 4.0
ROUNDING: Final = 1e-3
"""Weights may miss 1 by so much without an error of their own: propensities are written with a few digits."""
MOST_WITHOUT_SUPPORT: Final = 0.01
CERTAIN: Final = 1.0 - 1e-9
"""A propensity of at least this leaves no chance to another journey."""


class Reason(StrEnum):
    """Why a log is thin for a policy."""

    FEW_EFFECTIVE_ROWS = "FEW_EFFECTIVE_ROWS"
    """The effective sample size is below 100."""
    SMALL_EFFECTIVE_SHARE = "SMALL_EFFECTIVE_SHARE"
    """The effective sample size is below 1 % of the decisions."""
    ONE_ROW_DOMINATES = "ONE_ROW_DOMINATES"
    """One decision holds more than 5 % of the weight."""
    MEAN_WEIGHT_OFF = "MEAN_WEIGHT_OFF"
    """The mean weight, which should be 1, lies outside 1 +- 4 se: propensities are not what they say, or mass lost."""
    WITHOUT_SUPPORT = "WITHOUT_SUPPORT"
    """More than 1 % of the policy's mass lies on journeys that the log could not have shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How well a log covers a policy.

    Attributes:
        ess: effective sample size, (sum w)^2 / sum w^2, in decisions. Source: Kish (1965).
        max_weight: the largest weight of a decision.
        max_share: the largest share of one decision in the weight of all.
        mean_weight: 1 but for chance, if the propensities are right and nothing lacks support.
        share_without_support: of the policy's probability, the share on journeys that could not have been shown.
        reasons: why the log is thin; none if it is not.
        decisions: how many were looked at.
    """

    ess: float
    max_weight: float
    max_share: float
    mean_weight: float
    share_without_support: float
    reasons: tuple[Reason, ...]
    decisions: int = 0

    @property
    def verdict(self) -> Literal["ok", "thin"]:
        return "thin" if self.reasons else "ok"


def support(logged: Logged, policy: Matrix, slates: Slates | None = None) -> Support:
    """How well a log covers a policy (n, J); with slates the weight of a decision is that of all its slots together."""
    weight = logged.of_shown(policy) / logged.propensity
    clusters, reached = logged.clusters, np.ones(weight.size, dtype=np.bool_)
    if slates is not None:
        joint = slates.joint(weight)
        weight, reached = joint[slates.last], slates.joint_before(joint) > 0.0
        clusters = Clusters.of(logged.customer[slates.last])
    total, highest = float(weight.sum()), float(weight.max())
    square = float(weight @ weight)
    ess = total * total / square if square > 0.0 else 0.0
    max_share = highest / total if total > 0.0 else 0.0
    unsupported = share_without_support(logged, policy, reached)
    thin = {
        Reason.FEW_EFFECTIVE_ROWS: ess < LEAST_ESS,
        Reason.SMALL_EFFECTIVE_SHARE: ess < LEAST_ESS_SHARE * weight.size,
        Reason.ONE_ROW_DOMINATES: max_share > MOST_OF_ONE_ROW,
        Reason.MEAN_WEIGHT_OFF: _is_off(weight, clusters),
        Reason.WITHOUT_SUPPORT: unsupported > MOST_WITHOUT_SUPPORT,
    }
    return Support(
        ess=ess,
        max_weight=highest,
        max_share=max_share,
        mean_weight=total / weight.size,
        share_without_support=unsupported,
        reasons=tuple(reason for reason, holds in thin.items() if holds),
        decisions=weight.size,
    )


def share_without_support(logged: Logged, policy: Matrix, reached: Booleans | None = None) -> float:
    """Share of the policy's probability on what the log could not have shown.

    `reached` (n,): rows that the policy can come to at all, which alone count: what it would do in a later slot, after
    what it never does in an earlier one, needs no support. None: all.

    In a row whose distribution is known: journeys of probability 0. In one whose propensity is 1: all others than the
    one shown. In every row: journeys that the whole log never shows.
    """
    never = np.bincount(logged.shown, minlength=logged.journeys) == 0
    lost = policy[:, never].sum(axis=1)
    certain = np.flatnonzero(logged.propensity >= CERTAIN)
    lost[certain] = 1.0 - logged.of_shown(policy)[certain]
    if logged.propensities is not None:
        impossible = (logged.propensities <= 0.0) | never
        known = ~np.isnan(logged.propensities[:, 0])
        lost[known] = np.einsum("ij,ij->i", policy, impossible)[known]
    counted = lost if reached is None else lost[reached]
    return float(counted.mean()) if counted.size else 0.0


def _is_off(weight: Vector, clusters: Clusters) -> bool:
    mean = Scores(numerator=weight, denominator=np.ones_like(weight), clusters=clusters)
    error = clustered_error(mean) if clusters.count > 1 else 0.0
    return abs(mean.value - 1.0) > MOST_ERRORS_OFF * error + ROUNDING
