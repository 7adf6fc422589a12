"""A day that was exported stays as it is once nothing more can become known of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import FeatureSchema
from service.state.export.settled import OPEN, is_settled
from service.state.export.table import export_schema
from tests.builders import SCHEMA

OVER = datetime(2026, 1, 2, tzinfo=UTC)
TABLE = export_schema(SCHEMA)


def written(
    file: Path,
    *,
    censored: bool = False,
    at: datetime = OVER + timedelta(days=1),
    said: Mapping[str, str] | None = None,
) -> Path:
    """An exported day of one row, by its form alone, that was written `at`."""
    columns = [pa.array([censored]) if f.name == "is_censored" else pa.nulls(1, f.type) for f in TABLE]
    schema = pa.schema([f.with_nullable(True) for f in TABLE])
    pq.write_table(pa.Table.from_arrays(columns, schema=schema.with_metadata(said)), file)
    os.utime(file, (at.timestamp(), at.timestamp()))
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decisions.parquet"


def test_a_day_whose_windows_were_over_is_settled(file: Path) -> None:
    assert is_settled(written(file), OVER, None)
    assert not is_settled(written(file, censored=True), OVER, None)
    assert not is_settled(written(file, at=OVER - timedelta(hours=1)), OVER, None)


def test_a_day_in_which_something_allowed_could_still_come_by_itself_is_open(file: Path) -> None:
    """Of a day of before, whose file does not say it, the rows alone count."""
    assert not is_settled(written(file, said={OPEN: "1"}), OVER, None)
    assert is_settled(written(file, said={OPEN: "0"}), OVER, None)
    assert is_settled(written(file), OVER, None)


def test_a_day_with_other_columns_is_written_again_where_it_can_be(file: Path) -> None:
    with pq.ParquetWriter(file, TABLE) as writer:
        writer.write_table(TABLE.empty_table())
    assert is_settled(file, OVER, TABLE), "as it was written, it is read"
    other = export_schema(FeatureSchema(SCHEMA.features[1:]))
    assert not is_settled(file, OVER, other)
    assert is_settled(file, OVER, None)


def test_what_is_not_there_or_no_table_is_not_settled(file: Path) -> None:
    assert not is_settled(file, OVER, None)
    file.write_bytes(b"no table")
    assert not is_settled(file, OVER, None)
    pq.write_table(pa.table({"x": [1]}), file)
    assert not is_settled(file, OVER, None)
