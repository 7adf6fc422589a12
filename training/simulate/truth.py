"""The truth: P(objective met | shown), what meeting it is worth, and what would have come of every showing.

    log-odds = base(journey) + taste for its category + who the customer is, with interactions
               + openness, which nobody sees - fatigue + drift

What would have come of a journey on a day is drawn once for customer, journey and day: every policy that shows it finds
the same, so that policies differ by what they show and by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from training.simulate.people import People
from training.simulate.scenario import CATEGORIES, HOUSEHOLDS, NEW_JOURNEY

Real = NDArray[np.float64]

TRIP = "city-trip"
OFFERS = ("food-basket", "gadget-deal", TRIP, "home-refresh")
JOURNEYS = ("sorry", "welcome", *OFFERS, "club-card", "one-question", "tips", NEW_JOURNEY)
PLACE = {journey: place for place, journey in enumerate(JOURNEYS)}

SEEN = 0.97
"""P(what was answered is presented)."""
REJECTED = 0.05
"""P(the customer refuses | presented, not met)."""
LATE = 0.1
"""Of those who meet an objective so many more do so when its window is over, which does not count."""
FATIGUE, FREE = 0.1, 3
"""Log-odds that each contact of the last week costs, beyond so many."""
WEEK = timedelta(days=7)
_AMOUNT_SPREAD = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Fate:
    """(n, J) what would come of each journey on a day: `met` uniform in [0, 1), `delay` a share of the window."""

    met: Real
    refuses: Real
    delay: Real
    amount: Real
    seen: Real


class Truth:
    """Of these people, J journeys in the order of JOURNEYS."""

    def __init__(self, people: People) -> None:
        self._people = people
        self.scenario = people.scenario
        self.log_odds = lru_cache(maxsize=2)(self._log_odds)
        self.fate = lru_cache(maxsize=2)(self._fate)

    def p(self, day: int, who: int, journey: str, recent: int) -> float:
        """P(met within its window | shown), of a customer with so many contacts in the last week."""
        odds = self.log_odds(day)[who, PLACE[journey]] - FATIGUE * max(recent - FREE, 0)
        return float(1.0 / (1.0 + np.exp(-odds)))

    def worth_of_trip(self, day: int, who: int) -> float:
        """The expected amount of a booking."""
        people = self._people
        years = (people.age[who] - 45.0) / 15.0
        return float(np.exp(2.55 + 0.3 * years + 0.2 * people.taste[day, who, CATEGORIES.index("travel")]))

    def _fate(self, day: int) -> Fate:
        draw = np.random.default_rng([self.scenario.seed, 5, day])
        shape = self.scenario.customers, len(JOURNEYS)
        spread = np.exp(draw.normal(-0.5 * _AMOUNT_SPREAD**2, _AMOUNT_SPREAD, shape))
        return Fate(draw.random(shape), draw.random(shape), draw.beta(1.0, 2.0, shape), spread, draw.random(shape[0]))

    def _log_odds(self, day: int) -> Real:
        """(n, J) without fatigue."""
        people, taste = self._people, self._people.taste[day]
        food, gadgets, travel, home = (taste[:, c] for c in range(len(CATEGORIES)))
        single, couple, family, senior = (people.household == h for h in range(len(HOUSEHOLDS)))
        young, often = people.age < 34, np.log1p(people.visits[day]) - np.log1p(4.0)
        odds = np.empty((people.scenario.customers, len(JOURNEYS)))
        odds[:, PLACE["sorry"]] = 0.0
        odds[:, PLACE["welcome"]] = -1.4 + 0.5 * young
        odds[:, PLACE["food-basket"]] = -2.3 + 0.8 * food + 0.9 * (family & (often > 0.0)) - 0.5 * single
        odds[:, PLACE["gadget-deal"]] = -3.2 + 0.8 * gadgets + 1.2 * (young & (often > 0.0)) - 0.4 * senior
        odds[:, PLACE[TRIP]] = -3.1 + 0.9 * travel + 1.1 * (couple & (travel > 0.0)) + 0.4 * senior
        odds[:, PLACE["home-refresh"]] = -2.7 + 0.8 * home + 1.0 * (family & (home > 0.0)) - 0.5 * young
        odds[:, PLACE["club-card"]] = -2.3 + 0.9 * often + 0.6 * (senior & (food > 0.0))
        odds[:, PLACE["one-question"]] = -2.0 + 0.4 * often
        odds[:, PLACE["tips"]] = -1.0
        odds[:, PLACE[NEW_JOURNEY]] = 0.9 * young - 0.6 * senior + 0.4 * food + self._base_of_new
        for journey, moves in self.scenario.drift.items():
            odds[:, PLACE[journey]] += moves * self._drifted(day)
        return np.asarray(odds + people.openness[:, None])

    def _drifted(self, day: int) -> float:
        """From 0 to 1 in the middle third of the time."""
        third = max(self.scenario.days / 3.0, 1.0)
        return float(np.clip((day - third) / third, 0.0, 1.0))

    @cached_property
    def _base_of_new(self) -> float:
        """That by which the mean P(met) of the new journey is `new_rate` times that of the offers when it begins."""
        day = self.scenario.new_journey_on
        if day is None or self.scenario.new_rate <= 0.0:
            return -np.inf
        self.__dict__["_base_of_new"] = 0.0  # while its own log-odds are asked for
        odds = self._log_odds(day)
        offers = float(np.mean([_mean(odds[:, PLACE[journey]]) for journey in OFFERS]))
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2.0
            is_low = _mean(odds[:, PLACE[NEW_JOURNEY]] + middle) < self.scenario.new_rate * offers
            low, high = (middle, high) if is_low else (low, middle)
        return low


def _mean(odds: Real) -> float:
    return float((1.0 / (1.0 + np.exp(-odds))).mean())
