"""The features of a log, row by row, as they were known when each decision was made."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.columns.arrow import ColumnUnfit, columns_of
from features.columns.facts import FeatureColumns
from training.log.files import LogTable

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
