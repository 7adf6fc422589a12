"""The people and their responses: the same for every policy, and as the truth says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.simulate.people import People
from training.simulate.scenario import NEW_JOURNEY, Scenario
from training.simulate.truth import FATIGUE, FREE, JOURNEYS, OFFERS, PLACE, Truth

SCENARIO = Scenario(customers=2_000, days=30, seed=7, new_journey_on=12, new_rate=2.0)


@pytest.fixture(scope="module")
def people() -> People:
    return People(SCENARIO)


@pytest.fixture(scope="module")
def truth(people: People) -> Truth:
    return Truth(people)


def test_an_equal_seed_gives_the_same_people_visits_and_fates(people: People, truth: Truth) -> None:
    again = People(SCENARIO)
    assert again.visits_on(9) == people.visits_on(9)
    assert list(again.events_on(9)) == list(people.events_on(9))
    assert np.array_equal(Truth(again).fate(9).met, truth.fate(9).met)
    assert np.array_equal(Truth(again).log_odds(9), truth.log_odds(9))


def test_another_seed_gives_other_people(people: People) -> None:
    other = People(Scenario(customers=2_000, days=30, seed=8))
    assert other.visits_on(9) != people.visits_on(9)
    assert not np.array_equal(other.age, people.age)


def test_visits_are_in_order_and_nobody_comes_twice_a_day_or_before_having_joined(people: People) -> None:
    for day in range(SCENARIO.days):
        visits = people.visits_on(day)
        assert [v.at for v in visits] == sorted({v.at for v in visits})
        assert len({v.who for v in visits}) == len(visits)
        assert all(people.member_since(v.who) < v.at for v in visits)


def test_the_new_journey_is_met_at_the_multiple_of_its_kind_that_is_said(truth: Truth) -> None:
    p = 1.0 / (1.0 + np.exp(-truth.log_odds(12)))
    of_kind = np.mean([p[:, PLACE[journey]].mean() for journey in OFFERS])
    assert p[:, PLACE[NEW_JOURNEY]].mean() == pytest.approx(2.0 * of_kind, rel=1e-6)


def test_a_new_journey_of_rate_0_is_never_met(people: People) -> None:
    none = Truth(People(Scenario(customers=50, days=30, new_journey_on=12, new_rate=0.0)))
    assert {none.p(20, who, NEW_JOURNEY, 0) for who in range(50)} == {0.0}


def test_each_contact_of_the_week_beyond_the_free_ones_costs_the_same_log_odds(truth: Truth) -> None:
    def odds(recent: int) -> float:
        p = truth.p(5, 17, "food-basket", recent)
        return float(np.log(p / (1.0 - p)))

    assert odds(FREE) == pytest.approx(odds(0))
    assert odds(FREE) - odds(FREE + 1) == pytest.approx(FATIGUE)
    assert odds(FREE) - odds(FREE + 4) == pytest.approx(4 * FATIGUE)


def test_drift_moves_a_journey_in_the_middle_third_and_no_other(people: People) -> None:
    still = Truth(People(replace(SCENARIO, drift={})))
    moving = Truth(people)
    for day, moved in ((5, 0.0), (15, 0.5), (25, 1.0)):
        by = (moving.log_odds(day) - still.log_odds(day)).mean(axis=0)
        expected = {"gadget-deal": -0.8 * moved, "home-refresh": 0.6 * moved, NEW_JOURNEY: by[PLACE[NEW_JOURNEY]]}
        assert dict(zip(JOURNEYS, by, strict=True)) == pytest.approx({j: expected.get(j, 0.0) for j in JOURNEYS})


def test_fates_are_uniform_whatever_the_customer(truth: Truth) -> None:
    met = np.concatenate([truth.fate(day).met.ravel() for day in range(10)])
    counts, _ = np.histogram(met, bins=20, range=(0.0, 1.0))
    expected = met.size / 20
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert chi2 < 43.8  # the 0.999 quantile of 19 degrees of freedom
