"""What each journey is worth to each of many customers, by a bundle: rows at once, as training and judging need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.columns.encode import customer_matrix, matrix_for
from features.columns.facts import FeatureColumns
from features.encoder import JourneyRow
from models.amounts import reward_of, worth_of
from models.bundle import MODEL_FILE, Bundle
from models.errors import BundleCorrupt
from models.learnt import AMOUNT_FILE, LearntJourney, LearntPolicy, RewardKind
from models.scorer import booster_of

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def blend(treated: Vector, control: Vector, treated_share: float) -> Vector:
    """(n,) the X-learner's gain: what those without the journey tell of it counts by its share, and the other way."""
    return treated_share * control + (1.0 - treated_share) * treated


class Valuation:
    """A bundle that knows rewards, ready to tell them. LightGBM runs on `threads`."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        """Raises: BundleCorrupt for one that knows none, or that LightGBM cannot read."""
        if bundle.policy is None:
            raise BundleCorrupt(MODEL_FILE, "tells no rewards: it was not trained from a log")
        self.policy: LearntPolicy = bundle.policy
        self._encoder = bundle.encoder
        self._calibration = bundle.calibration
        self._threads = threads
        texts = {MODEL_FILE: bundle.model_text, **bundle.policy.texts}
        self._boosters = {file: booster_of(file, text, bundle.encoder) for file, text in texts.items()}

    def rewards(self, columns: FeatureColumns) -> Matrix:
        """(n, J) the expected reward of each journey of the bundle, in its order, costs not taken off."""
        customer = customer_matrix(self._encoder, columns)
        values = np.empty((columns.size, len(self.policy.journeys)))
        for j, journey in enumerate(self.policy.journeys):
            values[:, j] = self._reward(columns, customer, journey)
        against = self.policy.against
        if against is not None:
            base = values[:, self._place(against)].copy()
            for j, journey in enumerate(self.policy.journeys):
                if journey.gain_texts:
                    values[:, j] = base + self._gain(columns, customer, journey)
        return values

    def p_met(self, columns: FeatureColumns, journey: LearntJourney) -> Vector:
        """(n,) P(met) of one journey; its mean reward where that is all that was learnt."""
        return self._main(self._beside(columns, customer_matrix(self._encoder, columns), journey), journey)

    def _place(self, journey_id: str) -> int:
        return next(i for i, journey in enumerate(self.policy.journeys) if journey.journey_id == journey_id)

    def _reward(self, columns: FeatureColumns, customer: Matrix, journey: LearntJourney) -> Vector:
        matrix = self._beside(columns, customer, journey)
        amount = self._predict(AMOUNT_FILE, matrix) if AMOUNT_FILE in self._boosters else None
        return reward_of(self.policy.reward, self._main(matrix, journey), amount, worth_of(self.policy.reward, journey))

    def _main(self, matrix: Matrix, journey: LearntJourney) -> Vector:
        raw = self._predict(journey.text or MODEL_FILE, matrix)
        return raw if self.policy.reward.kind is RewardKind.MEAN else self._calibration.apply(raw)

    def _gain(self, columns: FeatureColumns, customer: Matrix, journey: LearntJourney) -> Vector:
        matrix = self._beside(columns, customer, journey)
        told = [self._predict(file, matrix) for file in journey.gain_texts]
        return told[0] if len(told) == 1 else blend(told[0], told[1], journey.treated_share)

    def _beside(self, columns: FeatureColumns, customer: Matrix, journey: LearntJourney) -> Matrix:
        return matrix_for(self._encoder, columns, row_of(journey), customer)

    def _predict(self, file: str, matrix: Matrix) -> Vector:
        return self._boosters[file].predict(matrix, threads=self._threads)


def row_of(journey: LearntJourney) -> JourneyRow:
    """What the encoder sees of it."""
    return JourneyRow(journey_id=journey.journey_id, kind=journey.kind, attributes=journey.attributes)


def cost_vector(journeys: Sequence[str], costs: Mapping[str, float]) -> Vector:
    """(J,) what a contact of each costs; 0 where nothing is said."""
    return np.array([costs.get(journey, 0.0) for journey in journeys], dtype=np.float64)
