"""The figures of a simulation, against sums by hand."""

from __future__ import annotations

import pytest

from training.simulate.figures import mean, minus, ratio
from training.simulate.ledger import Entry, Ledger
from training.simulate.truth import PLACE

LAST = range(2, 4)


def _entry(day: int, who: int, value: float, *, shown: str = "tips", arm: str = "CHAMPION") -> Entry:
    bit = 1 << PLACE[shown]
    return Entry(
        day=day,
        who=who,
        arm=arm,
        value=value,
        allowed=bit | 1 << PLACE["sorry"],
        shown=bit,
        is_exploration=False,
        model_version="",
    )


def _ledger(*entries: tuple[int, int, float]) -> Ledger:
    return Ledger("world", [_entry(*one) for one in entries])


def test_a_mean_is_by_decision_over_the_days_and_customers_asked_for() -> None:
    ledger = _ledger((1, 1, 9.0), (2, 1, 1.0), (3, 1, 2.0), (3, 2, 6.0))
    assert mean(ledger, LAST) == pytest.approx(3.0)
    assert mean(ledger, LAST, frozenset({1})) == pytest.approx(1.5)


def test_a_ratio_has_the_interval_of_its_residuals() -> None:
    one, other = _ledger((2, 1, 1.0), (2, 2, 4.0)), _ledger((2, 1, 2.0), (2, 2, 3.0))
    found = ratio(one, other, LAST)
    assert found.value == pytest.approx(1.0)  # 5 / 5
    # residuals 1 - 2 = -1 and 4 - 3 = 1: error sqrt(2) / 5
    assert found.high - found.value == pytest.approx(1.959964 * 2.0**0.5 / 5.0, rel=1e-6)


def test_a_difference_is_by_decision_and_paired_by_customer() -> None:
    one = _ledger((2, 1, 3.0), (3, 1, 3.0), (2, 2, 1.0))
    other = _ledger((2, 1, 2.0), (3, 1, 2.0), (2, 2, 1.0))
    found = minus(one, other, LAST)
    assert found.value == pytest.approx(2.0 / 3.0)
    # residuals: 2 - 2/3 × 2 and 0 - 2/3 × 1
    half = 1.959964 * ((2.0 / 3.0) ** 2 + (2.0 / 3.0) ** 2) ** 0.5 / 3.0
    assert (found.low, found.high) == pytest.approx((2.0 / 3.0 - half, 2.0 / 3.0 + half), rel=1e-6)


def test_the_share_of_a_journey_is_told_over_the_decisions_that_allowed_it() -> None:
    ledger = Ledger("world", [_entry(1, 1, 0.0), _entry(1, 2, 0.0, shown="welcome"), _entry(2, 3, 0.0, arm="RANDOM")])
    assert [shown for _, shown in ledger.shown_of("tips")] == [True, True]
    assert [shown for _, shown in ledger.shown_of("sorry", "CHAMPION")] == [False, False]
    assert ledger.presentations()["tips"] == 2
