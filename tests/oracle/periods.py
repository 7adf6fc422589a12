"""Windows of time: rolling (`7d`), and of the calendar in some zone (`day`, `week`, `month`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from tests.oracle.plain import lasting

CALENDAR = ("day", "week", "month")
EVERYWHERE = tuple(timezone(timedelta(hours=hours)) for hours in range(-12, 15))


def zone_of(name: object) -> tzinfo | None:
    """None: no such place."""
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return None


def begins(per: str, now: datetime, zone: tzinfo) -> datetime:
    """From when on things lie in the window that `now` lies in."""
    if per not in CALENDAR:
        return now - lasting(per)
    local = now.astimezone(zone)
    day = local.date()
    if per == "week":
        day -= timedelta(days=day.weekday())
    if per == "month":
        day = day.replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
