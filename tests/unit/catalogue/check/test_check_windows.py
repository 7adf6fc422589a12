"""What the check says of windows and quiet hours, against naive twins."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.catalogue.check.caps import looks_as_far
from service.catalogue.check.quiet import is_never_awake
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.unknown import STRICT
from service.decision.windows import Per, Period, window_of

ZONES = tuple(map(ZoneInfo, ("UTC", "America/New_York", "Europe/Madrid", "Australia/Lord_Howe")))
PERS: tuple[Per, ...] = (*Period, *(timedelta(days=days) for days in (1, 2, 7, 8, 28, 32)))
_NOON = timedelta(hours=12)
DAYS = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(365))


def always_outlasts(outer: Per, inner: Per) -> bool:
    """Whether, all year and in every zone, whatever happens counts as long in `outer` as in `inner`."""
    for zone in ZONES:
        wide, narrow = window_of(outer, zone), window_of(inner, zone)
        assert wide is not None
        assert narrow is not None
        midnights = [day.replace(tzinfo=zone).astimezone(UTC) for day in DAYS]
        if any(wide.end(at) < narrow.end(at) for midnight in midnights for at in (midnight, midnight + _NOON)):
            return False
    return True


@pytest.mark.parametrize("outer", PERS, ids=str)
def test_window_that_looks_as_far_counts_all_that_the_other_counts(outer: Per) -> None:
    for inner in PERS:
        assert looks_as_far(outer, inner) == always_outlasts(outer, inner), inner


def quiet(begins: str | None, ends: str | None, *, weekends: bool = False) -> QuietHours:
    return QuietHours(
        quiet_id="q",
        begins=None if begins is None else time.fromisoformat(begins),
        ends=None if ends is None else time.fromisoformat(ends),
        on_weekends=weekends,
        holidays=None,
        zone_feature="time_zone",
        region_feature="holiday_region",
        on_unknown=STRICT,
    )


@pytest.mark.parametrize(
    ("rules", "is_covered"),
    [
        ([], False),
        ([quiet(None, None, weekends=True)], False),
        ([quiet("21:00", "09:00")], False),
        ([quiet("09:01", "09:00")], False),
        ([quiet("09:01", "09:00"), quiet("09:00", "09:01")], True),
        ([quiet("20:00", "08:00"), quiet("08:00", "20:00")], True),
        ([quiet("00:00", "12:00"), quiet("11:00", "00:00")], True),
        ([quiet("00:00", "12:00"), quiet("12:01", "00:00")], False),
    ],
)
def test_hours_that_leave_no_minute_are_told(rules: list[QuietHours], is_covered: bool) -> None:
    assert is_never_awake(rules) is is_covered
