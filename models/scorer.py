"""Scores journeys for one customer: encode, one call of LightGBM, calibrate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow
from models.bundle import MODEL_FILE, Bundle, column_names
from models.errors import BundleCorrupt


class JourneyModel(Protocol):
    """Whatever gives journeys a probability: the trained model and the baselines it is compared with."""

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) probability in [0, 1] that the journey's objective is met, for the customer of `row` at `at`."""
        ...


class Scorer:
    """A bundle, ready to serve. Immutable; LightGBM runs on the calling thread alone.

    Journeys outside `history` were never seen in training: their score is that of an unknown journey of the same
    attributes, so callers give them a prior instead.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Raises: BundleCorrupt when LightGBM cannot read the model, or it wants other columns than the encoder has."""
        import lightgbm  # costs seconds; only whoever scores pays

        try:
            self._booster = lightgbm.Booster(model_str=bundle.model_text)
        except lightgbm.basic.LightGBMError as error:
            raise BundleCorrupt(MODEL_FILE, f"LightGBM cannot read it: {error}") from error
        wanted, encoded = self._booster.num_feature(), len(bundle.encoder.columns)
        if wanted != encoded:
            raise BundleCorrupt(MODEL_FILE, f"has {wanted} columns, the encoder in the manifest {encoded}")
        if self._booster.feature_name() != column_names(bundle.encoder.columns):
            raise BundleCorrupt(MODEL_FILE, "has other columns, or in another order, than the encoder in the manifest")
        self._encoder = bundle.encoder
        self._calibration = bundle.calibration
        self.version = bundle.version
        self.history = bundle.history

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) calibrated probability that the objective is met, in the order of `journeys`; never NaN."""
        if not journeys:
            return np.empty(0)
        raw = self._booster.predict(self._encoder.matrix(row, at, journeys), num_threads=1)
        return self._calibration.apply(np.asarray(raw, dtype=np.float64))

    @property
    def columns(self) -> tuple[str, ...]:
        """The encoder's columns, in matrix order."""
        return self._encoder.columns

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n, columns + 1) what each column added to the raw score, in log-odds; the last is the base. 2 ms a row."""
        matrix = self._encoder.matrix(row, at, journeys)
        return np.asarray(self._booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
