"""Baselines answer as the model does, from rates worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from features.encoder import JourneyRow
from features.values import FeatureStatus, FeatureValue
from models.baselines import (
    ConstantRate,
    JourneyRate,
    PastRedemptions,
    fit_journey_rate,
    fit_past_redemptions,
    redemptions_so_far,
)
from models.scorer import JourneyModel
from tests.model_builders import JOURNEYS, NOW, PANTRY, SOAP, row

OTHER_A = JourneyRow(journey_id="new-mailer", kind="promotional", attributes={"campaign_type": "A"})
OTHER = JourneyRow(journey_id="survey", kind="feedback", attributes={})


def test_the_constant_is_the_same_for_every_journey() -> None:
    assert_allclose(ConstantRate(p=0.1).score(row(), NOW, JOURNEYS), [0.1, 0.1])


def test_a_journey_has_its_own_rate_its_type_s_failing_that_and_the_overall_one_at_last() -> None:
    rate = fit_journey_rate([PANTRY, PANTRY, SOAP, SOAP], np.array([1.0, 0.0, 0.0, 0.0]))
    assert rate == JourneyRate(
        by_journey={"pantry-mailer": 0.5, "everyday-care-club": 0.0},
        by_campaign_type={"A": 0.5, "C": 0.0},
        overall=0.25,
    )
    assert_allclose(rate.score(row(), NOW, [SOAP, PANTRY, OTHER_A, OTHER]), [0.0, 0.5, 0.5, 0.25])


def test_past_redemptions_give_the_sigmoid_of_their_logarithm() -> None:
    model = PastRedemptions(intercept=-2.0, slope=1.0)
    # redemptions e^2 - 1 are impossible, 0 and 1 are not: sigmoid(-2) and 1 / (1 + e^2 / 2)
    assert_allclose(model.score(row(redemptions_total=0), NOW, [PANTRY]), [1.0 / (1.0 + np.exp(2.0))])
    assert_allclose(model.score(row(redemptions_total=1), NOW, [PANTRY]), [1.0 / (1.0 + np.exp(2.0) / 2.0)])


def test_past_redemptions_learn_two_rates_exactly() -> None:
    redemptions = np.array([0.0] * 10 + [3.0] * 10)
    label = np.array([1.0] + [0.0] * 9 + [1.0] * 6 + [0.0] * 4)
    model = fit_past_redemptions(redemptions, label)
    assert_allclose(model.score(row(redemptions_total=0), NOW, [PANTRY]), [0.1], atol=1e-4)
    assert_allclose(model.score(row(redemptions_total=3), NOW, [PANTRY]), [0.6], atol=1e-4)


@pytest.mark.parametrize("status", [s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
def test_a_count_that_is_not_present_is_taken_as_none(status: FeatureStatus) -> None:
    assert redemptions_so_far({}) == 0.0
    fact = FeatureValue(name="redemptions_total", status=status, value=7)
    assert redemptions_so_far({"redemptions_total": fact}) == 0.0


@pytest.mark.parametrize(
    "model",
    [
        ConstantRate(p=0.2),
        JourneyRate(by_journey={}, by_campaign_type={}, overall=0.2),
        PastRedemptions(intercept=0.0, slope=0.0),
    ],
)
def test_every_baseline_has_the_interface_of_the_model(model: JourneyModel) -> None:
    assert model.score(row(), NOW, []).shape == (0,)
    assert model.score(row(), NOW, JOURNEYS).shape == (2,)
