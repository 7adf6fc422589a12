"""The one shift: a year that ended in 2018 is moved by whole weeks, so that it ended some days ago.

Whole weeks keep weekdays and hours; every instant moves by the same amount, so no interval changes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from service.examples.complete_journey.data.source import DATA_END

WEEK = timedelta(weeks=1)
MARGIN = timedelta(days=1)


def shift_weeks(now: datetime) -> int:
    """floor((now - DATA_END - 1 day) / 7 days): after the shift the data ended at least 1 and less than 8 days ago.

    Args:
        now: aware; before the data's own end the result is negative.
    """
    return (now - DATA_END - MARGIN) // WEEK


def shifted(instant: datetime, weeks: int) -> datetime:
    """`instant`, `weeks` later, in UTC."""
    return instant.astimezone(UTC) + weeks * WEEK


def shift_table(table: pa.Table, weeks: int) -> pa.Table:
    """Every timestamp column of `table`, `weeks` later; all other columns are left as they are."""
    by = pa.scalar(weeks * WEEK, type=pa.duration("us"))
    columns = [
        pc.add(column, by) if pa.types.is_timestamp(field.type) else column
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return pa.table(columns, schema=table.schema)
