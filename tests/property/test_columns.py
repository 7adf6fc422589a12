"""Tables are encoded as rows are, bit for bit, whatever is known and whenever it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.columns.ages import days
from features.columns.arrow import columns_of
from features.columns.encode import customer_matrix, journey_matrix, matrix_for, matrix_of
from features.columns.facts import FeatureColumns, TextColumn, levels_of
from features.derived import Age, Formula
from features.encoder import Encoder, JourneyRow
from features.interactions import Interaction, ModelFeatures
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar

Matrix = NDArray[np.float64]

MOMENT = datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)
YEARS = (1, 1896, 1900, 1968, 1969, 1970, 1972, 2000, 2023, 2024, 2025, 2028, 9998, 9999)
LEAPS = [year for year in YEARS if year % 4 == 0 and year != 1900]
EDGES = [
    *(MOMENT.replace(year=year) for year in LEAPS),
    *(MOMENT.replace(year=year, day=28) for year in YEARS),
    *(datetime(year, month, 1, tzinfo=UTC) for year in YEARS for month in (1, 3)),
    *(datetime(year, 2, 29, tzinfo=UTC) for year in LEAPS),
    datetime.max.replace(tzinfo=UTC),
]
"""Leap days, their anniversaries at the very instant, the ends of months, years and of time itself."""
OFFSETS = st.sampled_from([0, 0, 1]).map(lambda us: timedelta(microseconds=us))
NEAR_EDGES = st.builds(lambda edge, offset: edge - offset, st.sampled_from([e for e in EDGES if e.year > 1]), OFFSETS)
INSTANTS = NEAR_EDGES | st.sampled_from(EDGES) | st.datetimes(timezones=st.just(UTC))
MOMENTS = st.just(MOMENT) | INSTANTS.filter(lambda at: 1800 < at.year < 2200)

VALUES: Mapping[FeatureType, st.SearchStrategy[Scalar]] = {
    FeatureType.DOUBLE: st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-310, 1e308]) | st.floats(),
    FeatureType.INT: st.integers(-2, 2) | st.integers(-(2**63), 2**63 - 1),
    FeatureType.BOOL: st.booleans(),
    FeatureType.STRING: st.sampled_from(["gold", "silver", "", "ñ"]) | st.text(max_size=2),
    FeatureType.TIMESTAMP: INSTANTS,
}
INTERACTIONS = st.sampled_from(
    ["spend_{product}", "spend_{product} / spend", "spend_{product} / spend_{other}", "{product} / visits"]
)
JOURNEYS = st.builds(
    JourneyRow,
    journey_id=st.sampled_from(["j1", "j2", "j3", ""]),
    kind=st.sampled_from(["loyalty", "service"]),
    attributes=st.dictionaries(
        st.sampled_from(["product", "other"]), st.sampled_from(["a", "b", "a_b", "c", "visits", "", "x}{y"])
    ),
)


def _spec(name: str, kind: FeatureType, formula: Formula | None = None) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="derived" if formula else "facts",
        type=kind,
        unit="",
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        formula=formula,
    )


def _facts(spec: FeatureSpec) -> st.SearchStrategy[FeatureValue | None]:
    """PRESENT, with a value that does not count, without one, or none at all."""
    name, values = st.just(spec.name), VALUES[spec.type]
    present = st.builds(FeatureValue, name=name, status=st.just(FeatureStatus.PRESENT), value=values)
    stale = st.builds(FeatureValue, name=name, status=st.just(FeatureStatus.STALE), value=values)
    empty = st.sampled_from(
        [None, *(FeatureValue(name=spec.name, status=s) for s in (FeatureStatus.NULL, FeatureStatus.NOT_FOUND))]
    )
    return st.one_of(present, present, present, stale, empty)


TYPES = {
    "spend": FeatureType.DOUBLE,
    "spend_a": FeatureType.DOUBLE,
    "spend_b": FeatureType.INT,
    "spend_a_b": FeatureType.DOUBLE,
    "visits": FeatureType.INT,
    "is_member": FeatureType.BOOL,
    "tier": FeatureType.STRING,
    "city": FeatureType.STRING,
    "seen_at": FeatureType.TIMESTAMP,
    "opened_at": FeatureType.TIMESTAMP,
}
"""What rows and tables hold, by name; a schema has some of it."""
STORED = [_spec(name, kind) for name, kind in TYPES.items()]
SOURCES = ("seen_at", "opened_at", "tier", "spend", "unheard_of")
"""Of ages; some are no instants."""
AGES = [_spec(f"{age}_{source}", FeatureType.DOUBLE, Formula(age, source)) for age in Age for source in SOURCES]
SCHEMAS = st.builds(
    lambda stored, ages: FeatureSchema((*stored, *ages)),
    st.lists(st.sampled_from(STORED), unique=True) | st.just(STORED),
    st.lists(st.sampled_from(AGES), unique=True, max_size=4),
)
ROWS = st.fixed_dictionaries({spec.name: _facts(spec) for spec in STORED}).map(
    lambda facts: {name: fact for name, fact in facts.items() if fact is not None}
)
MODELS = st.lists(INTERACTIONS.map(Interaction.parsed), max_size=3).map(
    lambda formulas: ModelFeatures(interactions={f"together_{i}": formula for i, formula in enumerate(formulas)})
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Rows with their moments, of which the first were trained on; journeys, likewise."""

    schema: FeatureSchema
    model: ModelFeatures
    rows: Sequence[FeatureRow]
    moments: Sequence[datetime]
    journeys: Sequence[JourneyRow]
    which: NDArray[np.intp]
    trained: int

    @property
    def columns(self) -> FeatureColumns:
        return _columns(self.rows, self.moments)

    def encoder(self) -> Encoder:
        return Encoder.fit(self.rows[: self.trained], self.journeys[: self.trained], self.schema, self.model)

    def expected(self, encoder: Encoder) -> Matrix:
        """(n, J, k) row by row, as serving does."""
        rows = zip(self.rows, self.moments, strict=True)
        matrices = [encoder.matrix(row, at, self.journeys) for row, at in rows]
        return np.array(matrices).reshape(len(self.rows), len(self.journeys), len(encoder.columns))


def _case(
    schema: FeatureSchema,
    model: ModelFeatures,
    rows: Sequence[tuple[FeatureRow, datetime, int]],
    journeys: Sequence[JourneyRow],
    trained: int,
) -> Case:
    return Case(
        schema=schema,
        model=model,
        rows=[row for row, _, _ in rows],
        moments=[at for _, at, _ in rows],
        journeys=journeys,
        which=np.array([which % len(journeys) for _, _, which in rows], dtype=np.intp),
        trained=trained,
    )


CASES = st.builds(
    _case,
    SCHEMAS,
    MODELS,
    st.lists(st.tuples(ROWS, MOMENTS, st.integers(0, 11)), max_size=6),
    st.lists(JOURNEYS, min_size=1, max_size=4),
    st.integers(0, 4),
)


def _known(rows: Sequence[FeatureRow], name: str) -> list[Scalar | None]:
    return [row[name].known() if name in row else None for row in rows]


def _instants(values: Sequence[Scalar | None]) -> NDArray[np.datetime64]:
    naive = [value.replace(tzinfo=None) if isinstance(value, datetime) else None for value in values]
    return np.array(naive, dtype="datetime64[us]")


def _text(values: Sequence[Scalar | None]) -> TextColumn:
    levels = tuple(dict.fromkeys(str(value) for value in values if value is not None))
    codes = [-1 if value is None else levels.index(str(value)) for value in values]
    return TextColumn(codes=np.array(codes, dtype=np.int32), levels=levels)


def _columns(rows: Sequence[FeatureRow], moments: Sequence[datetime]) -> FeatureColumns:
    known = {name: _known(rows, name) for name in TYPES}
    apart = (FeatureType.STRING, FeatureType.TIMESTAMP)
    return FeatureColumns(
        at=_instants(moments),
        numbers={
            name: np.array([np.nan if value is None else value for value in known[name]], dtype=np.float64)
            for name, kind in TYPES.items()
            if kind not in apart
        },
        texts={name: _text(known[name]) for name, kind in TYPES.items() if kind is FeatureType.STRING},
        instants={name: _instants(known[name]) for name, kind in TYPES.items() if kind is FeatureType.TIMESTAMP},
    )


def _table(case: Case) -> pa.Table:
    types = {
        FeatureType.DOUBLE: pa.float64(),
        FeatureType.INT: pa.int64(),
        FeatureType.BOOL: pa.bool_(),
        FeatureType.STRING: pa.dictionary(pa.int8(), pa.string()),
        FeatureType.TIMESTAMP: pa.timestamp("us", "UTC"),
    }
    columns = {name: pa.array(_known(case.rows, name), types[kind]) for name, kind in TYPES.items()}
    return pa.table({"at": pa.array(case.moments, pa.timestamp("us", "UTC")), **columns})


def assert_same_bits(found: Matrix, expected: Matrix) -> None:
    """Down to the sign of a zero; one NaN is as good as another."""
    assert found.shape == expected.shape
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    there = ~np.isnan(expected)
    assert np.array_equal(found[there].view(np.uint64), expected[there].view(np.uint64))


@given(CASES)
def test_a_table_is_encoded_as_its_rows_are(case: Case) -> None:
    encoder, rows = case.encoder(), np.arange(len(case.rows))
    found = matrix_of(encoder, case.columns, case.journeys, case.which)
    assert found.flags.c_contiguous
    assert_same_bits(found, case.expected(encoder)[rows, case.which])


@given(CASES)
def test_every_row_beside_one_journey_is_encoded_as_alone(case: Case) -> None:
    encoder, columns = case.encoder(), case.columns
    expected, customer = case.expected(encoder), customer_matrix(encoder, columns)
    for i, journey in enumerate(case.journeys):
        assert_same_bits(matrix_for(encoder, columns, journey), expected[:, i])
        assert_same_bits(matrix_for(encoder, columns, journey, customer), expected[:, i])


@given(CASES)
def test_customers_and_journeys_are_encoded_by_themselves(case: Case) -> None:
    encoder, expected = case.encoder(), case.expected(case.encoder())
    customer, journey = customer_matrix(encoder, case.columns), journey_matrix(encoder, case.journeys)
    width = customer.shape[1]
    assert_same_bits(customer, expected[:, 0, :width])
    if case.rows:
        assert_same_bits(journey, expected[0, :, width : width + journey.shape[1]])


@given(CASES)
def test_an_encoder_is_fitted_to_columns_as_to_their_rows(case: Case) -> None:
    learnt = case.columns.take(slice(case.trained))
    journeys = case.journeys[: case.trained]
    found = Encoder.fit_columns(levels_of(learnt), journeys, case.schema, case.model)
    assert found.to_json() == case.encoder().to_json()


@given(CASES)
def test_a_table_from_arrow_is_encoded_as_its_rows_are(case: Case) -> None:
    encoder = case.encoder()
    columns = columns_of(_table(case), list(TYPES), "at")
    found = matrix_of(encoder, columns, case.journeys, case.which)
    assert_same_bits(found, case.expected(encoder)[np.arange(len(case.rows)), case.which])


@given(st.sampled_from(Age), st.lists(st.tuples(INSTANTS, MOMENTS), min_size=1, max_size=20))
def test_ages_at_the_edges_of_the_calendar_are_those_of_serving(
    age: Age, pairs: Sequence[tuple[datetime, datetime]]
) -> None:
    expected = np.array([Formula(age, "seen_at").days(instant, at) for instant, at in pairs])
    instants, moments = zip(*pairs, strict=True)
    assert_same_bits(days(age, _instants(instants), _instants(moments)), expected)


@pytest.mark.parametrize("age", list(Age))
def test_ages_between_all_edges_of_the_calendar_are_those_of_serving(age: Age) -> None:
    pairs = [(instant, at) for instant in EDGES for at in EDGES if 1800 < at.year < 2200]
    expected = np.array([Formula(age, "seen_at").days(instant, at) for instant, at in pairs])
    instants, moments = zip(*pairs, strict=True)
    assert_same_bits(days(age, _instants(instants), _instants(moments)), expected)
