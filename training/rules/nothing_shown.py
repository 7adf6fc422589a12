"""Decisions that showed nothing, the customers who never saw anything, and which rule alone stood in between."""

from __future__ import annotations

import pandas as pd

from training.rules.log import FOR_WHOM, RulesLog


def nothing_shown(log: RulesLog) -> pd.DataFrame:
    """By channel, and for all: decisions, those that showed nothing, and customers who were never shown anything there.

    A decision without a single candidate is not counted.
    """
    every = log.candidates[["decision_id", "customer_id", "channel"]].drop_duplicates()
    every = every.assign(shows=every["decision_id"].isin(log.shown["decision_id"]))
    rows = {str(channel): _counts(of_one) for channel, of_one in every.groupby("channel")}
    table = pd.DataFrame.from_dict({**rows, "all": _counts(every)}, orient="index", columns=COLUMNS)
    table.insert(2, "share", table["with_nothing"] / table["decisions"].clip(lower=1))
    return table.rename_axis("channel")


COLUMNS = ["decisions", "with_nothing", "customers", "customers_with_nothing"]


def _counts(decisions: pd.DataFrame) -> list[int]:
    ever = decisions.groupby("customer_id")["shows"].any()
    return [len(decisions), int((~decisions["shows"]).sum()), len(ever), int((~ever).sum())]


def what_stood_between(log: RulesLog) -> pd.DataFrame:
    """By rule: decisions that showed nothing and would have had something to show without this rule alone.

    Rules that limit come first, each group by decisions.
    """
    shown, alone = log.shown["decision_id"], log.alone
    silent = log.denied.loc[~log.denied["decision_id"].isin(shown), "decision_id"]
    by_rule = alone[~alone["decision_id"].isin(shown)].groupby("rule")
    counts = {"decisions": "decision_id", "customers": "customer_id", "journeys": "journey_id"}
    found = pd.DataFrame({name: by_rule[column].nunique() for name, column in counts.items()})
    found.insert(1, "share", found["decisions"] / max(silent.nunique(), 1))
    found.insert(0, "limits", ~found.index.isin(FOR_WHOM))
    return found.sort_values(["limits", "decisions"], ascending=False, kind="stable")
