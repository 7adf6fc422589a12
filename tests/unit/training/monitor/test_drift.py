"""PSI and shares beside a reference: by hand, and what chance alone brings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2  # type: ignore[import-untyped]

from features.columns.facts import FeatureColumns, TextColumn
from training.monitor.drift import (
    Bins,
    Column,
    Counts,
    bins_of,
    column_of,
    counted,
    effective_rows,
    has_risen,
    places,
    shift,
)


def counts(*rows: float, effective: float | None = None) -> Counts:
    return Counts(rows=np.array(rows), effective=sum(rows) if effective is None else effective)


def test_psi_is_that_of_the_formula() -> None:
    """(0.5 - 0.25) ln 2 + (0.5 - 0.75) ln (2 / 3)."""
    found = shift(counts(500, 500), counts(250, 750), 0.001)
    assert found.psi == pytest.approx(0.25 * math.log(2.0) - 0.25 * math.log(2.0 / 3.0))
    assert found.by_chance == pytest.approx(2.0 / 1000)
    assert found.limit == pytest.approx(0.25 + 2.0 / 1000)
    assert found.is_alarm


def test_an_alarm_allows_for_what_few_rows_bring_by_chance() -> None:
    found = shift(counts(*[21.0] * 10), counts(*[30.0] * 10), 1e-6)
    noise = 1.0 / 210 + 1.0 / 300
    assert found.by_chance == pytest.approx(9 * noise)
    assert found.limit == pytest.approx(max(0.25 + 9 * noise, chi2.isf(1e-6, 9) * noise))


def test_too_few_customers_raise_no_alarm() -> None:
    assert shift(counts(190, 10, effective=199), counts(10, 990), 0.01).limit is None
    assert shift(counts(0, 0), counts(10, 990), 0.01).limit is None


def test_an_empty_bin_counts_as_half_a_row() -> None:
    found = shift(counts(1000, 0), counts(500, 500), 0.01)
    q = 0.5 / 1000.5
    assert found.psi == pytest.approx((1 - q - 0.5) * math.log((1 - q) / 0.5) + (q - 0.5) * math.log(q / 0.5))
    assert shift(counts(300, 0, 700), counts(400, 0, 600), 0.01).by_chance == pytest.approx(2.0 / 1000)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12))
def test_psi_is_never_negative_0_of_equal_shares_and_the_same_either_way(cells: list[tuple[int, int]]) -> None:
    one, other = counts(*(a for a, _ in cells)), counts(*(b for _, b in cells))
    found, back = shift(one, other, 0.01), shift(other, one, 0.01)
    assert found.psi >= -1e-12
    assert found.psi == pytest.approx(back.psi)
    assert shift(one, one, 0.01).psi == pytest.approx(0.0)


def test_the_mean_of_psi_without_change_is_what_is_told() -> None:
    draw, n, m = np.random.default_rng(0), 400, 1000
    shares = np.full(10, 0.1)
    found = [
        shift(counts(*draw.multinomial(n, shares)), counts(*draw.multinomial(m, shares)), 0.01) for _ in range(400)
    ]
    assert np.mean([one.psi for one in found]) == pytest.approx(9 * (1 / n + 1 / m), rel=0.1)


def test_rows_of_one_customer_are_one_row_effectively() -> None:
    assert effective_rows(np.array([1, 1, 1, 1])) == 1.0
    assert effective_rows(np.array([1, 2, 3])) == 3.0
    assert effective_rows(np.array([1, 1, 1, 2])) == pytest.approx(16 / 10)
    assert effective_rows(np.array([], dtype=np.int64)) == 0.0


def test_numbers_are_in_tenths_of_the_reference_and_what_is_missing_apart() -> None:
    bins = bins_of(Column(values=np.arange(1.0, 1001.0)))
    place = places(bins, Column(values=np.array([-5.0, 100.0, 101.0, 5000.0, np.nan])))
    assert bins.count == 11
    assert place.tolist() == [0, 0, 1, 9, 10]
    assert counted(places(bins, Column(values=np.arange(1.0, 1001.0))), 11, 1000.0).rows.tolist() == [100.0] * 10 + [0]


def test_few_different_numbers_are_a_bin_each_and_others_the_rest() -> None:
    """A flag that was always 0: 1 is another value, and so is -1."""
    bins = bins_of(Column(values=np.zeros(50)))
    assert places(bins, Column(values=np.array([0.0, 1.0, -1.0, np.nan]))).tolist() == [0, 1, 1, 2]


def test_the_most_frequent_texts_are_a_bin_each_and_those_never_seen_the_rest() -> None:
    bins = bins_of(Column(values=np.array([1.0, 1.0, 0.0]), levels=("a", "b", "c")))
    assert bins.levels == ("b", "a")
    found = places(bins, Column(values=np.array([0.0, 1.0, 2.0, -1.0]), levels=("a", "b", "new")))
    assert found.tolist() == [1, 0, 2, 3]


def test_texts_beside_a_reference_without_any_value_are_the_rest() -> None:
    assert places(Bins(), Column(values=np.array([0.0, -1.0]), levels=("a",))).tolist() == [0, 1]
    assert places(Bins(levels=("a",)), Column(values=np.array([np.nan]))).tolist() == [2]


def test_an_instant_is_its_age_in_days() -> None:
    at = np.array(["2026-01-03T12", "2026-01-05"], dtype="datetime64[us]")
    facts = FeatureColumns(
        at=at,
        numbers={},
        texts={"t": TextColumn(codes=np.array([0, -1], dtype=np.int32), levels=("a",))},
        instants={"seen_at": np.array(["2026-01-01", "NaT"], dtype="datetime64[us]")},
    )
    ages = column_of(facts, "seen_at").values
    assert (ages[0], bool(np.isnan(ages[1]))) == (2.5, True)
    assert column_of(facts, "t").levels == ("a",)


def test_a_share_has_risen_where_it_is_5_points_more_and_chance_does_not_explain_it() -> None:
    before = counts(9800, 200)
    assert has_risen(counts(900, 100), before, 1e-6)
    assert not has_risen(counts(940, 60), before, 1e-6), "4 points"
    assert not has_risen(counts(186, 14, effective=200), before, 1e-8), "5 points, of few"
    assert not has_risen(counts(900, 100, effective=150), before, 0.01), "too few customers"
    assert not has_risen(counts(9950, 50), before, 0.01), "it fell"
