"""Ages computed from timestamps at decision time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.derived import Age, Formula, days_since, days_to_anniversary, days_until, derive
from features.values import FeatureStatus, FeatureValue

DERIVED = {
    "recency_days": Formula(Age.DAYS_SINCE, "last_purchase_at"),
    "deposit_days_left": Formula(Age.DAYS_UNTIL, "deposit_matures_at"),
    "days_to_anniversary": Formula(Age.DAYS_TO_ANNIVERSARY, "first_seen_at"),
}
AT = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)


def last_purchase(status: FeatureStatus, at: datetime | None) -> dict[str, FeatureValue]:
    name = "last_purchase_at"
    return {name: FeatureValue(name=name, status=status, value=at, event_time=at)}


def test_deriving_keeps_what_the_row_holds() -> None:
    row = last_purchase(FeatureStatus.PRESENT, AT)
    assert derive(row, AT, DERIVED)["last_purchase_at"] is row["last_purchase_at"]


def test_every_derived_feature_is_there_even_for_an_empty_row() -> None:
    derived = derive({}, AT, DERIVED)
    assert {name: value.status for name, value in derived.items()} == dict.fromkeys(DERIVED, FeatureStatus.NOT_FOUND)


def test_nothing_is_derived_of_a_company_that_derives_nothing() -> None:
    row = last_purchase(FeatureStatus.PRESENT, AT)
    assert derive(row, AT, {}) == row


@pytest.mark.parametrize("status", [FeatureStatus.NULL, FeatureStatus.NOT_FOUND, FeatureStatus.UNAVAILABLE])
def test_an_age_without_its_timestamp_has_the_status_of_the_timestamp(status: FeatureStatus) -> None:
    assert derive(last_purchase(status, None), AT, DERIVED)["recency_days"] == FeatureValue(
        name="recency_days", status=status
    )


def test_a_stale_timestamp_gives_a_stale_age_that_a_reason_can_show() -> None:
    seen = AT - timedelta(days=40)
    recency = derive(last_purchase(FeatureStatus.STALE, seen), AT, DERIVED)["recency_days"]
    assert (recency.status, recency.value, recency.event_time) == (FeatureStatus.STALE, 40.0, seen)


def test_ages_do_not_depend_on_the_zone_in_which_an_instant_is_written() -> None:
    there = (AT - timedelta(days=1)).astimezone(timezone(timedelta(hours=-5)))
    assert days_since(there, AT) == 1.0


def test_what_is_reported_slightly_ahead_of_the_clock_happened_now() -> None:
    assert days_since(AT + timedelta(minutes=5), AT) == 0.0


@pytest.mark.parametrize(("hours", "days"), [(36, 1.5), (0, 0.0), (-12, -0.5)])
def test_days_until_an_instant_that_is_over_are_below_0(hours: int, days: float) -> None:
    assert days_until(AT + timedelta(hours=hours), AT) == days


@pytest.mark.parametrize("age", list(Age))
@pytest.mark.parametrize("days", [0.0, 1.0, 30.5, 364.0])
def test_an_age_leads_back_to_an_instant_of_that_age(age: Age, days: float) -> None:
    formula = Formula(age, "since")
    assert formula.days(formula.instant(days, AT), AT) == days


@pytest.mark.parametrize("age", list(Age))
def test_a_formula_is_read_as_it_is_written(age: Age) -> None:
    formula = Formula(age, "since")
    assert Formula.parsed(str(formula)) == formula


@pytest.mark.parametrize(
    "text", ["", "since", "days_since()", "days_since(A)", "age_of(a)", "days_since(a) ", "x(a)(b)"]
)
def test_what_is_no_formula_is_told_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of days_since\(FEATURE\), days_until"):
        Formula.parsed(text)


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
        (datetime(9999, 12, 31, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC), 367.0),  # and 10000 is a leap year
    ],
)
def test_an_anniversary_returns_every_year(start: datetime, at: datetime, days: float) -> None:
    assert days_to_anniversary(start, at) == pytest.approx(days, abs=1e-9)
