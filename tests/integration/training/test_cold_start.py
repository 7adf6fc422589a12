"""A new journey that is learnt of after each day has its share soon, and one that nobody wants is soon left alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from training.simulate.cold_start import ColdStart, cold_start
from training.simulate.scenario import Scenario

log = logging.getLogger(__name__)
LEARNT, PRESENTATIONS, COST, SHARE = 20, 1_000, 200, 0.8


def _played(folder: Path, *, customers: int, days: int, rate: float, seed: int) -> ColdStart:
    """It comes on day LEARNT, when the models have learnt of the others."""
    scenario = Scenario(customers=customers, days=LEARNT + days, seed=seed, new_journey_on=LEARNT, new_rate=rate)
    found = cold_start(scenario, folder)
    log.info("seed %s, rate %s: shown %s, chosen %s", seed, rate, found.shown, found.chosen)
    return found


def test_a_share_is_told_over_the_days_of_some_presentations_and_costs_end_with_the_decisions_asked_for() -> None:
    found = ColdStart(allowed=(10, 10, 20), shown=(2, 5, 8), chosen=(1, 4, 8), oracle_share=(0.5, 0.5, 0.8))
    # presentations 3 to 10 lie in the second and the third day: 13 of 30 against (5 + 16) of 30
    assert found.share_of_oracle(3, 10) == pytest.approx(13 / 21)
    assert found.share_of_oracle(1, 2) == pytest.approx(0.2 / 0.5)
    assert [found.chosen_within(n) for n in (1, 10, 11, 40)] == [1, 1, 5, 13]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_journey_of_twice_the_rate_of_its_kind_soon_has_its_share(tmp_path: Path) -> None:
    found = _played(tmp_path, customers=300, days=8, rate=2.0, seed=3)
    assert sum(found.shown) > 80
    assert found.share_of_oracle(40, sum(found.shown)) >= SHARE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_journey_that_nobody_wants_is_soon_left_alone(tmp_path: Path) -> None:
    found = _played(tmp_path, customers=300, days=10, rate=0.0, seed=3)
    assert sum(found.chosen) <= COST
    assert sum(found.chosen[-3:]) < sum(found.chosen[:3]) / 2


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(5))
def test_cold_start_of_a_thousand_presentations(tmp_path: Path, seed: int) -> None:
    """Twice the rate: 80 % of the oracle's share within 1,000 presentations. Rate 0: 200 at most by choice."""
    wanted = _played(tmp_path / "wanted", customers=1_000, days=22, rate=2.0, seed=seed)
    assert sum(wanted.shown) >= PRESENTATIONS
    assert wanted.share_of_oracle(PRESENTATIONS // 2, PRESENTATIONS) >= SHARE
    unwanted = _played(tmp_path / "unwanted", customers=1_000, days=14, rate=0.0, seed=seed)
    assert sum(unwanted.allowed) >= PRESENTATIONS
    assert unwanted.chosen_within(PRESENTATIONS) <= COST
