"""Whether a day that was exported says all that will ever be known of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

OPEN = "rumbo.open"
"""In a file's metadata: "1" if a window of any journey was open when it was written, else "0"."""


def is_settled(file: Path, over: datetime, schema: pa.Schema | None) -> bool:
    """Whether it was written after the day was `over`, with no window open, and, if one is given, by this schema.

    False for a file that is not there, or cannot be read.
    """
    if not is_whole(file, over, schema):
        return False
    try:
        with pq.ParquetFile(file) as opened:
            is_open = (opened.metadata.metadata or {}).get(OPEN.encode(), b"0") != b"0"
            censored = opened.read(columns=["is_censored"]).column("is_censored")
    except (OSError, pa.ArrowException, KeyError):
        return False
    return not is_open and pc.any(censored).as_py() is not True


def is_whole(file: Path, over: datetime, schema: pa.Schema | None) -> bool:
    """Whether it was written after the day was `over`, and, if one is given, by this schema.

    False for a file that is not there, or cannot be read.
    """
    try:
        if file.stat().st_mtime <= over.timestamp():
            return False
        return schema is None or bool(pq.read_schema(file).equals(schema))
    except (OSError, pa.ArrowException):
        return False
