"""What the model must beat: three baselines with the model's own interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow
from models.calibration import Vector, logistic_coefficients, sigmoid


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRate:
    """The same probability for everyone: the rate of the training pairs."""

    p: float

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.full(len(journeys), self.p)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRate:
    """The training rate of the journey; of its campaign type when the journey has none; of all pairs failing that."""

    by_journey: Mapping[str, float]
    by_campaign_type: Mapping[str, float]
    overall: float

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.array([self._rate(journey) for journey in journeys], dtype=np.float64)

    def _rate(self, journey: JourneyRow) -> float:
        of_type = self.by_campaign_type.get(journey.attributes.get("campaign_type", ""), self.overall)
        return self.by_journey.get(journey.journey_id, of_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRedemptions:
    """sigmoid(intercept + slope * log(1 + coupons redeemed so far)); an unknown count is taken as none."""

    intercept: float
    slope: float

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        past = np.log1p(redemptions_so_far(row))
        return np.full(len(journeys), float(sigmoid(np.array(self.intercept + self.slope * past))))


def redemptions_so_far(row: FeatureRow) -> float:
    """`redemptions_total` of the row; 0 when it is not PRESENT."""
    fact = row.get("redemptions_total")
    known = None if fact is None else fact.known()
    return float(known) if isinstance(known, (int, float)) else 0.0


def fit_past_redemptions(redemptions: Vector, label: Vector) -> PastRedemptions:
    """Logistic regression of the label on log(1 + redemptions), both (n,)."""
    design = np.column_stack([np.ones_like(redemptions), np.log1p(redemptions)])
    intercept, slope = logistic_coefficients(design, label)
    return PastRedemptions(intercept=float(intercept), slope=float(slope))


def fit_journey_rate(journeys: Sequence[JourneyRow], label: Vector) -> JourneyRate:
    """Rates of the training pairs: `journeys` and `label` hold one entry a pair."""
    by_journey: dict[str, list[float]] = {}
    by_type: dict[str, list[float]] = {}
    for journey, redeemed in zip(journeys, label.tolist(), strict=True):
        by_journey.setdefault(journey.journey_id, []).append(redeemed)
        by_type.setdefault(journey.attributes.get("campaign_type", ""), []).append(redeemed)
    return JourneyRate(
        by_journey={name: float(np.mean(labels)) for name, labels in by_journey.items()},
        by_campaign_type={name: float(np.mean(labels)) for name, labels in by_type.items()},
        overall=float(label.mean()),
    )
