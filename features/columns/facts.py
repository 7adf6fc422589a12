"""Facts of many rows, a column a feature: what `FeatureRow` is for one customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.bool_] | NDArray[np.integer[Any]] | slice
"""Which rows, in which order: a mask, indices, or a slice, whose columns are views of the whole."""
Instants = NDArray[np.datetime64]
"""datetime64[us] in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextColumn:
    """A text a row. `codes` (n,) index `levels`, -1 where the text is not PRESENT; a level may occur in no row."""

    codes: NDArray[np.int32]
    levels: tuple[str, ...]

    def take(self, rows: Rows) -> TextColumn:
        return TextColumn(codes=self.codes[rows], levels=self.levels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureColumns:
    """What is known in n decisions, by feature; a name stands in one of the mappings at most.

    A feature that no mapping has is PRESENT in no row. Raises: ValueError when a column has not n rows.

    at: (n,) the moment of each decision.
    numbers: (n,) each, NaN where not PRESENT; flags are 0 and 1.
    instants: (n,) each, NaT where not PRESENT.
    """

    at: Instants
    numbers: Mapping[str, NDArray[np.float64]]
    texts: Mapping[str, TextColumn]
    instants: Mapping[str, Instants]

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in (*self.numbers.items(), *self.instants.items())}
        lengths.update((name, len(column.codes)) for name, column in self.texts.items())
        unequal = sorted(name for name, length in lengths.items() if length != self.size)
        if unequal:
            raise ValueError(f"of {self.size} rows, these columns have more or fewer: {', '.join(unequal)}")

    @property
    def size(self) -> int:
        """n."""
        return len(self.at)

    def take(self, rows: Rows) -> FeatureColumns:
        """These rows, in this order."""
        return FeatureColumns(
            at=self.at[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
            texts={name: column.take(rows) for name, column in self.texts.items()},
            instants={name: column[rows] for name, column in self.instants.items()},
        )


def levels_of(columns: FeatureColumns) -> dict[str, tuple[str, ...]]:
    """The texts that occur in some row, sorted, by feature: what `Encoder.fit_columns` learns from."""
    return {name: _occurring(column) for name, column in columns.texts.items()}


def _occurring(column: TextColumn) -> tuple[str, ...]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    return tuple(sorted({column.levels[code] for code in np.flatnonzero(counts)}))
