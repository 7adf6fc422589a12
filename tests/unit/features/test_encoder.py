"""The one encoder: what a model sees of a customer and a journey."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.derived import Formula
from features.encoder import MOST_KEPT, Encoder, JourneyRow
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from tests.example import MODEL, SCHEMA

AT = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)
MAKEUP = JourneyRow(
    journey_id="beauty-mailer", kind="promotional", attributes={"campaign_type": "A", "category": "makeup"}
)
MIXED = JourneyRow(
    journey_id="targeted-coupons", kind="promotional", attributes={"campaign_type": "B", "category": "mixed"}
)


def present(**values: Scalar) -> dict[str, FeatureValue]:
    return {
        name: FeatureValue(name=name, status=FeatureStatus.PRESENT, value=value, event_time=AT)
        for name, value in values.items()
    }


ROW = present(
    age_band="25-34", spend_90d=200.0, spend_makeup_90d=50.0, baskets_90d=7, last_purchase_at=AT - timedelta(days=2)
)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder.fit([ROW, present(age_band="65+")], [MAKEUP, MIXED], SCHEMA, MODEL)


def cell(encoder: Encoder, row: dict[str, FeatureValue], name: str, journey: JourneyRow = MAKEUP) -> float:
    return float(encoder.matrix(row, AT, [journey])[0, encoder.columns.index(name)])


def test_a_matrix_has_a_row_a_journey_and_a_column_a_name(encoder: Encoder) -> None:
    assert encoder.matrix(ROW, AT, [MAKEUP, MIXED, MAKEUP]).shape == (3, len(encoder.columns))


def test_no_journeys_give_an_empty_matrix(encoder: Encoder) -> None:
    assert encoder.matrix(ROW, AT, []).shape == (0, len(encoder.columns))


def test_numbers_pass_as_they_are(encoder: Encoder) -> None:
    assert cell(encoder, ROW, "baskets_90d") == 7.0


def test_levels_are_numbered_in_alphabetical_order(encoder: Encoder) -> None:
    assert (cell(encoder, ROW, "age_band"), cell(encoder, present(age_band="65+"), "age_band")) == (0.0, 1.0)


def test_a_level_not_seen_in_training_is_nan(encoder: Encoder) -> None:
    assert math.isnan(cell(encoder, present(age_band="45-54"), "age_band"))


def test_a_feature_the_row_lacks_is_nan(encoder: Encoder) -> None:
    assert math.isnan(cell(encoder, {}, "baskets_90d"))


@pytest.mark.parametrize("status", [status for status in FeatureStatus if status is not FeatureStatus.PRESENT])
def test_only_what_is_present_is_encoded(encoder: Encoder, status: FeatureStatus) -> None:
    kept = 3 if status is FeatureStatus.STALE else None
    row = {"baskets_90d": FeatureValue(name="baskets_90d", status=status, value=kept)}
    assert math.isnan(cell(encoder, row, "baskets_90d"))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "seven"])
def test_what_is_no_finite_number_is_nan(encoder: Encoder, value: Scalar) -> None:
    assert math.isnan(cell(encoder, present(spend_90d=value), "spend_90d"))


def test_recency_is_right_to_the_second(encoder: Encoder) -> None:
    row = present(last_purchase_at=AT - timedelta(days=3, seconds=1))
    assert cell(encoder, row, "recency_days") == 3 + 1 / 86_400


def test_an_age_in_the_row_is_computed_anew(encoder: Encoder) -> None:
    assert cell(encoder, {**ROW, **present(recency_days=99.0)}, "recency_days") == 2.0


def test_affinity_is_the_spend_on_the_journeys_category(encoder: Encoder) -> None:
    assert cell(encoder, ROW, "affinity_spend_90d") == 50.0
    assert cell(encoder, ROW, "affinity_share_90d") == 0.25


def test_a_mixed_journey_has_no_affinity(encoder: Encoder) -> None:
    assert math.isnan(cell(encoder, ROW, "affinity_spend_90d", MIXED))
    assert math.isnan(cell(encoder, ROW, "affinity_share_90d", MIXED))


def test_without_spend_there_is_no_affinity_share(encoder: Encoder) -> None:
    row = present(spend_90d=0.0, spend_makeup_90d=0.0)
    assert cell(encoder, row, "affinity_spend_90d") == 0.0
    assert math.isnan(cell(encoder, row, "affinity_share_90d"))


def test_an_unknown_journey_is_known_by_its_attributes_alone(encoder: Encoder) -> None:
    newcomer = JourneyRow(journey_id="new", kind="loyalty", attributes={"campaign_type": "B"})
    assert math.isnan(cell(encoder, ROW, "journey_id", newcomer))
    assert math.isnan(cell(encoder, ROW, "journey_kind", newcomer))
    assert math.isnan(cell(encoder, ROW, "category", newcomer))
    assert cell(encoder, ROW, "campaign_type", newcomer) == 1.0


def test_journeys_that_share_their_attributes_are_not_taken_for_one_another(encoder: Encoder) -> None:
    """What is kept of a journey is of that one, also where two have one mapping."""
    twin = replace(MAKEUP, journey_id=MIXED.journey_id, kind="never seen")
    apart = replace(twin, attributes=dict(twin.attributes))
    for _ in range(2):
        found = encoder.matrix(ROW, AT, [MAKEUP, twin, MAKEUP])
        np.testing.assert_array_equal(found[[0, 2]], encoder.matrix(ROW, AT, [MAKEUP, MAKEUP]))
        np.testing.assert_array_equal(found[1:2], Encoder(encoder.layout).matrix(ROW, AT, [apart]))


def test_however_many_journeys_come_no_more_are_kept_than_said(encoder: Encoder) -> None:
    many = [replace(MAKEUP, attributes=dict(MAKEUP.attributes)) for _ in range(2 * MOST_KEPT + 1)]
    own = Encoder(encoder.layout)
    found = own.matrix(ROW, AT, many)
    np.testing.assert_array_equal(found, np.repeat(own.matrix(ROW, AT, [MAKEUP]), len(many), axis=0))
    assert 0 < len(own._parts) <= MOST_KEPT


def test_categorical_names_texts_of_customers_and_journeys(encoder: Encoder) -> None:
    assert {"age_band", "journey_id", "journey_kind", "campaign_type", "category"} <= set(encoder.categorical)
    assert "baskets_90d" not in encoder.categorical


def test_situation_facts_and_raw_timestamps_are_never_columns(encoder: Encoder) -> None:
    left_out = {"incidents_json", "consents_json", "last_purchase_at", "first_seen_at", "time_zone"}
    assert not left_out & set(encoder.columns)


def test_a_chosen_set_of_features_is_all_a_model_sees_of_a_customer() -> None:
    encoder = Encoder.fit([ROW], [MIXED], SCHEMA, MODEL, features=["recency_days", "spend_90d"])
    journey = ("journey_id", "journey_kind", "campaign_type", "category", "affinity_spend_90d", "affinity_share_90d")
    assert encoder.columns == ("recency_days", "spend_90d", *journey)


def test_a_chosen_feature_must_exist() -> None:
    with pytest.raises(KeyError, match="spend_91d"):
        Encoder.fit([ROW], [MIXED], SCHEMA, MODEL, features=["spend_91d"])


def test_json_gives_the_same_encoder_back(encoder: Encoder) -> None:
    again = Encoder.from_json(encoder.to_json())
    assert (again.columns, again.categorical) == (encoder.columns, encoder.categorical)
    np.testing.assert_array_equal(again.matrix(ROW, AT, [MAKEUP, MIXED]), encoder.matrix(ROW, AT, [MAKEUP, MIXED]))


@pytest.mark.parametrize("text", ["", "{}[", '[{"name": "x"}]', '[{"name": "x", "part": "weather", "levels": null}]'])
def test_json_that_is_no_encoder_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Encoder.from_json(text)


@pytest.mark.parametrize("attributes", [{}, {"category": "mixed"}, {"category": "x}{y"}, {"kind": "makeup"}])
def test_an_interaction_of_what_no_feature_tells_is_nan(encoder: Encoder, attributes: dict[str, str]) -> None:
    journey = JourneyRow(journey_id="new", kind="loyalty", attributes=attributes)
    assert math.isnan(cell(encoder, ROW, "affinity_spend_90d", journey))


def test_an_interaction_reads_no_feature_that_the_schema_did_not_have(encoder: Encoder) -> None:
    """What is served beside the schema, such as ages, was not in the training table."""
    journey = JourneyRow(journey_id="new", kind="loyalty", attributes={"category": "unheard_of"})
    assert math.isnan(cell(encoder, ROW | present(spend_unheard_of_90d=9.0), "affinity_spend_90d", journey))


def test_what_a_model_leaves_out_is_no_column() -> None:
    model = ModelFeatures.of(["age_band", "recency_days"], {})
    encoder = Encoder.fit([ROW], [MIXED], SCHEMA, model)
    everything = Encoder.fit([ROW], [MIXED], SCHEMA, ModelFeatures())
    assert set(everything.columns) - set(encoder.columns) == {"age_band", "recency_days"}


def test_an_interaction_that_is_called_as_a_journeys_attribute_is_refused() -> None:
    model = ModelFeatures.of([], {"category": "spend_{category}_90d"})
    with pytest.raises(ValueError, match="two columns have one name"):
        Encoder.fit([ROW], [MAKEUP], SCHEMA, model)


def test_ages_and_interactions_are_kept_with_their_formulas(encoder: Encoder) -> None:
    kept = {column["name"]: column for column in json.loads(encoder.to_json())}
    assert kept["recency_days"] == {
        "name": "recency_days",
        "part": "customer",
        "formula": "days_since(last_purchase_at)",
    }
    share = kept["affinity_share_90d"]
    assert share["formula"] == "spend_{category}_90d / spend_90d"
    assert {"spend_90d", "spend_makeup_90d"} < set(share["features"])


def test_columns_that_features_can_no_longer_fill_are_told_by_name(encoder: Encoder) -> None:
    assert encoder.misfits(SCHEMA) == ()
    known = SCHEMA.by_name
    changed = {
        "age_band": replace(known["age_band"], type=FeatureType.INT),
        "recency_days": replace(known["recency_days"], formula=Formula.parsed("days_until(last_purchase_at)")),
    }
    later = FeatureSchema(tuple(changed.get(s.name, s) for s in SCHEMA.features if s.name != "spend_90d"))
    assert encoder.misfits(later) == (
        "age_band: it was text, it is int",
        "spend_90d: there is no such feature",
        "recency_days: it was days_since(last_purchase_at), it is days_until(last_purchase_at)",
        "affinity_share_90d: there is no feature spend_90d",
    )
