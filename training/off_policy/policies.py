"""Plain policies as matrices (n, J): probabilities of each journey in each row, adding up to 1 in its eligible set."""

from __future__ import annotations

import numpy as np

from features.errors import RumboError
from training.off_policy.arrays import Booleans, Integers, Matrix
from training.off_policy.logged import TOLERANCE, Logged


class PolicyUnfit(RumboError):
    """A matrix that is no policy for a log, at a row (from 0; None: the matrix as a whole)."""

    def __init__(self, fact: str, *, row: int | None = None) -> None:
        super().__init__(
            f"column probability: {fact}" if row is None else f"row {row}, column probability: {fact}",
        )
        self.fact, self.row = fact, row


def uniform(logged: Logged) -> Matrix:
    """Each eligible journey with the same probability."""
    return _uniform(logged.eligible)


def constant(logged: Logged, journey: int) -> Matrix:
    """Journey number `journey` wherever it is eligible; elsewhere uniform over the row's eligible set."""
    policy = np.zeros(logged.eligible.shape)
    policy[:, journey] = 1.0
    barred = np.flatnonzero(~logged.eligible[:, journey])
    policy[barred] = _uniform(logged.eligible[barred])
    return policy


def deterministic(choice: Integers, journeys: int) -> Matrix:
    """(n, journeys) with probability 1 for `choice` (n,), 0 .. journeys - 1."""
    policy = np.zeros((choice.size, journeys))
    policy[np.arange(choice.size), choice] = 1.0
    return policy


def checked(policy: Matrix, logged: Logged) -> Matrix:
    """`policy`, which is one for this log.

    Raises: PolicyUnfit naming the first row that is not finite, negative, outside the eligible set or not adding up
        to 1 within 1e-6.
    """
    if policy.shape != logged.eligible.shape:
        raise PolicyUnfit(f"the policy has shape {policy.shape}, the log {logged.eligible.shape}")
    total = policy.sum(axis=1)
    _refuse(~np.isfinite(total), "is missing or not finite")
    _refuse(policy.min(axis=1) < 0.0, "one is negative")
    _refuse(np.abs(total - 1.0) > TOLERANCE, "those of a row must add up to 1")
    inside = np.einsum("ij,ij->i", policy, logged.eligible)
    _refuse(inside < total - TOLERANCE, "a journey that is not eligible has one")
    return policy


def _uniform(eligible: Booleans) -> Matrix:
    return np.asarray(eligible / eligible.sum(axis=1, keepdims=True), dtype=np.float64)


def _refuse(bad: Booleans, fact: str) -> None:
    if bad.any():
        raise PolicyUnfit(fact, row=int(bad.argmax()))
