"""What is played: how many customers, how long, and what happens on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday, in the past of whoever plays it: what the export writes of a day that is over stays as it is."""
NEW_JOURNEY = "sports-club"
"""The one that comes in mid-course."""
CATEGORIES = ("food", "gadgets", "travel", "home")
HOUSEHOLDS = ("single", "couple", "family", "senior")
ZONES = ("Europe/Madrid", "Atlantic/Canary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Equal scenarios are played alike.

    `new_journey_on`: the day (from 0) on which it begins, None: never; `new_rate`: its P(met) over that of its kind.
    `drift`: by journey, how its log-odds move from a third of the time to two thirds. `learns_every`: days.
    """

    customers: int = 3_000
    days: int = 60
    seed: int = 0
    new_journey_on: int | None = 25
    new_rate: float = 1.2
    drift: Mapping[str, float] = field(default_factory=lambda: {"gadget-deal": -0.8, "home-refresh": 0.6})
    learns_every: int = 7

    def at(self, day: int) -> datetime:
        """The first instant of a day."""
        return START + timedelta(days=day)
