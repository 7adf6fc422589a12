"""Public holidays by region, from the `holidays` library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import holidays


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """Regions are ISO 3166 codes: a country (US, ES) or a part of one (US-NY, ES-MD). Any two calendars are equal."""

    def is_holiday(self, region: str, day: date) -> bool | None:
        """None when the region is not known."""
        calendar = _calendar(region)
        return None if calendar is None else day in calendar


@cache
def _calendar(region: str) -> holidays.HolidayBase | None:
    """Years are computed as they are asked for."""
    country, _, part = region.partition("-")
    parts = holidays.list_supported_countries().get(country)
    if parts is None or (part and part not in parts):
        return None
    return holidays.country_holidays(country, subdiv=part or None)
