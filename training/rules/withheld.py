"""The value that each rule withholds: what was to be expected of the journeys that this rule alone denied.

    expected = max(0, P(met) × value − cost)

P(met) is the mean of what the journey was scored with where it was allowed, else the prior of its owner; value is that
of its objective in the catalogue of then, else the mean of what it was ranked with; cost is the mean of its actions on
the channel where it was ranked, else on any, else 0. Weights of the business and of the moment are left out.

It is an upper bound. Slots are limited: `value` counts every denied journey of a decision, as if all could have been
shown, and `best` only the best of each decision, as if that had been shown in addition. And a rule that says for whom
a journey is denies just those for whom P(met) is lower than where it was scored.
"""

from __future__ import annotations

import pandas as pd

from training.rules.log import FOR_WHOM, RulesLog


def expected_values(log: RulesLog) -> pd.Series[float]:
    """(rows of `denied`) what was to be expected of each; 0 where no value is known."""
    denied, shown = log.denied, log.shown
    p_outcome = denied["journey_id"].map(log.scored.groupby("journey_id")["p_outcome"].mean()).fillna(denied["prior"])
    value = denied["value"].fillna(denied["journey_id"].map(shown.groupby("journey_id")["value"].mean()))
    on_channel = shown.groupby(["journey_id", "channel"])["cost"].mean()
    cost = pd.Series(
        on_channel.reindex(pd.MultiIndex.from_frame(denied[["journey_id", "channel"]])).to_numpy(), index=denied.index
    )
    cost = cost.fillna(denied["journey_id"].map(shown.groupby("journey_id")["cost"].mean())).fillna(0.0)
    return (p_outcome * value - cost).clip(lower=0.0).fillna(0.0)


def withheld(log: RulesLog) -> pd.DataFrame:
    """By rule, of the candidates that it alone denied: rules that limit first, each group by `best`, the most first.

    `limits`: whether it is none of FOR_WHOM. `candidates`, `decisions` and `customers` count them; `value` and `best`
    as above, in the company's unit of value; `most`: the journey that most of `value` is of.
    """
    alone = log.alone.assign(expected=expected_values(log))
    table = alone.groupby("rule").agg(
        candidates=("journey_id", "size"),
        decisions=("decision_id", "nunique"),
        customers=("customer_id", "nunique"),
        value=("expected", "sum"),
    )
    table["best"] = alone.groupby(["rule", "decision_id"])["expected"].max().groupby("rule").sum()
    of_journeys = alone.groupby(["rule", "journey_id"])["expected"].sum()
    table["most"] = of_journeys.groupby("rule").idxmax().map(lambda found: found[1])
    table.insert(0, "limits", ~table.index.isin(FOR_WHOM))
    return table.sort_values(["limits", "best"], ascending=False, kind="stable")
