"""How much memory a table takes on its way does not depend on how long it is."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import FeatureType
from tests.builders import NOW
from tests.example import SCHEMA

SHORT, LONG = 10_000, 50_000
ALLOWED = 40 * 2**20
"""Bytes more for 40,000 rows more, whose records alone are 3 times as many."""


def table(rows: int) -> pa.Table:
    """Rows of one day with every number of the schema as a feature."""
    numbers = [f.name for f in SCHEMA.features if f.type is FeatureType.DOUBLE]
    start = int(NOW.replace(hour=0).timestamp() * 1e6)
    ids = pa.array([f"c{n}" for n in range(rows)])
    return pa.table(
        {
            "customer_id": ids,
            "decided_at": pa.array([start + n * 1_000_000 for n in range(rows)], pa.timestamp("us", tz="UTC")),
            "journey_id": pa.array(["basket"] * rows),
            "propensity": pa.array([1.0] * rows),
            "reward": pa.array([0.0] * rows),
            **{f"feature_{name}": pa.array([float(n) for n in range(rows)]) for name in numbers},
        }
    )


async def moved(adapter: str, place: Path, rows: int) -> list[int]:
    """The peaks of memory of a process that takes in and gives out this many rows."""
    source = place / "in.parquet"
    pq.write_table(table(rows), source, row_group_size=10_000)
    command = ("-m", "tests.contract.table_moves", adapter, place, source, place / "out")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    told = json.loads(printed)
    assert told["rows"] == rows
    peaks: list[int] = told["peaks"]
    return peaks


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_table_five_times_as_long_takes_no_more_memory(adapter: str, place: Path) -> None:
    """The longer table comes second, over the rows of the shorter one, of which 10,000 are known."""
    short, long = await moved(adapter, place, SHORT), await moved(adapter, place, LONG)
    growth = [(after - long[0]) - (before - short[0]) for before, after in zip(short, long, strict=True)]
    assert max(growth) < ALLOWED, (short, long)
