"""Journeys whose audiences hold for the same customer at the same moment: who competes with whom."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from service.decision.constraints.audience import Audience
from service.decision.constraints.killed import JourneyKilled
from service.decision.constraints.not_valid_now import NotValidNow
from training.rules.log import RulesLog

AUDIENCE: Final = Audience.code
NOT_RUNNING: Final = frozenset({NotValidNow.code, JourneyKilled.code})


def overlap(log: RulesLog) -> pd.DataFrame:
    """Square, by journey: decisions in which the audiences of both hold; on the diagonal those of one.

    The audience of a candidate holds where AUDIENCE is none of its codes: every rule is looked at, whatever denies.
    A journey that was not running then, over or stopped, competes with none.
    """
    candidates = log.candidates
    holds = candidates[[AUDIENCE not in codes and NOT_RUNNING.isdisjoint(codes) for codes in candidates["codes"]]]
    decision, journey = pd.factorize(holds["decision_id"])[0], pd.Categorical(holds["journey_id"])
    journeys = list(journey.categories)
    inside = np.zeros((int(decision.max(initial=-1)) + 1, len(journeys)))
    inside[decision, journey.codes] = 1.0
    return pd.DataFrame((inside.T @ inside).astype(np.int64), index=journeys, columns=journeys)


def pairs(log: RulesLog) -> pd.DataFrame:
    """Two journeys a row, those that meet most often first: `both`, and its share of the decisions of either."""
    square = overlap(log)
    counts = square.to_numpy()
    one, other = np.triu_indices(len(square), k=1)
    both = counts[one, other]
    names = square.index.to_numpy()
    table = pd.DataFrame(
        {
            "journey": names[one],
            "other": names[other],
            "both": both,
            "share_of_journey": both / np.diag(counts)[one],
            "share_of_other": both / np.diag(counts)[other],
        }
    )
    order = ["both", "journey", "other"]
    return table[table["both"] > 0].sort_values(order, ascending=[False, True, True]).reset_index(drop=True)
