"""Joined rows become the facts that serving would have read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.encoder import Encoder
from features.schema import FeatureSchema, FeatureType
from features.values import FeatureStatus, Scalar
from tests.model_builders import MODEL, NOW, PANTRY, SOAP, row, spec
from training.history import Pair, encode, feature_row, scalars
from training.join import ageing_views

DAY = timedelta(days=1)
SCHEMA = FeatureSchema(
    (
        spec("age_band", FeatureType.STRING, view="demographics"),
        spec("baskets_90d", FeatureType.INT, max_age_s=21 * 86_400.0),
        spec("last_redemption_at", FeatureType.TIMESTAMP, max_age_s=21 * 86_400.0),
        replace(spec("incidents_json", FeatureType.STRING, view="incidents"), is_situation=True),
    )
)
FACTS: Mapping[str, Scalar | None] = {"age_band": "65+", "baskets_90d": 3, "last_redemption_at": None}


def test_a_value_is_present_and_an_empty_one_of_a_found_row_is_null() -> None:
    facts = feature_row(FACTS, {"behaviour": NOW - DAY}, NOW, SCHEMA)
    assert (facts["baskets_90d"].status, facts["baskets_90d"].value) == (FeatureStatus.PRESENT, 3)
    assert facts["baskets_90d"].event_time == NOW - DAY
    assert facts["last_redemption_at"].status is FeatureStatus.NULL


def test_a_view_without_any_value_has_no_row() -> None:
    facts = feature_row({**FACTS, "age_band": None}, {"behaviour": NOW}, NOW, SCHEMA)
    assert facts["age_band"].status is FeatureStatus.NOT_FOUND


def test_views_that_were_not_joined_are_absent() -> None:
    assert "incidents_json" not in feature_row(FACTS, {}, NOW, SCHEMA)


@pytest.mark.parametrize(
    ("age", "status"),
    [(21 * DAY, FeatureStatus.PRESENT), (21 * DAY + timedelta(seconds=1), FeatureStatus.STALE)],
)
def test_behaviour_is_stale_when_older_than_its_max_age_at_the_decision(age: timedelta, status: FeatureStatus) -> None:
    facts = feature_row(FACTS, {"behaviour": NOW - age}, NOW, SCHEMA)
    assert facts["baskets_90d"].status is status
    assert facts["baskets_90d"].value == 3
    assert facts["age_band"].status is FeatureStatus.PRESENT


def test_a_stale_value_is_missing_for_the_model() -> None:
    facts = feature_row(FACTS, {"behaviour": NOW - 22 * DAY}, NOW, SCHEMA)
    encoder = Encoder.fit([facts], [PANTRY], SCHEMA, MODEL)
    cell = encoder.matrix(facts, NOW, [PANTRY])[0, encoder.columns.index("baskets_90d")]
    assert np.isnan(cell)


def test_only_views_with_a_max_age_age() -> None:
    assert ageing_views(SCHEMA) == ("behaviour",)


def test_encoded_pairs_are_the_encoder_s_rows_with_their_labels_and_windows() -> None:
    facts = row(baskets_90d=3)
    encoder = Encoder.fit([facts], [PANTRY, SOAP], SCHEMA, MODEL)
    pairs = [
        Pair(
            customer_id="1",
            campaign_id=campaign,
            journey=journey,
            decided_at=NOW,
            window_end=NOW + 28 * DAY,
            is_redeemed=campaign == 13,
            row=facts,
        )
        for campaign, journey in ((8, PANTRY), (13, SOAP))
    ]
    examples = encode(pairs, encoder)
    np.testing.assert_array_equal(examples.matrix, encoder.matrix(facts, NOW, [PANTRY, SOAP]))
    assert examples.label.tolist() == [0.0, 1.0]
    assert examples.campaign.tolist() == [8, 13]
    assert examples.ended[0] == np.datetime64("2018-01-31T12:00", "us")
    assert encode([], encoder).matrix.shape == (0, len(encoder.columns))


@pytest.mark.parametrize(
    ("column", "feature_type", "expected"),
    [
        (pd.Series([1.0, None]), FeatureType.INT, [1, None]),
        (pd.Series([1.5, float("nan")]), FeatureType.DOUBLE, [1.5, None]),
        (pd.Series(["a", None]), FeatureType.STRING, ["a", None]),
        (pd.Series([True, None], dtype="boolean"), FeatureType.BOOL, [True, None]),
        (
            pd.to_datetime(pd.Series(["2018-01-01T04:01:20Z", None]), utc=True),
            FeatureType.TIMESTAMP,
            [datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC), None],
        ),
        (pd.Series([None, None], dtype=object), FeatureType.TIMESTAMP, [None, None]),
    ],
)
def test_columns_become_plain_values_and_missing_ones_none(
    column: pd.Series[Any], feature_type: FeatureType, expected: list[object]
) -> None:
    values = scalars(column, feature_type)
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]
