"""Fitting never looks ahead, and equal input gives an equal model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from training.fit import MIN_EARLIER_POSITIVES, Examples, TooFewExamples, boost, fit, predict, walk_forward

COLUMNS = ("redemptions", "noise", "kind")
WEEK = np.timedelta64(7, "D")


def examples(starts: int = 6, n: int = 150, seed: int = 0) -> Examples:
    """`starts` campaigns, five weeks apart, with windows of four weeks; the label depends on the first column."""
    draw = np.random.default_rng(seed)
    campaign = np.repeat(np.arange(starts), n)
    matrix = np.column_stack(
        [draw.poisson(1.0, campaign.size), draw.normal(size=campaign.size), draw.integers(0, 3, campaign.size)]
    ).astype(np.float64)
    p = 1.0 / (1.0 + np.exp(1.5 - matrix[:, 0]))
    started = np.datetime64("2017-02-01", "us") + campaign * 5 * WEEK
    return Examples(
        matrix=matrix,
        label=(draw.random(campaign.size) < p).astype(np.float64),
        campaign=campaign.astype(np.int64),
        started=started,
        ended=started + 4 * WEEK,
    )


def test_a_fitted_model_finds_the_signal() -> None:
    own = examples()
    p = predict(fit(own, COLUMNS, ("kind",), seed=0).booster, own.matrix)
    assert np.corrcoef(p, own.matrix[:, 0])[0, 1] > 0.9


def test_equal_input_and_seed_give_an_equal_model() -> None:
    first, second = (boost(examples(), COLUMNS, ("kind",), seed=3).model_to_string() for _ in range(2))
    assert first == second


def test_walk_forward_leaves_out_starts_with_too_little_before_them() -> None:
    earlier = walk_forward(examples(), COLUMNS, ("kind",), seed=0)
    assert_array_equal(np.unique(earlier.fold), [1, 2, 3, 4, 5])


def test_what_happens_from_a_start_on_does_not_change_what_is_predicted_there() -> None:
    """The labels of the fourth start and later are turned around: only later predictions may move."""
    own = examples()
    turned = np.where(own.campaign >= 3, 1.0 - own.label, own.label)
    other = Examples(matrix=own.matrix, label=turned, campaign=own.campaign, started=own.started, ended=own.ended)
    before = walk_forward(own, COLUMNS, ("kind",), seed=0)
    after = walk_forward(other, COLUMNS, ("kind",), seed=0)
    until = before.fold <= 3
    assert_array_equal(before.raw[until], after.raw[until])
    assert np.any(before.raw[~until] != after.raw[~until])


def test_a_window_still_open_at_a_start_is_not_learned_from_there() -> None:
    """With windows of six weeks, the previous start is still open at each start, and the second has nothing before."""
    own = examples()
    longer = Examples(
        matrix=own.matrix,
        label=own.label,
        campaign=own.campaign,
        started=own.started,
        ended=own.started + 6 * WEEK,
    )
    assert_array_equal(np.unique(walk_forward(longer, COLUMNS, ("kind",), seed=0).fold), [2, 3, 4, 5])


def test_too_few_redemptions_are_an_error_that_says_so() -> None:
    with pytest.raises(TooFewExamples, match=str(MIN_EARLIER_POSITIVES)):
        fit(examples(starts=2, n=20), COLUMNS, ("kind",), seed=0)
