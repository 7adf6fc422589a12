"""What policies.yaml may say of how slots are filled."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from features.documents.form import parsed
from service.catalogue.bind.selection import bind_arms
from service.catalogue.documents.selection import ArmsDocument, ExplorationDocument
from service.decision.arms import Arm


@pytest.mark.parametrize(
    ("holdout", "random", "no_levers", "challenger"),
    [(0.81, 0.06, 0.07, 0.06), (0.1, 0.2, 0.3, 0.4), (0.7, 0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0)],
)
def test_shares_that_come_to_one_in_decimals_are_all_customers_and_leave_the_champion_none(
    holdout: float, random: float, no_levers: float, challenger: float
) -> None:
    """Added one by one as floating-point numbers the first four come to more than 1."""
    text = f"{{salt: a, holdout: {holdout}, random: {random}, no_levers: {no_levers}, challenger: {challenger}}}"
    arms = bind_arms(parsed(text, ArmsDocument))
    assert Arm.CHAMPION not in arms.with_share
    assert math.fsum(arms.with_share.values()) == 1.0
    assert Counter(arms.of(f"c{i}") for i in range(500)).keys() == arms.with_share.keys()


def test_every_whole_split_into_hundredths_is_taken() -> None:
    for a in range(0, 101, 3):
        for b in range(0, 101 - a, 5):
            for c in range(0, 101 - a - b, 7):
                shares = (a / 100, b / 100, c / 100, (100 - a - b - c) / 100)
                ArmsDocument(salt="a", holdout=shares[0], random=shares[1], no_levers=shares[2], challenger=shares[3])


def test_a_floor_without_draws_is_refused_for_it_would_mean_nothing() -> None:
    with pytest.raises(ValueError, match="a floor goes with"):
        parsed("{scheme: none, floor: 0.1}", ExplorationDocument)
