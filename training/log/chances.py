"""With which probability each row was shown, and the whole distribution that it was drawn from, where a log has it.

Rows of customers in different arms are one log by their probability over all arms, whichever arm drew them: the log is
then of one policy, the mixture of the arms by their shares, and each row's weight is as if that had drawn it. Weights
by the probability within the arm would each be unbiased too, and vary more, the more the arms differ.
Source: Veach & Guibas (1995), the balance heuristic; Agarwal, Basu, Schnabel & Joachims (2017), for logs of policies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.log import cells
from training.log.allowed import Allowed
from training.log.files import LogTable
from training.log.options import OVER_ARMS, PROPENSITY, SHARE

Vector = NDArray[np.float64]


def propensity_in(log: LogTable, column: str, known: NDArray[np.bool_]) -> Vector:
    """(n,) in (0, 1] where `known`. What has no probability over all arms has one arm alone, as far as is known.

    Raises: LogInvalid for a row that is known and has none.
    """
    found = cells.numbers(log, column)
    if column == OVER_ARMS and PROPENSITY in log.table.column_names:
        found = np.where(np.isnan(found), cells.numbers(log, PROPENSITY), found)
    log.demand_all(~np.isnan(found), known, column, "the propensity is missing")
    outside = known & ~((found > 0.0) & (found <= 1.0))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise log.fault(f"{found[row]} is no probability of what was shown: above 0, at most 1", row=row, column=column)
    return np.asarray(found, dtype=np.float64)


def distribution_in(log: LogTable, column: str, allowed: Allowed, journeys: tuple[str, ...]) -> Vector | None:
    """(n, J) the probabilities beside each journey of the sets of an exported log; rows of NaN where one lacks.

    Those are within the arm: where a row is taken by its probability over several arms they are not what it was drawn
    from.
    """
    out = allowed.chances(journeys)
    if out is not None and column == OVER_ARMS:
        out[~(_shares(log) == 1.0)] = np.nan
    return out


def _shares(log: LogTable) -> Vector:
    """(n,) of the arms; that of what does not say it is 1."""
    if SHARE not in log.table.column_names:
        return np.ones(log.table.num_rows)
    return np.nan_to_num(cells.numbers(log, SHARE), nan=1.0)
