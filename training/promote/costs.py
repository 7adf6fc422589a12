"""What it cost to show what was shown, and what it would have cost to show anything else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.valuation import cost_vector
from training.log import cells
from training.log.decisions import DecisionLog
from training.log.files import LogFiles
from training.log.options import ELIGIBLE, is_exported


def costs_of(log: DecisionLog, said: Mapping[str, float]) -> NDArray[np.float64]:
    """(n, J) in the unit of the reward: of an exported log that of the action, as it was served; else as is `said`.

    0 of what a row could not have, and of saying nothing.
    """
    journeys = log.choices.journeys
    files = LogFiles(log.path)
    if not is_exported(files):
        known = {name: cost for name, cost in said.items() if name in journeys}
        return np.tile(cost_vector(journeys, known), (log.size, 1))
    table = files.read({ELIGIBLE})
    found, told = cells.sets(table, ELIGIBLE), cells.of_entries(table, ELIGIBLE, "cost")
    out = np.zeros((table.table.num_rows, len(journeys)))
    if told is not None:
        place = {name: j for j, name in enumerate(journeys)}
        columns = np.array([place.get(level, -1) for level in found.levels] or [-1], dtype=np.int64)[found.codes]
        kept = columns >= 0
        cost = np.asarray(told.cast(pa.float64()).fill_null(0.0), dtype=np.float64)
        out[found.rows[kept], columns[kept]] = cost[kept]
    return out[log.row]
