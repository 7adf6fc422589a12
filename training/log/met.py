"""What customers did that meets objectives of the catalogue within their windows, of an exported log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.log.files import LogTable
from training.log.options import MET

BY_OUTCOME: Final = "OUTCOME"

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worth:
    """(N,) of every row, NaN where it is not known: of all that the customer did, and of what was told as outcomes."""

    total: Vector
    of_outcomes: Vector


def worth_of(log: LogTable, journeys: Collection[str] | None = None) -> Worth:
    """The sum over what happened of the most that an objective says it is worth: of `journeys` alone; None: of all.

    What happens at one instant is one thing, however many objectives it meets: what it is worth counts once.
    """
    listed = log.table.column(MET).combine_chunks()
    listed = listed.chunk(0) if isinstance(listed, pa.ChunkedArray) else listed
    nothing = np.where(np.asarray(listed.is_null()), np.nan, 0.0)
    if pa.types.is_null(listed.type) or not len(listed.flatten()):
        return Worth(total=nothing, of_outcomes=nothing)
    inside, rows = listed.flatten(), np.asarray(pc.list_parent_indices(listed), dtype=np.int64)
    at = np.asarray(pc.struct_field(inside, "at").cast(pa.int64()), dtype=np.int64)
    worth = np.asarray(pc.struct_field(inside, "worth").cast(pa.float64()), dtype=np.float64)
    is_outcome = _is_outcome(inside)
    if journeys is not None:
        known = pa.array(sorted(journeys), pa.string())
        kept = np.asarray(pc.is_in(pc.struct_field(inside, "journey_id"), value_set=known))
        rows, at, worth, is_outcome = rows[kept], at[kept], worth[kept], is_outcome[kept]
    order = np.lexsort((~is_outcome, worth, at, rows))
    rows, at, worth, is_outcome = rows[order], at[order], worth[order], is_outcome[order]
    last = np.append((rows[1:] != rows[:-1]) | (at[1:] != at[:-1]), True)[: rows.size]
    rows, worth, is_outcome = rows[last], worth[last], is_outcome[last]
    total, told = (_by_row(rows, each, nothing.size) for each in (worth, worth * is_outcome))
    return Worth(total=total + nothing, of_outcomes=told + nothing)


def _by_row(rows: NDArray[np.int64], worth: Vector, size: int) -> Vector:
    return np.asarray(np.bincount(rows, weights=worth, minlength=size), dtype=np.float64)


def _is_outcome(inside: pa.StructArray) -> NDArray[np.bool_]:
    """(m,) what was told of a contact; nothing of an export of before outcomes counted."""
    if inside.type.get_field_index("by") < 0:
        return np.zeros(len(inside), dtype=np.bool_)
    by = pc.struct_field(inside, "by").cast(pa.string())
    return np.asarray(pc.equal(by, BY_OUTCOME).fill_null(False), dtype=np.bool_)
