"""The one shift of the example's times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from service.examples.complete_journey.data.shift import shift_table, shift_weeks, shifted
from service.examples.complete_journey.data.source import DATA_END

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(now=instants)
def test_shifted_data_ended_one_to_seven_whole_days_ago(now: datetime) -> None:
    age = now - shifted(DATA_END, shift_weeks(now))
    assert timedelta(days=1) <= age < timedelta(days=8)


@given(now=instants, instant=instants.filter(lambda at: 2010 < at.year < 2020))
def test_a_shift_keeps_weekday_and_time_of_day(now: datetime, instant: datetime) -> None:
    moved = shifted(instant, shift_weeks(now))
    assert (moved.weekday(), moved.time()) == (instant.weekday(), instant.time())


def test_the_clock_of_the_tests_shifts_nothing() -> None:
    assert shift_weeks(datetime(2018, 1, 3, 12, 0, tzinfo=UTC)) == 0


def test_the_shift_grows_a_week_at_the_end_of_the_eighth_day() -> None:
    turn = DATA_END + timedelta(days=8)
    assert (shift_weeks(turn - timedelta(seconds=1)), shift_weeks(turn)) == (0, 1)


def test_every_timestamp_column_moves_and_nothing_else_does() -> None:
    at = datetime(2017, 6, 1, tzinfo=UTC)
    kind = pa.timestamp("us", tz="UTC")
    table = pa.table({"a": pa.array([at, None], kind), "n": [1, 2], "b": pa.array([None, at], kind)})
    moved = shift_table(table, 3)
    later = at + timedelta(weeks=3)
    assert moved.to_pydict() == {"a": [later, None], "n": [1, 2], "b": [None, later]}
    assert moved.schema == table.schema
