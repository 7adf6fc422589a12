"""Builders for tests of models: a small schema, customers drawn from a known rule, and a bundle trained on them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import lightgbm
import numpy as np

from features.encoder import Encoder, JourneyRow
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar
from models.bundle import Bundle
from models.calibration import Calibration, CalibrationKind

NOW = datetime(2018, 1, 3, 12, tzinfo=UTC)
PANTRY = JourneyRow(
    journey_id="pantry-mailer", kind="promotional", attributes={"campaign_type": "A", "category": "cold_cereal"}
)
SOAP = JourneyRow(
    journey_id="everyday-care-club", kind="promotional", attributes={"campaign_type": "C", "category": "soap"}
)
JOURNEYS = (PANTRY, SOAP)
PLATT = Calibration(kind=CalibrationKind.PLATT, intercept=-0.25, slope=1.5)


def spec(name: str, feature_type: FeatureType, view: str = "behaviour", max_age_s: float | None = None) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view=view,
        type=feature_type,
        unit="unit",
        description=name,
        owner="tests",
        personal_data=PersonalData.NONE,
        max_age_s=max_age_s,
    )


SCHEMA = FeatureSchema(
    (
        spec("age_band", FeatureType.STRING, view="demographics"),
        spec("spend_90d", FeatureType.DOUBLE),
        spec("spend_soap_90d", FeatureType.DOUBLE),
        spec("redemptions_total", FeatureType.INT),
    )
)
MODEL = ModelFeatures.of(
    (), {"affinity_spend_90d": "spend_{category}_90d", "affinity_share_90d": "spend_{category}_90d / spend_90d"}
)


def row(**facts: Scalar | None) -> FeatureRow:
    """Facts by name; None is NULL."""
    return {
        name: FeatureValue(
            name=name,
            status=FeatureStatus.NULL if value is None else FeatureStatus.PRESENT,
            value=value,
            event_time=NOW - timedelta(days=1),
        )
        for name, value in facts.items()
    }


def customers(n: int, seed: int = 0) -> list[FeatureRow]:
    draw = np.random.default_rng(seed)
    return [
        row(
            age_band=str(draw.choice(["19-24", "25-34", "65+"])),
            spend_90d=float(draw.gamma(2.0, 100.0)),
            spend_soap_90d=float(draw.gamma(1.0, 5.0)),
            redemptions_total=int(draw.poisson(1.0)),
        )
        for _ in range(n)
    ]


def bundle(calibration: Calibration = PLATT, n: int = 300) -> Bundle:
    """A small model of P(redeem) = sigmoid(redemptions_total - 1), both journeys alike."""
    rows = customers(n)
    encoder = Encoder.fit(rows, JOURNEYS, SCHEMA, MODEL)
    matrix = np.concatenate([encoder.matrix(r, NOW, [JOURNEYS[i % 2]]) for i, r in enumerate(rows)])
    redemptions = matrix[:, encoder.columns.index("redemptions_total")]
    label = np.random.default_rng(1).random(n) < 1.0 / (1.0 + np.exp(1.0 - redemptions))
    table = lightgbm.Dataset(
        matrix,
        label.astype(float),
        feature_name=list(encoder.columns),
        categorical_feature=[encoder.columns.index(name) for name in encoder.categorical],
        params={"verbose": -1},
    )
    settings = {"objective": "binary", "num_leaves": 4, "verbose": -1, "seed": 0, "num_threads": 1}
    return Bundle(
        model_text=lightgbm.train(settings, table, num_boost_round=20).model_to_string(),
        encoder=encoder,
        calibration=calibration,
        history=frozenset(journey.journey_id for journey in JOURNEYS),
        objective="a coupon is redeemed",
        metrics={"auc": 0.75},
    )


def resized(text: str) -> str:
    """A text of LightGBM with the sizes of its trees as they are now, as someone who knows the format would write."""
    blocks = re.findall(r"Tree=\d+\n.*?(?=Tree=\d+\n|end of trees)", text, re.DOTALL)
    return re.sub(r"tree_sizes=.*", f"tree_sizes={' '.join(str(len(block)) for block in blocks)}", text)
