"""Calendar windows against a twin that walks minute by minute: clocks that jump, leap days, days that never were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from service.decision.constraints.caps import ContactCap
from service.decision.facts import Situation
from service.decision.windows import CalendarWindow, Period
from tests.builders import contact, evaluation, facts, feature
from tests.property.twin import same_period

MINUTE = timedelta(minutes=1)
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Madrid",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Apia",
)
_TURNS = (
    "2024-03-10",
    "2024-11-03",
    "2024-04-26",
    "2024-10-31",
    "2024-02-29",
    "2023-12-31",
    "2011-12-30",
    "2024-04-07",
)
DAYS = st.sampled_from([datetime.fromisoformat(day).replace(tzinfo=UTC) for day in _TURNS]) | st.integers(0, 9000).map(
    lambda days: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=days)
)
INSTANTS = st.builds(lambda day, minutes: day + minutes * MINUTE, DAYS, st.integers(-1500, 1500))


@given(st.sampled_from(ZONES), st.sampled_from(Period), INSTANTS)
def test_a_period_ends_at_the_first_minute_of_the_next(name: str, period: Period, at: datetime) -> None:
    """The twin walks: by days while the period is the same, then by hours, then by minutes."""
    zone = ZoneInfo(name)
    window = CalendarWindow(period=period, zone=zone)
    walked = at
    for step in (timedelta(days=1), timedelta(hours=1), MINUTE):
        while _period(walked + step, zone, period) == _period(at, zone, period):
            walked += step
    assert window.end(at) == walked + MINUTE
    assert window.start(at) <= at < window.end(at)
    assert window.end(window.start(at)) == window.end(at)
    assert _period(window.start(at) - MINUTE, zone, period) != _period(at, zone, period)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(Period),
    INSTANTS,
    st.lists(st.integers(0, 50_000), max_size=6),
    st.integers(1, 3),
)
def test_a_calendar_cap_counts_the_contacts_of_the_same_local_period(
    name: str, period: Period, now: datetime, ages: list[int], at_most: int
) -> None:
    zone = ZoneInfo(name)
    contacts = tuple(contact("a", at=now - age * MINUTE) for age in ages)
    known = facts(now=now, situation=Situation(contacts=contacts), features=[feature("time_zone", name)])
    counted = sum(_period(c.at, zone, period) == _period(now, zone, period) for c in contacts)
    reason = ContactCap(journey_id="a", at_most=at_most, per=period).check(evaluation(known))
    assert (reason is None) == (counted < at_most)
    if reason is not None:
        assert reason.params["contacts"] == counted
        assert reason.eligible_after == CalendarWindow(period=period, zone=zone).end(now)


def _period(at: datetime, zone: ZoneInfo, period: Period) -> tuple[int, ...]:
    return same_period(at.astimezone(zone).date(), period)
