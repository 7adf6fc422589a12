"""What learning from a table costs: the limits are those of the issue, on two cores."""

from __future__ import annotations

import gc
from time import process_time

import numpy as np
import pyarrow as pa
import pytest

from features.columns.arrow import columns_of
from features.columns.encode import customer_matrix
from features.columns.facts import levels_of
from features.derived import Age, Formula
from features.encoder import Encoder
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from tests.benchmarks.results import tell

ROWS, NUMBERS, TEXTS, AGES = 1_000_000, 40, 10, 10
LEVELS = tuple(f"level-{i:02}" for i in range(20))
YEAR_US = 365 * 86_400_000_000


def _spec(name: str, kind: FeatureType, formula: Formula | None = None) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="facts",
        type=kind,
        unit="",
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        formula=formula,
    )


SCHEMA = FeatureSchema(
    (
        *(_spec(f"number_{i}", FeatureType.DOUBLE) for i in range(NUMBERS)),
        *(_spec(f"text_{i}", FeatureType.STRING) for i in range(TEXTS)),
        *(_spec(f"instant_{i}", FeatureType.TIMESTAMP) for i in range(AGES)),
        *(_spec(f"age_{i}", FeatureType.DOUBLE, Formula(list(Age)[i % len(Age)], f"instant_{i}")) for i in range(AGES)),
    )
)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """A tenth of every column is null; the instants lie within twenty years before the decisions of one year."""
    draw = np.random.default_rng(1)
    at = np.datetime64("2026-01-01", "us") - draw.integers(0, YEAR_US, ROWS).astype("timedelta64[us]")
    columns = {"decided_at": pa.array(at)}
    for i in range(NUMBERS):
        columns[f"number_{i}"] = pa.array(draw.random(ROWS), mask=draw.random(ROWS) < 0.1)
    for i in range(TEXTS):
        codes = pa.array(draw.integers(0, len(LEVELS), ROWS, dtype=np.int32), mask=draw.random(ROWS) < 0.1)
        columns[f"text_{i}"] = pa.DictionaryArray.from_arrays(codes, pa.array(LEVELS))
    for i in range(AGES):
        instants = at - draw.integers(0, 20 * YEAR_US, ROWS).astype("timedelta64[us]")
        columns[f"instant_{i}"] = pa.array(instants, mask=draw.random(ROWS) < 0.1)
    return pa.table(columns)


def test_a_million_rows_of_sixty_columns_are_read_and_encoded_in_ten_seconds(table: pa.Table) -> None:
    """An age in three is of each function."""
    stored = [spec.name for spec in SCHEMA.features if not spec.is_derived]
    gc.collect()
    begins = process_time()
    columns = columns_of(table, stored, "decided_at")
    read = process_time()
    encoder = Encoder.fit_columns(levels_of(columns), [], SCHEMA, ModelFeatures())
    matrix = customer_matrix(encoder, columns)
    ends = process_time()
    assert matrix.shape == (ROWS, NUMBERS + TEXTS + AGES)
    tell("encoding, 1 M rows × 60, CPU", read_s=read - begins, encode_s=ends - read)
    assert ends - begins <= 10.0
