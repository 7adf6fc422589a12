"""Calendar windows and QUIET_HOURS by the customer's own clock, also where clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from features.values import FeatureStatus, FeatureValue
from service.catalogue.bind.holiday_calendar import PublicHolidays
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.unknown import OnUnknown, WhenUnknown
from service.decision.verdict import Reason, ReasonKind
from service.decision.windows import CalendarWindow, Period
from tests.builders import evaluation, facts, feature


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "period", "happened", "start", "end"),
    [
        ("UTC", Period.DAY, "2024-02-28T23:59:59", "2024-02-28", "2024-02-29"),
        ("UTC", Period.MONTH, "2024-02-29T12:00:00", "2024-02-01", "2024-03-01"),
        ("UTC", Period.MONTH, "2023-12-31T23:00:00", "2023-12-01", "2024-01-01"),
        # 2024-01-03 is a Wednesday: its week is Monday 1 to Monday 8
        ("UTC", Period.WEEK, "2024-01-03T12:00:00", "2024-01-01", "2024-01-08"),
        ("UTC", Period.WEEK, "2024-01-07T23:59:59", "2024-01-01", "2024-01-08"),
        # New York loses an hour on 2024-03-10 and gains one on 2024-11-03
        ("America/New_York", Period.DAY, "2024-03-10T12:00:00", "2024-03-10T05:00:00", "2024-03-11T04:00:00"),
        ("America/New_York", Period.DAY, "2024-11-03T12:00:00", "2024-11-03T04:00:00", "2024-11-04T05:00:00"),
        # Cairo jumps from 00:00 to 01:00 on 2024-04-26: the day begins at 01:00 there, 22:00 UTC
        ("Africa/Cairo", Period.DAY, "2024-04-26T10:00:00", "2024-04-25T22:00:00", "2024-04-26T21:00:00"),
        # Havana jumps from 00:00 to 01:00 on 2024-03-10, and on 2024-11-03 has 00:00 to 01:00 twice
        ("America/Havana", Period.DAY, "2024-03-10T12:00:00", "2024-03-10T05:00:00", "2024-03-11T04:00:00"),
        ("America/Havana", Period.DAY, "2024-11-03T12:00:00", "2024-11-03T04:00:00", "2024-11-04T05:00:00"),
        # Beirut jumps from 00:00 to 01:00 on 2024-03-31
        ("Asia/Beirut", Period.DAY, "2024-03-31T12:00:00", "2024-03-30T22:00:00", "2024-03-31T21:00:00"),
        # Lord Howe moves by half an hour: +11 in summer, +10:30 from 2024-04-07
        ("Australia/Lord_Howe", Period.DAY, "2024-04-07T03:00:00", "2024-04-06T13:00:00", "2024-04-07T13:30:00"),
        # Samoa had no 2011-12-30 at all
        ("Pacific/Apia", Period.DAY, "2011-12-30T09:00:00", "2011-12-29T10:00:00", "2011-12-30T10:00:00"),
        # Newfoundland went back from 00:01 to 23:01 on 2010-11-07: 02:31 UTC is still the day that had begun at 02:30
        ("America/St_Johns", Period.DAY, "2010-11-07T02:45:00", "2010-11-07T02:30:00", "2010-11-08T03:30:00"),
    ],
)
def test_a_calendar_period_begins_and_ends_where_local_days_do(
    zone: str, period: Period, happened: str, start: str, end: str
) -> None:
    window = CalendarWindow(period=period, zone=ZoneInfo(zone))
    assert (window.start(at(happened)), window.end(at(happened))) == (at(start), at(end))


def quiet(
    begins: str | None = "21:00",
    ends: str | None = "09:00",
    *,
    weekends: bool = False,
    holidays: bool = False,
    on_missing: WhenUnknown = WhenUnknown.DENY,
) -> QuietHours:
    return QuietHours(
        quiet_id="night",
        begins=None if begins is None else time.fromisoformat(begins),
        ends=None if ends is None else time.fromisoformat(ends),
        on_weekends=weekends,
        holidays=PublicHolidays() if holidays else None,
        zone_feature="time_zone",
        region_feature="holiday_region",
        on_unknown=OnUnknown(on_missing=on_missing),
    )


def told(rule: QuietHours, now: str, zone: str = "America/New_York", region: str = "US-NY") -> Reason | None:
    features = [feature("time_zone", zone), feature("holiday_region", region)]
    return rule.check(evaluation(facts(now=at(now), features=features)))


@pytest.mark.parametrize(
    ("rule", "now", "zone", "ends"),
    [
        # across midnight: 21:00 to 09:00 in New York is 02:00 to 14:00 UTC in winter
        (quiet(), "2024-01-10T01:59:59", "America/New_York", None),
        (quiet(), "2024-01-10T02:00:00", "America/New_York", "2024-01-10T14:00:00"),
        (quiet(), "2024-01-10T13:59:59", "America/New_York", "2024-01-10T14:00:00"),
        (quiet(), "2024-01-10T14:00:00", "America/New_York", None),
        # within a day
        (quiet("13:00", "15:00"), "2024-01-10T12:00:00", "Europe/Madrid", "2024-01-10T14:00:00"),
        (quiet("13:00", "15:00"), "2024-01-10T14:00:00", "Europe/Madrid", None),
        # the night in which clocks go forward is an hour shorter, the other an hour longer
        (quiet(), "2024-03-10T03:00:00", "America/New_York", "2024-03-10T13:00:00"),
        (quiet(), "2024-11-03T03:00:00", "America/New_York", "2024-11-03T14:00:00"),
        # 02:30 does not exist in New York on 2024-03-10: the clock that shows 03:00 next is past it, at 07:00 UTC
        (quiet("21:00", "02:30"), "2024-03-10T06:59:59", "America/New_York", "2024-03-10T07:00:00"),
        # 01:30 comes twice on 2024-11-03: quiet ends the first time, is back at the second 01:00 and ends once more
        (quiet("21:00", "01:30"), "2024-11-03T05:00:00", "America/New_York", "2024-11-03T05:30:00"),
        (quiet("21:00", "01:30"), "2024-11-03T05:45:00", "America/New_York", None),
        (quiet("21:00", "01:30"), "2024-11-03T06:10:00", "America/New_York", "2024-11-03T06:30:00"),
        # Havana goes back from 01:00 to 00:00 at 05:00 UTC: quiet from 00:30 is interrupted until the second 00:30
        (quiet("00:30", "06:00"), "2024-11-03T04:45:00", "America/Havana", "2024-11-03T05:00:00"),
        (quiet("00:30", "06:00"), "2024-11-03T05:30:00", "America/Havana", "2024-11-03T11:00:00"),
        # Cairo has no 00:30 on 2024-04-26: quiet until then ends as the clock jumps from 00:00 to 01:00
        (quiet("21:00", "00:30"), "2024-04-25T21:00:00", "Africa/Cairo", "2024-04-25T22:00:00"),
        # Lord Howe goes from 02:00 back to 01:30 at 15:00 UTC on 2024-04-06: quiet from 01:45 is interrupted
        (quiet("01:45", "03:00"), "2024-04-06T14:50:00", "Australia/Lord_Howe", "2024-04-06T15:00:00"),
        # Saturday and Sunday 2024-01-13/14, alone and with nights
        (quiet(None, None, weekends=True), "2024-01-13T05:00:00", "America/New_York", "2024-01-15T05:00:00"),
        (quiet(None, None, weekends=True), "2024-01-13T04:59:59", "America/New_York", None),
        (quiet(weekends=True), "2024-01-13T18:00:00", "America/New_York", "2024-01-15T14:00:00"),
        # Asia/Beirut: Sunday 2024-03-31 begins at 01:00, Monday at 21:00 UTC
        (quiet(None, None, weekends=True), "2024-03-30T21:59:59", "Asia/Beirut", "2024-03-31T21:00:00"),
    ],
)
def test_quiet_hours_follow_the_customers_clock(rule: QuietHours, now: str, zone: str, ends: str | None) -> None:
    reason = told(rule, now, zone)
    assert (None if reason is None else reason.eligible_after) == (None if ends is None else at(ends))


@pytest.mark.parametrize(
    ("now", "region", "ends"),
    [
        ("2024-07-04T16:00:00", "US-NY", "2024-07-05T04:00:00"),  # Independence Day
        ("2024-07-04T16:00:00", "ES-MD", None),
        ("2024-05-02T16:00:00", "ES-MD", "2024-05-03T04:00:00"),  # Dos de Mayo is Madrid's own
        ("2024-05-02T16:00:00", "ES-CT", None),
        ("2024-12-25T16:00:00", "US", "2024-12-26T05:00:00"),
    ],
)
def test_public_holidays_of_the_customers_region_are_quiet(now: str, region: str, ends: str | None) -> None:
    reason = told(quiet(None, None, holidays=True), now, region=region)
    assert (None if reason is None else reason.eligible_after) == (None if ends is None else at(ends))


@pytest.mark.parametrize(
    ("rule", "now", "is_quiet"),
    [
        # 23:00 on a Wednesday in New York, 11:00 on the same day, 11:00 on a Saturday
        (quiet(holidays=True, on_missing=WhenUnknown.ALLOW), "2024-01-11T04:00:00", True),
        (quiet(holidays=True, on_missing=WhenUnknown.ALLOW), "2024-01-10T16:00:00", False),
        (quiet(holidays=True, weekends=True, on_missing=WhenUnknown.ALLOW), "2024-01-13T16:00:00", True),
        (quiet(holidays=True), "2024-01-11T04:00:00", True),
        (quiet(holidays=True), "2024-01-10T16:00:00", True),
    ],
)
def test_a_night_is_a_night_where_a_region_that_nobody_knows_is_allowed(
    rule: QuietHours, now: str, is_quiet: bool
) -> None:
    """Only its holidays are not known; the last two rows do not allow it."""
    known = facts(now=at(now), features=[feature("time_zone", "America/New_York")])
    assert (rule.check(evaluation(known)) is not None) is is_quiet


@pytest.mark.parametrize("region", ["XX", "US-XX", "", "us", "utils", "HolidayBase", "-", "registry"])
def test_a_region_that_nobody_knows_is_not_permission(region: str) -> None:
    reason = told(quiet(None, None, holidays=True), "2024-01-10T16:00:00", region=region)
    assert reason is not None
    assert (reason.kind, reason.params["fact"]) == (ReasonKind.UNKNOWN, "holiday_region")


NO_PLACES = (
    *("localtime", "Factory", "posixrules", "posix/Europe/Madrid", "right/Europe/Madrid", "Etc/Unknown", "Europe"),
    *("", " ", "Madrid", "europe/madrid", "EUROPE/MADRID", " Europe/Madrid", "+02:00", "UTC+2", "CEST", "tzdata.zi"),
    *("zone.tab", "leapseconds", "/etc/localtime", "Europe/../Europe/Madrid", "Europe/Madrid\0", "SystemV/EST5"),
)


@pytest.mark.parametrize(
    "name", ["Europe/Madrid", "America/Argentina/Buenos_Aires", "Asia/Calcutta", "GB", "UTC", "Etc/GMT+3"]
)
def test_a_zone_is_a_place_or_a_clock_of_fixed_offset(name: str) -> None:
    assert facts(now=at("2024-01-10T16:00:00"), features=[feature("time_zone", name)]).zone("time_zone") == ZoneInfo(
        name
    )


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        ([], "NOT_FOUND"),
        ([feature("time_zone", None, FeatureStatus.NULL)], "NULL"),
        ([feature("time_zone", "America/New_York", FeatureStatus.STALE)], "STALE"),
        ([feature("time_zone", None, FeatureStatus.UNAVAILABLE)], "UNAVAILABLE"),
        ([feature("time_zone", "Mars/Olympus")], "NULL"),
        ([feature("time_zone", "../etc/passwd")], "NULL"),
        *(([feature("time_zone", name)], "NULL") for name in NO_PLACES),
    ],
)
def test_an_unknown_zone_denies_at_any_hour(zone: list[FeatureValue], status: str) -> None:
    reason = quiet().check(evaluation(facts(now=at("2024-01-10T16:00:00"), features=zone)))
    assert reason is not None
    assert reason.params == {"fact": "time_zone", "status": status, "quiet": "night"}
    lenient = quiet(on_missing=WhenUnknown.ALLOW).check(evaluation(facts(now=at("2024-01-10T16:00:00"), features=zone)))
    assert (lenient is None) == (status in {"NOT_FOUND", "NULL"})


def test_the_reason_shows_the_local_time() -> None:
    reason = told(quiet(), "2024-01-10T03:07:00")
    assert reason is not None
    assert reason.params == {"quiet": "night", "local_time": "22:07", "zone": "America/New_York"}
