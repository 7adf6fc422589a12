"""Scores that are least, on average, where a prediction is right: they tell models apart on rows not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

P_FLOOR = 1e-6
"""Probabilities are kept this far from 0 and 1, so that one that was sure and wrong does not decide alone."""
MEAN_FLOOR = 1e-3
"""Of the mean reward: the least that a prediction counts as, so that none weighs without end."""


def log_loss(label: Vector, p: Vector) -> float:
    """-mean(y log p + (1 - y) log(1 - p)), in nats, with p kept P_FLOOR from 0 and 1."""
    return float(np.mean(log_losses(label, p)))


def log_losses(label: Vector, p: Vector) -> Vector:
    """(n,) what each row adds to `log_loss`, which is their mean."""
    kept = np.clip(p, P_FLOOR, 1.0 - P_FLOOR)
    return -(label * np.log(kept) + (1.0 - label) * np.log1p(-kept))


def squared_error(target: Vector, mean: Vector) -> float:
    """mean((y - m)^2)."""
    return float(np.mean((target - mean) ** 2))


def deviance(target: Vector, mean: Vector) -> float:
    """Tweedie deviance of power 1.5 for targets >= 0, without what depends on them alone: mean(y / sqrt(m) + sqrt(m)).

    Least in expectation at the mean whatever the distribution, and far less moved by single large rewards than the
    squared error. Source: Gneiting (2011), Bregman functions; Jørgensen (1987).
    """
    kept = np.maximum(mean, MEAN_FLOOR * max(float(target.mean()), np.finfo(float).tiny))
    return float(np.mean(target / np.sqrt(kept) + np.sqrt(kept)))


def loss_of_rewards(reward: Vector, mean: Vector) -> float:
    """Of expected rewards: the deviance where no reward is below 0, else the squared error."""
    return deviance(reward, mean) if float(reward.min()) >= 0.0 else squared_error(reward, mean)
