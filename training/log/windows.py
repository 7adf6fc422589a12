"""Which decisions are old enough to be judged by, whatever they had shown."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.log.decisions import DecisionLog

MOST: Final = 0.95
"""The share of what was shown of a journey whose window was over by the time that counts as its own."""


def old_enough(log: DecisionLog) -> DecisionLog:
    """The rows of decisions of which it would be known by now what came, had they shown any other of their journeys.

    Journeys have windows of unlike length, so of the latest decisions only what showed a short one has a reward. Those
    are no sample of what could be shown: by them a policy is judged by other weeks than another.
    """
    if log.known_until is None or log.window_ends_at is None or log.slates is None or not log.size:
        return log
    due = np.full(log.size, np.datetime64("NaT"), dtype="datetime64[us]")
    for journey, longest in enumerate(_took(log, log.window_ends_at)):
        if not np.isnat(longest):
            rows = log.choices.eligible[:, journey]
            due[rows] = np.fmax(due[rows], log.decided_at[rows] + longest)
    is_open = due > log.known_until  # never of what is no time
    decision = log.slates.decision
    return log.where(np.bincount(decision, weights=is_open)[decision] == 0.0) if is_open.any() else log


def _took(log: DecisionLog, ends: NDArray[np.datetime64]) -> NDArray[np.timedelta64]:
    """(J,) from the decision to the end of the window; NaT of what has no row that says it."""
    out = np.full(len(log.choices.journeys), np.timedelta64("NaT"), dtype="timedelta64[us]")
    took = (ends - log.decided_at).astype("timedelta64[us]")
    for journey in range(out.size):
        told = took[(log.shown == journey) & ~np.isnat(took)]
        if told.size:
            out[journey] = np.sort(told)[int(MOST * (told.size - 1))]
    return out
