"""Which rows of an exported log tell what meeting an objective is worth to customers, and what it was served as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.log import cells
from training.log.files import LogTable
from training.log.options import VALUE, VALUE_SOURCE, LogColumns

FIXED: Final = "FIXED"
BY_MODEL: Final = "MODEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedWorth:
    """`is_own` (n,): the reward of the row is the customer's own, for the value of its journey is learnt.

    `served` (J,): what each journey was worth to everybody when it was last shown; NaN where a model told it, or where
    nothing is known.
    """

    is_own: NDArray[np.bool_]
    served: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> LoggedWorth:
        return replace(self, is_own=self.is_own[rows])


def worth_in(log: LogTable, columns: LogColumns, shown: NDArray[np.int64], journeys: int) -> LoggedWorth | None:
    """None of a log that does not say it, or whose reward is taken from other columns than its own.

    Args:
        shown: (n,) places of journeys; -1 of rows without one.
    """
    is_its_own = columns.reward == LogColumns().reward and columns.value is None and columns.surrogate is None
    if not is_its_own or not {VALUE, VALUE_SOURCE} <= set(log.table.column_names):
        return None
    source, value = cells.texts(log, VALUE_SOURCE), cells.numbers(log, VALUE)
    of_level = np.array([*source.levels, ""])[source.codes]  # the last is of rows that do not say it
    last = np.full(journeys + 1, -1)
    np.maximum.at(last, shown, np.where(of_level != "", np.arange(shown.size), -1))
    served = np.full(journeys, np.nan)
    for journey, row in enumerate(last[:-1]):
        if row >= 0 and of_level[row] != BY_MODEL:
            served[journey] = value[row]
    return LoggedWorth(is_own=(of_level != "") & (of_level != FIXED), served=served)
