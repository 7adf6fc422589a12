"""What came of each journey at each stage: conversion, NPS and CES, beside what its actions expect of the customer."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from training.pictures import interval
from training.rules.log import RulesLog

PROMOTER, DETRACTOR = 9.0, 6.0
COLUMNS: Final = (
    *("actions", "shown", "presented", "known", "met", "rate", "low", "high", "reward"),
    *("nps_answers", "nps", "ces_answers", "ces"),
)


def results(log: RulesLog) -> pd.DataFrame:
    """By journey and stage.

    `actions`: what was proposed, and what it expects. `shown` ranked, `presented` of them; `known`: rewards that are
    known, `met` of them other than 0, `rate` with its 95 % interval (Wilson, 1927), `reward` their mean. `nps`: of the
    answers, % of 9 and 10 less % of 0 to 6 (Reichheld, 2003); `ces`: their mean, from 1 to 7. NaN where nothing tells.
    """
    groups = log.shown.groupby(["journey_id", "stage"])
    rows = [_row(of_one) for _, of_one in groups]
    index = pd.MultiIndex.from_tuples([key for key, _ in groups], names=["journey", "stage"])
    return pd.DataFrame(rows, columns=list(COLUMNS), index=index)


def nps(answers: pd.Series[float]) -> float:
    """From -100 to 100; NaN without an answer."""
    if answers.empty:
        return np.nan
    return float(100.0 * ((answers >= PROMOTER).mean() - (answers <= DETRACTOR).mean()))


def _row(rows: pd.DataFrame) -> list[object]:
    rewards = rows["reward"].dropna().to_numpy(np.float64)
    met = (rewards != 0.0).astype(np.float64)
    low, high = interval(met, 1.0) if met.size else (np.nan, np.nan)
    said_nps, said_ces = rows["nps"].dropna(), rows["ces"].dropna()
    presented, met_count = int(rows["presented_at"].notna().sum()), int(met.sum())
    rate, reward = (float(met.mean()), float(rewards.mean())) if met.size else (np.nan, np.nan)
    ces = float(said_ces.mean()) if len(said_ces) else np.nan
    counts = [len(rows), presented, met.size, met_count]
    return [_actions(rows), *counts, rate, low, high, reward, len(said_nps), nps(said_nps), len(said_ces), ces]


def _actions(rows: pd.DataFrame) -> str:
    told = rows[["action_id", "expects"]].drop_duplicates().sort_values("action_id")
    pairs = zip(told["action_id"], told["expects"], strict=True)
    return "; ".join(f"{action}: {expects}" if isinstance(expects, str) else str(action) for action, expects in pairs)
