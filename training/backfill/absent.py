"""The column that says why features are null, read and written for many rows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.store.history import PRESENT, STATUSES, Statuses
from training.log.cells import Coded

MAP: Final = pa.map_(pa.string(), pa.string())
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Absent:
    """Of n rows, a line each fact: feature `names[i]` of row `rows[i]` is null because of `causes[i]`."""

    size: int
    rows: NDArray[np.int64]
    names: Coded
    causes: Coded

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Absent:
        """A null map says nothing."""
        values = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], MAP)
        offsets = np.asarray(values.offsets, dtype=np.int64)
        inside = slice(int(offsets[0]), int(offsets[-1])) if offsets.size else slice(0, 0)
        return cls(
            size=len(values),
            rows=np.repeat(np.arange(len(values)), np.diff(offsets)),
            names=_coded(values.keys[inside]),
            causes=_coded(values.items[inside]),
        )

    def named(self, feature: str, cause: str | None = None) -> Rows:
        """(n,) the rows that say why this feature is null; with a cause, those that give this one."""
        found = _is(self.names, feature)
        if cause is not None:
            found &= _is(self.causes, cause)
        rows = np.zeros(self.size, dtype=bool)
        rows[self.rows[found]] = True
        return rows

    def column_with(self, filled: Mapping[str, tuple[Rows, Statuses]]) -> pa.Array:
        """The column, in which these features of these rows are absent or not by their statuses, (n,) each.

        What else a row said stands first.
        """
        kept = np.ones(self.rows.size, dtype=bool)
        rows, names, causes = [], [], []
        for feature, (where, statuses) in filled.items():
            kept &= ~(_is(self.names, feature) & where[self.rows])
            absent = np.flatnonzero(where & (statuses != PRESENT))
            rows.append(absent)
            names.append(np.full(absent.size, feature, dtype=object))
            causes.append(_CAUSES[statuses[absent]])
        of_row = np.concatenate([self.rows[kept], *rows])
        order = np.argsort(of_row, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(of_row, minlength=self.size))])
        return pa.MapArray.from_arrays(
            pa.array(offsets[: self.size + 1], pa.int32()),
            pa.array(np.concatenate([_texts(self.names)[kept], *names])[order], pa.string()),
            pa.array(np.concatenate([_texts(self.causes)[kept], *causes])[order], pa.string()),
        )


_NONE = -2
"""The code of no text; that of a null is -1."""
_CAUSES = np.array([status.value for status in STATUSES], dtype=object)


def _coded(texts: pa.Array) -> Coded:
    found = texts.cast(pa.string()).dictionary_encode()
    return Coded(
        codes=np.asarray(found.indices.fill_null(-1), dtype=np.int64), levels=tuple(found.dictionary.to_pylist())
    )


def _is(texts: Coded, text: str) -> Rows:
    found: Rows = texts.codes == (texts.levels.index(text) if text in texts.levels else _NONE)
    return found


def _texts(texts: Coded) -> NDArray[np.object_]:
    return np.array([*texts.levels, None], dtype=object)[texts.codes]
