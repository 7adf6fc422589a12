"""Ages computed from timestamps at decision time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.derived import DERIVED, days_since, days_to_anniversary, derive
from features.values import FeatureStatus, FeatureValue

AT = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)


def last_purchase(status: FeatureStatus, at: datetime | None) -> dict[str, FeatureValue]:
    name = "last_purchase_at"
    return {name: FeatureValue(name=name, status=status, value=at, event_time=at)}


def test_deriving_keeps_what_the_row_holds() -> None:
    row = last_purchase(FeatureStatus.PRESENT, AT)
    assert derive(row, AT)["last_purchase_at"] is row["last_purchase_at"]


def test_every_derived_feature_is_there_even_for_an_empty_row() -> None:
    derived = derive({}, AT)
    assert {name: value.status for name, value in derived.items()} == {
        feature.name: FeatureStatus.NOT_FOUND for feature in DERIVED
    }


@pytest.mark.parametrize("status", [FeatureStatus.NULL, FeatureStatus.NOT_FOUND, FeatureStatus.UNAVAILABLE])
def test_an_age_without_its_timestamp_has_the_status_of_the_timestamp(status: FeatureStatus) -> None:
    assert derive(last_purchase(status, None), AT)["recency_days"] == FeatureValue(name="recency_days", status=status)


def test_a_stale_timestamp_gives_a_stale_age_that_a_reason_can_show() -> None:
    seen = AT - timedelta(days=40)
    recency = derive(last_purchase(FeatureStatus.STALE, seen), AT)["recency_days"]
    assert (recency.status, recency.value, recency.event_time) == (FeatureStatus.STALE, 40.0, seen)


def test_ages_do_not_depend_on_the_zone_in_which_an_instant_is_written() -> None:
    there = (AT - timedelta(days=1)).astimezone(timezone(timedelta(hours=-5)))
    assert days_since(there, AT) == 1.0


def test_what_is_reported_slightly_ahead_of_the_clock_happened_now() -> None:
    assert days_since(AT + timedelta(minutes=5), AT) == 0.0


@pytest.mark.parametrize(
    ("start", "at", "days"),
    [
        (datetime(2017, 3, 1, tzinfo=UTC), datetime(2018, 2, 27, tzinfo=UTC), 2.0),
        (datetime(2017, 3, 1, tzinfo=UTC), datetime(2018, 3, 1, tzinfo=UTC), 0.0),
        (datetime(2017, 3, 1, tzinfo=UTC), datetime(2018, 3, 1, 0, 0, 1, tzinfo=UTC), 365 - 1 / 86_400),
        (datetime(2017, 3, 1, tzinfo=UTC), datetime(2017, 3, 1, tzinfo=UTC), 365.0),
        (datetime(2017, 12, 31, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC), 364.0),
        (datetime(2016, 2, 29, tzinfo=UTC), datetime(2017, 2, 27, tzinfo=UTC), 1.0),
        (datetime(2016, 2, 29, tzinfo=UTC), datetime(2020, 2, 28, tzinfo=UTC), 1.0),
    ],
)
def test_an_anniversary_returns_every_year(start: datetime, at: datetime, days: float) -> None:
    assert days_to_anniversary(start, at) == pytest.approx(days, abs=1e-9)
