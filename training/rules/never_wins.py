"""Journeys that were candidates and never shown, and why: denied by which rule, or outranked by whom."""

from __future__ import annotations

import pandas as pd

from training.rules.log import DENIED, ELIGIBLE, RANKED, RulesLog


def never_wins(log: RulesLog) -> pd.DataFrame:
    """A row for each journey that no decision ranked; those nearest to it, allowed most often, first.

    `rule`: the code that stands most often against it, and `by_rule` how often. `by`: the journey that is ranked most
    often where it was allowed, and `by_times` how often.
    """
    candidates = log.candidates
    won = set(candidates.loc[candidates["place"] == RANKED, "journey_id"])
    ranked = candidates[candidates["place"] == RANKED]
    lost = candidates[~candidates["journey_id"].isin(won)]
    rows = [_row(str(journey), of_one, ranked) for journey, of_one in lost.groupby("journey_id")]
    columns = ["journey", "candidate", "denied", "allowed", "rule", "by_rule", "by", "by_times", "why"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["allowed", "journey"], ascending=[False, True]).reset_index(drop=True)


def _row(journey: str, of_one: pd.DataFrame, ranked: pd.DataFrame) -> tuple[object, ...]:
    denied, allowed = of_one[of_one["place"] == DENIED], of_one[of_one["place"] == ELIGIBLE]
    rule, by_rule = _most(denied["codes"].explode())
    by, by_times = _most(ranked.loc[ranked["decision_id"].isin(allowed["decision_id"]), "journey_id"])
    why = _why(len(denied), len(allowed), rule, by_rule, by, by_times)
    return journey, len(of_one), len(denied), len(allowed), rule, by_rule, by, by_times, why


def _most(values: pd.Series[str]) -> tuple[str, int]:
    """The value that stands most often, of equals the first by name; "" and 0 of none."""
    counts = values.value_counts()
    if counts.empty:
        return "", 0
    most = int(counts.max())
    return min(str(value) for value, count in counts.items() if count == most), most


def _why(denied: int, allowed: int, rule: str, by_rule: int, by: str, by_times: int) -> str:
    outranked = f"outranked, most often by {by} ({by_times:,} of {allowed:,})"
    if not denied:
        return f"always allowed, and {outranked}"
    often = "every time" if by_rule == denied else f"{by_rule:,} of {denied:,} times"
    if not allowed:
        return f"never allowed: {rule} denies it {often}"
    return f"denied {denied:,} times, by {rule} {often}; else {outranked}"
