"""Facts of many rows: how they are taken apart, and how Arrow's types become them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.columns.arrow import ColumnUnfit, columns_of
from features.columns.encode import BLOCK, matrix_for, matrix_of
from features.columns.facts import FeatureColumns, TextColumn, levels_of
from features.encoder import Encoder, JourneyRow
from features.values import FeatureStatus, FeatureValue, Scalar
from tests.example import MODEL, SCHEMA

AT = datetime(2018, 1, 3, 12, tzinfo=UTC)
COLUMNS = FeatureColumns(
    at=np.array(["2018-01-03T12"] * 3, dtype="datetime64[us]"),
    numbers={"spend_90d": np.array([200.0, np.inf, np.nan]), "spend_makeup_90d": np.array([50.0, 1.0, 2.0])},
    texts={"age_band": TextColumn(codes=np.array([1, -1, 0], dtype=np.int32), levels=("65+", "25-34", "45-54"))},
    instants={"last_purchase_at": np.array(["2018-01-01T12", "NaT", "2018-01-03T12"], dtype="datetime64[us]")},
)
JOURNEYS = (
    JourneyRow(journey_id="beauty", kind="promotional", attributes={"campaign_type": "A", "category": "makeup"}),
    JourneyRow(journey_id="any", kind="promotional", attributes={"campaign_type": "B", "category": "mixed"}),
    JourneyRow(journey_id="plain", kind="promotional", attributes={}),
)


def table(values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return pa.table({"at": pa.array([AT] * len(values), pa.timestamp("us", "UTC")), "x": values})


def read(values: pa.Array | pa.ChunkedArray, *, categorical: Sequence[str] = ()) -> FeatureColumns:
    return columns_of(table(values), ["x"], "at", categorical)


def texts(columns: FeatureColumns) -> list[str | None]:
    column = columns.texts["x"]
    return [None if code < 0 else column.levels[code] for code in column.codes]


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True]), slice(1, 3)])
def test_rows_that_are_taken_keep_what_is_known_of_them(rows: Any) -> None:
    taken = COLUMNS.take(rows)
    assert taken.size == 2
    chosen = np.arange(3)[rows]
    np.testing.assert_array_equal(taken.numbers["spend_makeup_90d"], np.array([50.0, 1.0, 2.0])[chosen])
    np.testing.assert_array_equal(taken.texts["age_band"].codes, np.array([1, -1, 0])[chosen])
    np.testing.assert_array_equal(taken.instants["last_purchase_at"], COLUMNS.instants["last_purchase_at"][chosen])


def test_only_levels_that_occur_are_learnt_in_alphabetical_order() -> None:
    assert levels_of(COLUMNS) == {"age_band": ("25-34", "65+")}
    assert levels_of(COLUMNS.take(np.array([2]))) == {"age_band": ("65+",)}
    assert levels_of(COLUMNS.take(np.array([1]))) == {"age_band": ()}


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="of 1 rows, these columns have more or fewer: x"):
        FeatureColumns(at=COLUMNS.at[:1], numbers={"x": np.zeros(2)}, texts={}, instants={})


def test_rows_of_several_blocks_are_encoded_as_each_alone() -> None:
    draw, size = np.random.default_rng(3), 2 * BLOCK + 5
    rows, which = draw.integers(0, 3, size), draw.integers(0, 3, size)
    encoder = Encoder.fit_columns(levels_of(COLUMNS), JOURNEYS, SCHEMA, MODEL)
    alone = {(i, j): encoder.matrix(_row(i), AT, [JOURNEYS[j]])[0] for i in range(3) for j in range(3)}
    expected = np.array([alone[i, j] for i, j in zip(rows, which, strict=True)])
    np.testing.assert_array_equal(matrix_of(encoder, COLUMNS.take(rows), JOURNEYS, which), expected)


def _row(i: int) -> dict[str, FeatureValue]:
    """The facts of COLUMNS, as serving would have them."""
    purchase = datetime(2018, 1, 1, 12, tzinfo=UTC)
    known: tuple[dict[str, Scalar], ...] = (
        {"spend_90d": 200.0, "spend_makeup_90d": 50.0, "age_band": "25-34", "last_purchase_at": purchase},
        {"spend_90d": np.inf, "spend_makeup_90d": 1.0},
        {"spend_makeup_90d": 2.0, "age_band": "65+", "last_purchase_at": AT},
    )
    present = FeatureStatus.PRESENT
    return {name: FeatureValue(name=name, status=present, value=value) for name, value in known[i].items()}


def test_a_ratio_is_of_what_is_above_0_and_of_nothing_else() -> None:
    encoder = Encoder.fit_columns({}, JOURNEYS, SCHEMA, MODEL)
    spend = {"spend_makeup_90d": np.full(6, 3.0), "spend_90d": np.array([2.0, 0.0, -0.0, -2.0, np.nan, np.inf])}
    columns = FeatureColumns(at=COLUMNS.at[[0] * 6], numbers=spend, texts={}, instants={})
    share = matrix_for(encoder, columns, JOURNEYS[0])[:, encoder.columns.index("affinity_share_90d")]
    np.testing.assert_array_equal(share, [1.5, *[np.nan] * 5])


def test_a_ratio_that_no_float_holds_is_infinite_as_it_is_in_serving() -> None:
    encoder = Encoder.fit_columns({}, JOURNEYS, SCHEMA, MODEL)
    spend = {"spend_makeup_90d": np.array([1e308]), "spend_90d": np.array([1e-10])}
    columns = FeatureColumns(at=COLUMNS.at[:1], numbers=spend, texts={}, instants={})
    assert matrix_for(encoder, columns, JOURNEYS[0])[0, encoder.columns.index("affinity_share_90d")] == np.inf


def test_an_interaction_reads_no_column_that_was_no_feature_in_training() -> None:
    encoder = Encoder.fit_columns({}, JOURNEYS, SCHEMA, MODEL)
    journey = JourneyRow(journey_id="new", kind="loyalty", attributes={"category": "unheard_of"})
    numbers = {"spend_unheard_of_90d": np.array([9.0])}
    columns = FeatureColumns(at=COLUMNS.at[:1], numbers=numbers, texts={}, instants={})
    assert np.isnan(matrix_for(encoder, columns, journey)[0, encoder.columns.index("affinity_spend_90d")])


@pytest.mark.parametrize("which", [[0, 1, 3], [0, 1, -1], [0, 1]])
def test_a_row_beside_a_journey_that_is_not_there_is_refused(which: list[int]) -> None:
    encoder = Encoder.fit_columns({}, JOURNEYS, SCHEMA, MODEL)
    with pytest.raises(ValueError, match="expected 3 indices of 3 journeys"):
        matrix_of(encoder, COLUMNS, JOURNEYS, np.array(which))


def test_a_table_without_rows_is_a_matrix_without_rows() -> None:
    encoder = Encoder.fit_columns({}, JOURNEYS, SCHEMA, MODEL)
    nothing = COLUMNS.take(slice(0))
    assert matrix_of(encoder, nothing, [], np.array([], dtype=np.intp)).shape == (0, len(encoder.columns))


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pa.array([1, None, -3], pa.int8()), [1.0, np.nan, -3.0]),
        (pa.array([2**63 - 1, 2**53 + 1, None], pa.int64()), [2.0**63, 2.0**53, np.nan]),
        (pa.array([2**64 - 1], pa.uint64()), [2.0**64]),
        (pa.array([0.5, None, np.nan, np.inf, -np.inf], pa.float64()), [0.5, np.nan, np.nan, np.nan, np.nan]),
        (pa.array([0.1, None], pa.float32()), [float(np.float32(0.1)), np.nan]),
        (pa.array(np.array([0.5, np.inf], dtype=np.float16)), [0.5, np.nan]),
        (pa.array([True, False, None]), [1.0, 0.0, np.nan]),
        (pa.array([Decimal("0.1"), Decimal("-19.99"), None]), [0.1, -19.99, np.nan]),
        (pa.array([Decimal("12345678901234567890.1234567890")]), [12345678901234567890.1234567890]),
        (pa.array([1e-30]).cast(pa.decimal128(38, 37)), [1e-30]),
        (pa.array([2.5, None, 2.5]).dictionary_encode(), [2.5, np.nan, 2.5]),
        (pa.chunked_array([pa.array([1]), pa.array([None, 2], pa.int64())]), [1.0, np.nan, 2.0]),
        (pa.nulls(2), [np.nan, np.nan]),
        (pa.array([], pa.int64()), []),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_numbers_of_every_type_become_the_nearest_float(values: pa.Array, numbers: list[float]) -> None:
    found = read(values)
    assert (found.texts, found.instants) == ({}, {})
    np.testing.assert_array_equal(found.numbers["x"], numbers)


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["b", None, "", "a", "b"]),
        pa.array(["b", None, "", "a", "b"], pa.large_string()),
        pa.array(["b", None, "", "a", "b"], pa.string_view()),
        pa.array(["b", None, "", "a", "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 3, 2, 4]), pa.array(["b", None, "a", "", "b"])),
        pa.chunked_array([pa.array(["b", None]).dictionary_encode(), pa.array(["", "a", "b"]).dictionary_encode()]),
    ],
    ids=lambda value: str(value.type),
)
def test_texts_of_every_type_become_codes_of_sorted_levels(values: pa.Array) -> None:
    found = read(values)
    assert found.texts["x"].levels == ("", "a", "b")
    assert found.texts["x"].codes.dtype == np.int32
    assert texts(found) == ["b", None, "", "a", "b"]


@pytest.mark.parametrize("type_", [pa.string(), pa.dictionary(pa.int8(), pa.string()), pa.null()])
def test_a_text_that_is_never_known_has_no_level(type_: pa.DataType) -> None:
    found = read(pa.array([None, None], type_), categorical=["x"])
    assert (texts(found), found.texts["x"].levels) == ([None, None], ())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3, None, 12]), ["3", None, "12"]),
        (pa.array([3.0, np.nan, np.inf, None, 0.1, -0.0, 1e17]), ["3", None, None, None, "0.1", "0", "1" + "0" * 17]),
        (pa.array([0.1, None], pa.float32()), ["0.1", None]),
        (pa.array(np.array([0.5, 2.0], dtype=np.float16)), ["0.5", "2"]),
        (pa.array([True, None, False]), ["true", None, "false"]),
        (pa.array([Decimal("3.00"), Decimal("0.10"), None]), ["3", "0.1", None]),
        (
            pa.array([Decimal("300"), Decimal("12345678901234567890123456789012345678")]),
            ["300", "12345678901234567890123456789012345678"],
        ),
        (pa.array([3, None]).dictionary_encode(), ["3", None]),
        (pa.array([date(2018, 1, 3), None]), ["2018-01-03", None]),
        (pa.array([date(2018, 1, 3), None], pa.date64()), ["2018-01-03", None]),
        (pa.array([AT, None], pa.timestamp("s", "Europe/Madrid")), ["2018-01-03T12:00:00Z", None]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_what_is_said_to_be_categorical_is_a_text(values: pa.Array, expected: list[str | None]) -> None:
    found = read(values, categorical=["x"])
    assert (found.numbers, found.instants) == ({}, {})
    assert texts(found) == expected


ENDS = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
NOON = np.datetime64("2018-01-03T12", "us")


@pytest.mark.parametrize(
    ("values", "instants"),
    [
        *((pa.array([AT, None], pa.timestamp(unit, "UTC")), [NOON, "NaT"]) for unit in ("s", "ms", "us", "ns")),
        (pa.array([AT, None], pa.timestamp("ms", "America/New_York")), [NOON, "NaT"]),
        (pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")), [NOON]),
        (pa.array([-1, 1999], pa.timestamp("ns")), ["1969-12-31T23:59:59.999999", "1970-01-01T00:00:00.000001"]),
        (pa.array([date(2018, 1, 3), None]), ["2018-01-03", "NaT"]),
        (pa.array([date(2018, 1, 3), None], pa.date64()), ["2018-01-03", "NaT"]),
        (pa.array([AT, None], pa.timestamp("us", "UTC")).dictionary_encode(), [NOON, "NaT"]),
        (pa.array([-(2**31), 2**31 - 1], pa.int32()).cast(pa.date32()), ["NaT", "NaT"]),
        (pa.array([-(2**62), 2**62], pa.timestamp("s")), ["NaT", "NaT"]),
        (pa.array(ENDS, pa.timestamp("us", "UTC")), [end.replace(tzinfo=None) for end in ENDS]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_instants_of_every_type_are_microseconds_in_utc(values: pa.Array, instants: list[Any]) -> None:
    found = read(values)
    assert (found.numbers, found.texts) == ({}, {})
    assert found.instants["x"].dtype == np.dtype("datetime64[us]")
    np.testing.assert_array_equal(found.instants["x"], np.array(instants, dtype="datetime64[us]"))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1], None]),
        pa.array([{"a": 1}]),
        pa.array([b"a"]),
        pa.array([1], pa.duration("s")),
        pa.array([1], pa.time32("s")),
    ],
    ids=lambda value: str(value.type),
)
@pytest.mark.parametrize("categorical", [[], ["x"]])
def test_a_type_that_is_no_feature_is_refused_by_its_column(values: pa.Array, categorical: list[str]) -> None:
    with pytest.raises(ColumnUnfit, match=r"^column 'x': holds .*: expected numbers, flags, texts"):
        read(values, categorical=categorical)


def test_a_column_that_the_table_lacks_or_has_twice_is_refused() -> None:
    given = table(pa.array([1]))
    with pytest.raises(ColumnUnfit, match=r"^column 'y': is not in the table$"):
        columns_of(given, ["y"], "at")
    with pytest.raises(ColumnUnfit, match=r"^column 'x': stands in the table more than once$"):
        columns_of(given.append_column("x", pa.array([2])), ["x"], "at")


def test_a_row_without_its_moment_is_refused_by_its_number() -> None:
    given = pa.table({"at": pa.array([AT, None], pa.timestamp("us", "UTC")), "x": pa.array([1, 2])})
    with pytest.raises(ColumnUnfit, match=r"^column 'at', row 1: there is no moment$"):
        columns_of(given, ["x"], "at")


def test_moments_are_instants() -> None:
    with pytest.raises(ColumnUnfit, match=r"^column 'x': holds int64, not the moments of the decisions$"):
        columns_of(table(pa.array([1])), [], "x")
