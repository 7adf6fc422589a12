"""How many candidates each rule denies: in all, alone, together with others, and one rule after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from service.decision.constraints.registry import BINDERS, group_of
from training.rules.log import RulesLog

_PLACES: Final = {code: place for place, code in enumerate(BINDERS)}


def in_order(codes: Iterable[str]) -> list[str]:
    """As the rules are bound to a candidate: the kill list first, budgets last; what is no rule comes after them."""
    return sorted(set(codes), key=lambda code: (_PLACES.get(group_of(code), len(_PLACES)), code))


def denies(log: RulesLog) -> pd.DataFrame:
    """(rows of `denied`, rules in their order) whether it denies it."""
    listed = log.denied["codes"]
    rules = in_order(code for codes in listed for code in codes)
    return pd.DataFrame({rule: [rule in codes for codes in listed] for rule in rules}, index=listed.index, dtype=bool)


def funnel(log: RulesLog) -> pd.DataFrame:
    """By rule, in their order.

    `denied`: candidates with this code; `share` of all candidates. `alone`: no other rule denies them. `first`: no
    earlier rule does; `left`: candidates that are left after it, as if one rule came after another.
    """
    denied, total = denies(log), len(log.candidates)
    flags = denied.to_numpy()
    first = (flags & (flags.cumsum(axis=1) == 1)).sum(axis=0)
    table = pd.DataFrame(index=pd.Index(denied.columns, name="rule"))
    table["denied"], table["share"] = flags.sum(axis=0), flags.sum(axis=0) / total
    table["alone"] = flags[flags.sum(axis=1) == 1].sum(axis=0)
    table["first"], table["left"] = first, total - np.cumsum(first)
    return table


def together(log: RulesLog) -> pd.DataFrame:
    """Square, by rule: candidates that both deny, whatever else does; on the diagonal those that one denies alone."""
    denied = denies(log)
    flags = denied.to_numpy().astype(np.int64)
    both = flags.T @ flags
    np.fill_diagonal(both, flags[flags.sum(axis=1) == 1].sum(axis=0))
    return pd.DataFrame(both, index=denied.columns, columns=denied.columns)
