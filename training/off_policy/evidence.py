"""What a log says of one policy, reduced to a few numbers a row: all that an estimator needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.off_policy.arrays import Integers, Matrix, Vector
from training.off_policy.clusters import Clusters
from training.off_policy.logged import Logged
from training.off_policy.slots import Slates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """A log seen from one policy pi, (n,) each; q is the reward model.

    Attributes:
        reward: r, of the journey shown.
        weight: w = pi(shown) / propensity; with slates the product over the decision's slots up to this one.
        modelled: q(shown).
        expected: sum_j pi(j) q(j), the model's reward of the policy in this row.
        reached: weight of the slots before this one; 1 without slates.
        opens: 1 in the first row of a decision, else 0; 1 everywhere without slates. Values are per decision.
        slot: slot of each row from 0; None without slates.
        clusters: the customers.
    """

    reward: Vector
    weight: Vector
    modelled: Vector
    expected: Vector
    reached: Vector
    opens: Vector
    slot: Integers | None
    clusters: Clusters


def evidence(logged: Logged, policy: Matrix, reward_model: Matrix, slates: Slates | None = None) -> Evidence:
    """What a log says of a policy.

    Args:
        policy: (n, J) probabilities, rows add up to 1 inside the eligible set (`policies.checked`).
        reward_model: (n, J) expected reward of each journey in each row, finite also where it is not eligible, from a
            model that has not seen the row (cross-fitted), else DR is not unbiased.
        slates: the decisions, to sum rewards over their slots; the reward model is then of the slot's own reward.
    """
    ones = np.ones(logged.rows)
    weight = logged.of_shown(policy) / logged.propensity
    joint = weight if slates is None else slates.joint(weight)
    return Evidence(
        reward=logged.reward,
        weight=joint,
        modelled=logged.of_shown(reward_model),
        expected=np.einsum("ij,ij->i", policy, reward_model),
        reached=ones if slates is None else slates.joint_before(joint),
        opens=ones if slates is None else slates.first,
        slot=None if slates is None else slates.slot,
        clusters=logged.clusters,
    )


def evidence_of_logging(logged: Logged, slates: Slates | None = None) -> Evidence:
    """What a log says of the policy that wrote it: weights are 1 and its reward is known, not modelled.

    So its value is the mean reward by every estimator, and no distribution need be known.
    """
    ones = np.ones(logged.rows)
    return Evidence(
        reward=logged.reward,
        weight=ones,
        modelled=logged.reward,
        expected=logged.reward,
        reached=ones,
        opens=ones if slates is None else slates.first,
        slot=None if slates is None else slates.slot,
        clusters=logged.clusters,
    )
