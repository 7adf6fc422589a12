"""The features of a log, row by row, as they were known when each decision was made."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.columns.arrow import ColumnUnfit, columns_of
from features.columns.facts import FeatureColumns
from training.log.files import LogTable

NUMBER = re.compile(r"\s*[-+]?[\d.,'\s]*\d\s*(%|€|\$)?\s*")
"""However it is written: 1.234,56 or 1'234.56 too."""
FEW_LEVELS = 20
"""So many may be codes: months, marks."""
_AT = "\0at"
"""The moments, under a name that no file can give a column."""


def facts_of(
    log: LogTable, stored: Mapping[str, str], at: NDArray[np.datetime64], categorical: Collection[str]
) -> FeatureColumns:
    """Of n rows.

    Args:
        stored: the column of each feature.
        at: (n,) the moments of the decisions, in UTC.
        categorical: features whose values are names, whatever their type.
    Raises: LogInvalid that names row and column.
    """
    moments = pa.array(at.astype("datetime64[us]").astype(np.int64), pa.int64()).cast(pa.timestamp("us", "UTC"))
    table = log.table.select([*stored.values()]).rename_columns([*stored]).append_column(_AT, moments)
    try:
        return columns_of(table, tuple(stored), _AT, categorical=categorical)
    except ColumnUnfit as error:
        raise log.fault(error.fault, row=error.row, column=stored[error.column]) from error


def demand_types(log: LogTable, stored: Mapping[str, str], facts: FeatureColumns, types: Mapping[str, str]) -> None:
    """Raises: LogInvalid for a feature whose values are of another type than is read, and would count as missing.

    Args:
        types: "a number", "a text" or "an instant" by feature; others are as they are.
    """
    there = {"a number": facts.numbers, "a text": facts.texts, "an instant": facts.instants}
    for name, needed in types.items():
        found = next((kind for kind, features in there.items() if name in features), needed)
        if found == needed:
            continue
        present = np.flatnonzero(~_absent(facts, name))
        if present.size:
            text = f"the model reads {needed} here, and this is {found}"
            raise log.fault(text, row=int(present[0]), column=stored[name])


def texts_of_numbers(facts: FeatureColumns, categorical: Collection[str]) -> tuple[str, ...]:
    """Features that would be learnt from as names and look like numbers, such as 123,45, unless said to be names."""
    return tuple(
        f"{name}: text of {len(text.levels):,} levels, most of which are numbers; each is learnt from as a name "
        f"(write them as numbers, or say --categorical {name})"
        for name, text in sorted(facts.texts.items())
        if name not in categorical
        and len(text.levels) > FEW_LEVELS
        and 2 * sum(NUMBER.fullmatch(level) is not None for level in text.levels) > len(text.levels)
    )


def _absent(facts: FeatureColumns, name: str) -> NDArray[np.bool_]:
    if name in facts.texts:
        return facts.texts[name].codes < 0
    return np.isnat(facts.instants[name]) if name in facts.instants else np.isnan(facts.numbers[name])
