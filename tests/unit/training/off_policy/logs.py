"""Logs for these tests: by hand, and simulated with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.off_policy.arrays import Booleans, Integers, Matrix
from training.off_policy.logged import Logged


def log_of(
    shown: Sequence[int],
    propensity: Sequence[float],
    reward: Sequence[float],
    customer: Sequence[int] | None = None,
    journeys: int = 2,
    propensities: Matrix | None = None,
) -> Logged:
    """A log in which every journey is eligible, and each row, unless said, of another customer."""
    n = len(shown)
    return Logged(
        shown=np.asarray(shown, dtype=np.int64),
        propensity=np.asarray(propensity, dtype=np.float64),
        reward=np.asarray(reward, dtype=np.float64),
        customer=np.arange(n) if customer is None else np.asarray(customer, dtype=np.int64),
        eligible=np.ones((n, journeys), dtype=np.bool_),
        propensities=propensities,
    ).validated()


SETS: Final = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 1], [0, 1, 1, 1]], dtype=np.bool_)
"""Eligible sets, each as likely as the others in every row."""
MEANS: Final = np.array([[0.30, 0.40, 0.20, 0.55], [0.50, 0.25, 0.60, 0.35], [0.20, 0.20, 0.45, 0.65]])
"""Expected reward of each journey for each type of row."""
LOGGING: Final = np.array([[1.0, 2.0, 3.0, 1.0], [2.0, 2.0, 1.0, 1.0], [1.0, 1.0, 1.0, 2.0]])
POLICY: Final = np.array([[0.5, 2.0, 0.5, 4.0], [2.0, 0.5, 4.0, 0.5], [0.5, 0.5, 2.0, 4.0]])
OTHER: Final = np.array([[3.0, 1.0, 0.5, 1.0], [1.0, 3.0, 1.0, 1.0], [2.0, 2.0, 1.0, 1.0]])
"""Leanings of three policies: what each gives to a journey that is eligible, before the row adds up to 1."""
MOST_DECISIONS: Final = 20
STAYS: Final = 0.7
"""How often a row is of its customer's own type; else of any."""
SPREAD: Final = 0.15
"""Customers differ from the mean reward by up to this, whatever is shown: so their rows are not independent."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """A log of binary rewards, 1 to 20 decisions a customer, and what there is to know of it."""

    logged: Logged
    type: Integers

    def policy(self, leaning: Matrix) -> Matrix:
        return _within(leaning[self.type], self.logged.eligible)

    @property
    def reward_model(self) -> Matrix:
        """A model that is wrong, and has seen no row of this log."""
        return np.asarray(0.5 * MEANS[self.type] + 0.1)


def simulated(seed: int, customers: int = 300) -> Simulated:
    rng = np.random.default_rng(seed)
    own_type = rng.integers(3, size=customers)
    decisions = rng.integers(1, MOST_DECISIONS + 1, size=customers)
    customer = np.repeat(np.arange(customers), decisions)
    n = customer.size
    row_type = np.where(rng.random(n) < STAYS, own_type[customer], rng.integers(3, size=n))
    eligible = SETS[rng.integers(len(SETS), size=n)]
    logging = _within(LOGGING[row_type], eligible)
    shown = (rng.random((n, 1)) > logging.cumsum(axis=1)).sum(axis=1)
    shown = np.minimum(shown, 3 - eligible[:, ::-1].argmax(axis=1))
    luck = rng.uniform(-SPREAD, SPREAD, size=customers)
    reward = rng.random(n) < MEANS[row_type, shown] + luck[customer]
    logged = Logged(
        shown=shown,
        propensity=logging[np.arange(n), shown],
        reward=reward.astype(np.float64),
        customer=customer,
        eligible=eligible,
        propensities=logging,
    )
    return Simulated(logged=logged.validated(), type=row_type)


def truth(leaning: Matrix) -> float:
    """Expected reward of a decision under the policy: types are alike likely, and so are eligible sets."""
    return float(np.mean([[_within(leaning[t], s) @ MEANS[t] for s in SETS] for t in range(3)]))


def _within(leaning: Matrix, eligible: Booleans) -> Matrix:
    kept = leaning * eligible
    return np.asarray(kept / kept.sum(axis=-1, keepdims=True))
