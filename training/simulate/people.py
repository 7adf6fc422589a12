"""The customers: who they are, how their features move, when they come, what else befalls them.

All of it follows from the seed and the day, whatever is decided: every policy meets the same people on the same days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.reading import FeatureReading
from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.reports.rows import CustomerEvent
from training.simulate.scenario import CATEGORIES, HOUSEHOLDS, ZONES, Scenario

Real = NDArray[np.float64]
Whole = NDArray[np.int64]

FIRST_HOUR, HOURS = 6, 16
"""Visits begin in these hours (UTC): some before the night is over in Madrid, some after it has begun."""
APP_SHARE = 0.7
VISITS = (2.0, 13.5)
"""The parameters of the Beta distribution of P(a customer comes on a day)."""
NEWCOMERS = 0.12
INCIDENTS = 0.004
"""P(an incident opens | day); it is open for one to four days."""
WITHDRAWALS = 0.0015
"""P(a consent is withdrawn | day)."""
CONSENTING = {"marketing": 0.92, "loyalty": 0.85, "research": 0.7}
CHANNELS = ("app", "email")
_STAYS = 0.92
"""How much of a customer's distance from the own mean is left a day later."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Customer number `who` is to be decided for at this instant, on this channel."""

    at: datetime
    who: int
    channel: str


class People:
    """(n,) arrays over customers; what moves is (days, n)."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        n, days, draw = scenario.customers, scenario.days, np.random.default_rng([scenario.seed, 1])
        self.ids = tuple(f"c{number:06}" for number in range(n))
        self.household: Whole = draw.choice(len(HOUSEHOLDS), n, p=(0.3, 0.25, 0.3, 0.15))
        young, spread = np.array([31.0, 38.0, 42.0, 70.0]), np.array([8.0, 10.0, 7.0, 6.0])
        self.age: Whole = np.clip(draw.normal(young[self.household], spread[self.household]), 18, 95).astype(np.int64)
        self.zone: Whole = (draw.random(n) < 0.08).astype(np.int64)
        self.openness: Real = draw.normal(0.0, 0.3, n)
        """Nobody sees it: how readily a customer responds to anything."""
        self.rate: Real = np.clip(draw.beta(*VISITS, n), 0.01, 0.6)
        is_new = draw.random(n) < NEWCOMERS
        self.joined: Real = np.where(is_new, draw.uniform(-14.0, max(days - 5, 1), n), -draw.uniform(30.0, 2_000.0, n))
        """Days from the start."""
        self.taste = self._moving(draw, draw.normal(0.0, 0.9, (n, len(CATEGORIES))), 0.3)
        """(days, n, 4) by category, standard units: spend follows from it."""
        self.spend: Real = np.asarray(np.round(np.exp(3.0 + 0.9 * self.taste), 2), dtype=np.float64)
        busy = self._moving(draw, np.zeros((n, 1)), 0.25)[:, :, 0]
        self.visits: Whole = np.clip(np.round(30.0 * self.rate * np.exp(busy)), 0, 60).astype(np.int64)
        self.consents = {purpose: draw.random(n) < share for purpose, share in CONSENTING.items()}

    def _moving(self, draw: np.random.Generator, mean: Real, step: float) -> Real:
        """(days, *mean.shape) autoregressive around the customer's own mean."""
        days = self.scenario.days
        out = np.empty((days, *mean.shape))
        now = mean + draw.normal(0.0, step / np.sqrt(1.0 - _STAYS**2), mean.shape)
        for day in range(days):
            out[day] = now
            now = mean + _STAYS * (now - mean) + draw.normal(0.0, step, mean.shape)
        return out

    @cached_property
    def place(self) -> dict[str, int]:
        """The number of each customer."""
        return {customer_id: who for who, customer_id in enumerate(self.ids)}

    def visits_on(self, day: int) -> list[Visit]:
        """By time; nobody comes twice a day, or before having joined. No two at one instant of an hour's thousand."""
        draw = np.random.default_rng([self.scenario.seed, 2, day])
        n = self.scenario.customers
        comes = (draw.random(n) < self.rate) & (self.joined < day)
        hour, is_app = FIRST_HOUR + draw.integers(0, HOURS, n), draw.random(n) < APP_SHARE
        begins, last = self.scenario.at(day), (-1, 0)
        found = []
        for who in sorted(np.flatnonzero(comes).tolist(), key=lambda who: (hour[who], who)):
            last = (int(hour[who]), last[1] + 1 if last[0] == hour[who] else 0)
            at = begins + timedelta(hours=last[0], milliseconds=200 * last[1])
            found.append(Visit(at, who, CHANNELS[0 if is_app[who] else 1]))
        return found

    def reading(self, who: int, at: datetime) -> FeatureReading:
        """What the feature store says: snapshots as of that morning."""
        day = (at - self.scenario.at(0)).days
        morning = self.scenario.at(day)
        known: dict[str, tuple[Scalar, datetime]] = {
            "age": (int(self.age[who]), self.scenario.at(0)),
            "household": (HOUSEHOLDS[self.household[who]], self.scenario.at(0)),
            "member_since": (self.member_since(who), self.scenario.at(0)),
            "time_zone": (ZONES[self.zone[who]], self.scenario.at(0)),
            "visits_30d": (int(self.visits[day, who]), morning),
        }
        spend = self.spend[day, who].tolist()
        known |= {f"spend_{name}_30d": (spend[c], morning) for c, name in enumerate(CATEGORIES)}
        values = {
            name: FeatureValue(name=name, status=FeatureStatus.PRESENT, value=value, event_time=time)
            for name, (value, time) in known.items()
        }
        return FeatureReading(values=values, degraded=(), has_any_row=True)

    def member_since(self, who: int) -> datetime:
        return self.scenario.at(0) + timedelta(minutes=round(float(self.joined[who]) * 1440.0))

    def events_at_start(self) -> Iterator[CustomerEvent]:
        """The consents that were given before."""
        at = self.scenario.at(0)
        for purpose, has in self.consents.items():
            for who in np.flatnonzero(has).tolist():
                for channel in CHANNELS:
                    said = {"purpose": purpose, "channel": channel}
                    yield self._event(who, "consent.granted", at, f"{purpose}-{channel}", said)

    def events_on(self, day: int) -> Iterator[CustomerEvent]:
        """What befalls them in the early morning: incidents that open or are resolved, consents that are withdrawn."""
        at = self.scenario.at(day) + timedelta(hours=5)
        for since in range(max(day - 4, 0), day + 1):
            who_all, lasts = self._incidents(since)
            for who, days in zip(who_all.tolist(), lasts.tolist(), strict=True):
                name = {"incident_id": f"i{since}-{who}"}
                if since == day:
                    yield self._event(who, "incident.opened", at, name["incident_id"], {**name, "class": "delivery"})
                elif since + days == day:
                    yield self._event(who, "incident.resolved", at, name["incident_id"], dict(name))
        draw = np.random.default_rng([self.scenario.seed, 4, day])
        for who in np.flatnonzero(draw.random(self.scenario.customers) < WITHDRAWALS).tolist():
            yield self._event(who, "consent.withdrawn", at, f"w{day}", {"purpose": "marketing"})

    def _incidents(self, day: int) -> tuple[Whole, Whole]:
        """Who has one from this day on, and for how many days."""
        draw = np.random.default_rng([self.scenario.seed, 3, day])
        who = np.flatnonzero((draw.random(self.scenario.customers) < INCIDENTS) & (self.joined < day))
        return who, draw.integers(1, 5, who.size)

    def _event(
        self, who: int, kind: str, at: datetime, name: str, attributes: dict[str, Scalar] | dict[str, str]
    ) -> CustomerEvent:
        return CustomerEvent(
            event_id=f"{kind}-{self.ids[who]}-{name}",
            customer_id=self.ids[who],
            source="simulator",
            type=kind,
            occurred_at=at,
            attributes=dict(attributes),
        )
