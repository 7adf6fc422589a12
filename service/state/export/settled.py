"""Whether a day that was exported says all that will ever be known of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def is_settled(file: Path, over: datetime, schema: pa.Schema | None) -> bool:
    """Whether it was written after the day was `over`, with no window open, and, if one is given, by this schema.

    False for a file that is not there, or cannot be read.
    """
    try:
        if file.stat().st_mtime <= over.timestamp():
            return False
        with pq.ParquetFile(file) as opened:
            if schema is not None and not opened.schema_arrow.equals(schema):
                return False
            censored = opened.read(columns=["is_censored"]).column("is_censored")
    except (OSError, pa.ArrowException, KeyError):
        return False
    return not any(censored.to_pylist())
