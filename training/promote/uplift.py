"""What came of the objectives that journeys are ranked by uplift for: all of it, whatever was shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.decision.journey import RankBy
from service.decision.plan import Plan
from training.log.decisions import DecisionLog
from training.log.files import LogFiles
from training.log.met import worth_of
from training.log.options import MET


def ranked_by_uplift(plan: Plan | None) -> frozenset[str]:
    """The journeys whose objective may come of itself, and that are ranked by how much more it does."""
    listed = () if plan is None else (one.journey for offered in plan.journeys.values() for one in offered)
    asked = (one for one in listed if one.objective.rank_by is RankBy.UPLIFT and one.objective.asks_of_silence)
    return frozenset(one.journey_id for one in asked)


def whatever_was_shown(log: DecisionLog, journeys: Collection[str]) -> DecisionLog:
    """The log with other rewards: of a decision all that met the objectives of these journeys within their windows.

    By what followed a contact alone, showing them to who would have come anyway would be worth most, and uplift would
    be found worse than what it is to be better than. What the customer did once counts once, for the most that it is
    worth to one of them. It is earned in the last slot of the decision, for it follows from all; in the others such a
    journey earned nothing by itself. Decisions of which it is not known yet are left out, whatever they showed.

    The same log where no journey is one of these, or it does not say what came.
    """
    files = LogFiles(log.path)
    if not journeys or log.slates is None or MET not in {*files.columns, *files.some}:
        return log
    came = worth_of(files.read({MET}, sparse={MET}), journeys).total[log.row]
    decision, slot = log.slates.decision, log.slates.slot
    is_last = slot == _most(decision, slot)[decision]
    is_one = np.array([name in journeys for name in log.choices.journeys], dtype=np.bool_)[log.shown]
    own = np.where(is_one, 0.0, log.reward)
    told = replace(log, reward=own + np.where(is_last, np.nan_to_num(came), 0.0))
    return told.where(~np.isnan(came))


def _most(decision: NDArray[np.int64], slot: NDArray[np.int64]) -> NDArray[np.int64]:
    out = np.zeros(int(decision.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(out, decision, slot)
    return out
