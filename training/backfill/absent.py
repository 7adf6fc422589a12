"""The column that says why features are null, read and written for many rows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.store.history import PRESENT, STATUSES, Statuses

MAP: Final = pa.map_(pa.string(), pa.string())
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Absent:
    """Of n rows, a line each fact: feature `names[i]` of row `rows[i]` is null because of `causes[i]`."""

    size: int
    rows: NDArray[np.int64]
    names: NDArray[np.object_]
    causes: NDArray[np.object_]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Absent:
        """A null map says nothing."""
        values = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], MAP)
        offsets = np.asarray(values.offsets, dtype=np.int64)
        inside = slice(int(offsets[0]), int(offsets[-1])) if offsets.size else slice(0, 0)
        return cls(
            size=len(values),
            rows=np.repeat(np.arange(len(values)), np.diff(offsets)),
            names=np.asarray(values.keys[inside].cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object),
            causes=np.asarray(values.items[inside].cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object),
        )

    def named(self, feature: str, cause: str | None = None) -> Rows:
        """(n,) the rows that say why this feature is null; with a cause, those that give this one."""
        found = self.names == feature
        if cause is not None:
            found &= self.causes == cause
        rows = np.zeros(self.size, dtype=bool)
        rows[self.rows[found]] = True
        return rows

    def with_filled(self, filled: Mapping[str, tuple[Rows, Statuses]]) -> Absent:
        """What it says of these features in these rows is from now on by their statuses, (n,) each."""
        kept = np.ones(self.rows.size, dtype=bool)
        rows, names, causes = [], [], []
        for feature, (where, statuses) in filled.items():
            kept &= ~((self.names == feature) & where[self.rows])
            absent = np.flatnonzero(where & (statuses != PRESENT))
            rows.append(absent)
            names.append(np.full(absent.size, feature, dtype=object))
            causes.append(_CAUSES[statuses[absent]])
        return Absent(
            size=self.size,
            rows=np.concatenate([self.rows[kept], *rows]),
            names=np.concatenate([self.names[kept], *names]),
            causes=np.concatenate([self.causes[kept], *causes]),
        )

    def column(self) -> pa.Array:
        """As the log has it; what a row said before stands before what was filled in."""
        order = np.argsort(self.rows, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(self.rows, minlength=self.size))])
        return pa.MapArray.from_arrays(
            pa.array(offsets[: self.size + 1], pa.int32()),
            pa.array(self.names[order], pa.string()),
            pa.array(self.causes[order], pa.string()),
        )


_CAUSES = np.array([status.value for status in STATUSES], dtype=object)
