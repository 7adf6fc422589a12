"""The scorer is LightGBM and the calibration, and nothing more."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from features.encoder import Encoder, JourneyRow
from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar
from models.bundle import MODEL_FILE, Bundle
from models.calibration import Calibration, CalibrationKind
from models.errors import BundleCorrupt
from models.scorer import Scorer
from tests.model_builders import JOURNEYS, MODEL, NOW, SCHEMA, bundle, customers, row

UNKNOWN = JourneyRow(journey_id="never-seen", kind="service", attributes={"campaign_type": "Z"})


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


@pytest.fixture(scope="module")
def scorer(trained: Bundle) -> Scorer:
    return Scorer(trained)


def test_a_score_is_the_booster_s_prediction_calibrated(trained: Bundle, scorer: Scorer) -> None:
    booster = lightgbm.Booster(model_str=trained.model_text)
    for customer in customers(20, seed=7):
        raw = np.asarray(booster.predict(trained.encoder.matrix(customer, NOW, JOURNEYS)))
        by_hand = 1.0 / (1.0 + np.exp(0.25) * ((1.0 - raw) / raw) ** 1.5)  # PLATT: intercept -0.25, slope 1.5
        np.testing.assert_allclose(scorer.score(customer, NOW, JOURNEYS), by_hand, rtol=1e-12)


def test_scores_come_in_the_order_of_the_journeys_and_do_not_depend_on_company(scorer: Scorer) -> None:
    customer = row(age_band="65+", spend_90d=50.0, spend_soap_90d=30.0, redemptions_total=2)
    together = scorer.score(customer, NOW, [*JOURNEYS, UNKNOWN])
    alone = [scorer.score(customer, NOW, [journey])[0] for journey in (*JOURNEYS, UNKNOWN)]
    assert_array_equal(together, alone)


def test_no_journeys_have_no_scores(scorer: Scorer) -> None:
    assert scorer.score(row(), NOW, []).shape == (0,)


def test_the_scorer_says_which_model_it_is_and_which_journeys_it_knows(trained: Bundle, scorer: Scorer) -> None:
    assert scorer.version == trained.version
    assert scorer.history == {"pantry-mailer", "everyday-care-club"}


values = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.booleans())


@st.composite
def rows(draw: st.DrawFn) -> FeatureRow:
    """Any value of any type under any status, also those a feature store should never return."""
    facts: dict[str, FeatureValue] = {}
    for spec in SCHEMA.features:
        if draw(st.booleans()):
            value: Scalar = draw(values)
            facts[spec.name] = FeatureValue(
                name=spec.name, status=draw(st.sampled_from(FeatureStatus)), value=value, event_time=NOW
            )
    return facts


@given(customer=rows(), kind=st.sampled_from(CalibrationKind))
def test_every_score_is_a_probability_whatever_the_facts(
    trained: Bundle, customer: FeatureRow, kind: CalibrationKind
) -> None:
    calibration = Calibration(kind=kind, intercept=9.0, slope=3.0, raw_knots=(0.0, 0.4), p_knots=(0.0, 1.0))
    scores = Scorer(replace(trained, calibration=calibration)).score(customer, NOW, [*JOURNEYS, UNKNOWN])
    assert scores.shape == (3,)
    assert np.all((scores >= 0.0) & (scores <= 1.0))


def test_a_model_with_other_columns_than_its_encoder_is_refused(trained: Bundle) -> None:
    narrow = Encoder.fit(customers(5), JOURNEYS, SCHEMA, MODEL, features=["spend_90d"])
    with pytest.raises(BundleCorrupt, match=MODEL_FILE):
        Scorer(replace(trained, encoder=narrow))


def test_text_that_is_not_a_model_is_refused(trained: Bundle) -> None:
    with pytest.raises(BundleCorrupt, match=MODEL_FILE):
        Scorer(replace(trained, model_text="not a model"))
