"""A new journey that is learnt of after each day has its share soon, and one that nobody wants is soon left alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from training.simulate.cold_start import ColdStart, cold_start
from training.simulate.scenario import Scenario

log = logging.getLogger(__name__)
LEARNT, PRESENTATIONS, COST, SHARE = 20, 1_000, 200, 0.8
LEFT_ALONE = 0.02
"""Of the decisions that allowed it."""


def _played(folder: Path, *, customers: int, days: int, rate: float, seed: int) -> ColdStart:
    """It comes on day LEARNT, when the models have learnt of the others."""
    scenario = Scenario(customers=customers, days=LEARNT + days, seed=seed, new_journey_on=LEARNT, new_rate=rate)
    found = cold_start(scenario, folder)
    log.info("seed %s, rate %s: presented %s, chosen %s", seed, rate, found.presented, found.chosen)
    if sum(found.shown) >= PRESENTATIONS:
        log.info("of the oracle's share: %.3f", found.share_of_oracle(PRESENTATIONS // 2 + 1, PRESENTATIONS))
    return found


def test_a_share_is_told_over_the_days_of_some_presentations_and_costs_end_with_the_decisions_asked_for() -> None:
    found = ColdStart(
        allowed=(10, 10, 20),
        shown=(2, 5, 8),
        chosen=(1, 4, 8),
        oracle_share=(0.5, 0.5, 0.8),
        allowed_anywhere=(12, 13, 25),
        presented=(3, 6, 10),
    )
    # presentations 3 to 10 lie in the second and the third day: 13 of 30 against (5 + 16) of 30
    assert found.share_of_oracle(3, 10) == pytest.approx(13 / 21)
    assert found.share_of_oracle(1, 2) == pytest.approx(0.2 / 0.5)
    assert [found.presented_within(n) for n in (1, 12, 13, 50)] == [3, 3, 9, 19]
    assert found.chosen_share(2) == pytest.approx(12 / 30)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_journey_of_twice_the_rate_of_its_kind_soon_has_its_share(tmp_path: Path) -> None:
    found = _played(tmp_path, customers=300, days=8, rate=2.0, seed=3)
    assert sum(found.shown) > 80
    assert found.share_of_oracle(40, sum(found.shown)) >= SHARE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_journey_that_nobody_wants_is_soon_left_alone(tmp_path: Path) -> None:
    """The 50 showings that 300 customers have by its prior tell less of it than the proof's 100."""
    found = _played(tmp_path, customers=300, days=10, rate=0.0, seed=3)
    assert sum(found.presented) <= COST
    assert found.chosen_share(5) <= 2.5 * LEFT_ALONE


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(5))
def test_cold_start_of_a_thousand_presentations(tmp_path: Path, seed: int) -> None:
    """Twice the rate: presentations 501 to 1,000 come to 80 % of the oracle's share of the decisions that allowed it.

    Rate 0: in the first 1,000 decisions that allowed it, of all arms, it is shown 200 times at most, whatever the
    reason: by its prior, by choice, by exploration, by the random arm. After them nobody chooses it.
    """
    wanted = _played(tmp_path / "wanted", customers=1_000, days=22, rate=2.0, seed=seed)
    assert sum(wanted.shown) >= PRESENTATIONS
    assert wanted.share_of_oracle(PRESENTATIONS // 2 + 1, PRESENTATIONS) >= SHARE
    unwanted = _played(tmp_path / "unwanted", customers=1_000, days=14, rate=0.0, seed=seed)
    assert sum(unwanted.allowed_anywhere) >= PRESENTATIONS
    assert unwanted.presented_within(PRESENTATIONS) <= COST
    assert unwanted.chosen_share(3) <= LEFT_ALONE
