"""Times as whole microseconds: exact, ordered, in UTC; and lists of values in a statement."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from sqlite3 import connect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.state.engines.session import from_micros, micros, optional_instant, optional_micros, placeholders

TIMES = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))]),
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TIMES)
def test_an_instant_comes_back_exact_in_utc(at: datetime) -> None:
    again = from_micros(micros(at))
    assert again == at
    assert again.tzinfo is UTC


@settings(deadline=None, derandomize=True)
@given(TIMES, TIMES)
def test_micros_are_ordered_as_the_instants_are(one: datetime, other: datetime) -> None:
    assert (micros(one) < micros(other)) == (one < other)


def test_micros_count_from_1970() -> None:
    assert micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert micros(datetime(1970, 1, 2, 0, 0, 0, 1, tzinfo=UTC)) == 86_400_000_001
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_time_that_is_not_given_stays_so_and_1970_is_given() -> None:
    assert optional_instant(None) is None
    assert optional_micros(None) is None
    assert optional_instant(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert optional_micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0


@pytest.mark.parametrize(("chosen", "found"), [([], []), ([2], [2]), ([3, 1, 7], [1, 3])])
def test_a_list_of_places_finds_the_rows_of_its_values_and_an_empty_one_none(
    chosen: list[int], found: list[int]
) -> None:
    with closing(connect(":memory:")) as database:
        database.execute("CREATE TABLE numbers AS SELECT value AS n FROM json_each('[1, 2, 3]')")
        rows = database.execute(
            f"SELECT n FROM numbers WHERE n IN {placeholders(chosen)} ORDER BY n", chosen
        ).fetchall()
    assert [n for (n,) in rows] == found
