"""Scores journeys for one customer: encode, one call of LightGBM, calibrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from features.columns.encode import matrix_for
from features.columns.facts import FeatureColumns
from features.encoder import Encoder, JourneyRow, RowsAsked
from features.values import FeatureRow
from models.amounts import own_value
from models.booster import Booster
from models.bundle import MODEL_FILE, Bundle, column_names
from models.errors import BoosterUnreadable, BundleCorrupt
from models.learnt import AMOUNT_FILE, RewardKind
from models.silence import SILENCE_FILE

Matrix = NDArray[np.float64]


class Scorer:
    """A bundle, ready to serve. Immutable; LightGBM runs on the calling thread alone.

    A journey with a model of its own is scored by that; all others by the common one, at once. Journeys outside
    `history` were never seen in training: their score is that of an unknown journey of the same attributes, so callers
    give them a prior instead.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Raises: BundleCorrupt when LightGBM cannot read a model, or it wants other columns than the encoder has."""
        policy = bundle.policy
        texts = {} if policy is None else policy.texts
        own = {} if policy is None else {journey.journey_id: journey.text for journey in policy.journeys}
        self._booster = booster_of(MODEL_FILE, bundle.model_text, bundle.encoder)
        self._own: Mapping[str, Booster] = {
            journey_id: booster_of(file, texts[file], bundle.encoder) for journey_id, file in own.items() if file
        }
        factors = [] if policy is None else [(j.journey_id, j.factor) for j in policy.journeys]
        self._factors = {journey_id: factor for journey_id, factor in factors if factor is not None}
        self._amount = booster_of(AMOUNT_FILE, texts[AMOUNT_FILE], bundle.encoder) if self._factors else None
        self._silence = None if policy is None else policy.silence
        self._silent = booster_of(SILENCE_FILE, texts[SILENCE_FILE], bundle.encoder) if self._silence else None
        self._terms = None if policy is None else policy.reward
        self._tells_mean = policy is not None and policy.reward.kind is RewardKind.MEAN
        self._encoder = bundle.encoder
        self._calibration = bundle.calibration
        self.version = bundle.version
        self.history = bundle.history
        self.valued = frozenset(self._factors)
        self.silent = frozenset(self._silence.journeys) if self._silence else frozenset()

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) calibrated probability that the objective is met, in the order of `journeys`; never NaN.

        Of a bundle that tells mean rewards alone, those.
        """
        return self.score_many([RowsAsked(row=row, at=at, journeys=journeys)])[0]

    def score_many(self, asked: Sequence[RowsAsked]) -> list[NDArray[np.float64]]:
        """What `score` gives each of them, of one matrix: one call of LightGBM for a model, not one for a customer."""
        journeys = [journey for one in asked for journey in one.journeys]
        if not journeys:
            return [np.empty(0) for _ in asked]
        raw = self._each(journeys, self._encoder.matrix_of_many(asked), Booster.predict, np.empty(len(journeys)))
        ends = accumulate(len(one.journeys) for one in asked)
        told = self._calibrated(raw)
        return [told[end - len(one.journeys) : end] for one, end in zip(asked, ends, strict=True)]

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) what meeting the objective is worth to this customer, of journeys that are all `valued`; 0 or more."""
        return self._valued(journeys, self._encoder.matrix(row, at, journeys)) if journeys else np.empty(0)

    def value_columns(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n,) of many customers and moments beside one journey: what `values` gives each."""
        return self._valued([journey] * columns.size, matrix_for(self._encoder, columns, journey))

    def _valued(self, journeys: Sequence[JourneyRow], matrix: Matrix) -> NDArray[np.float64]:
        if self._amount is None or self._terms is None:
            raise ValueError("this model tells no values")
        factor = np.array([self._factors.get(journey.journey_id, np.nan) for journey in journeys])
        return own_value(self._terms, factor, self._amount.predict(matrix))

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) calibrated P(objective met | not shown), of journeys that are all `silent`."""
        return self._in_silence(self._encoder.matrix(row, at, journeys)) if journeys else np.empty(0)

    def p_if_silent_columns(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n,) of many customers and moments beside one journey: what `p_if_silent` gives each."""
        return self._in_silence(matrix_for(self._encoder, columns, journey))

    def _in_silence(self, matrix: Matrix) -> NDArray[np.float64]:
        if self._silent is None or self._silence is None:
            raise ValueError("this model does not tell what comes of silence")
        return self._silence.calibration.apply(self._silent.predict(matrix))

    def score_columns(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n,) of many customers and moments beside one journey: what `score` gives each."""
        booster = self._own.get(journey.journey_id, self._booster)
        return self._calibrated(booster.predict(matrix_for(self._encoder, columns, journey)))

    def contributions_of(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n, columns + 1) as `contributions`, of many customers and moments beside one journey."""
        booster = self._own.get(journey.journey_id, self._booster)
        return booster.contributions(matrix_for(self._encoder, columns, journey))

    def value_contributions_of(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n, columns + 1) what each column added to what `value_columns` follows from, before its factor."""
        if self._amount is None:
            raise ValueError("this model tells no values")
        return self._amount.contributions(matrix_for(self._encoder, columns, journey))

    def silence_contributions_of(self, columns: FeatureColumns, journey: JourneyRow) -> NDArray[np.float64]:
        """(n, columns + 1) what each column added to what `p_if_silent_columns` follows from, in log-odds."""
        if self._silent is None:
            raise ValueError("this model does not tell what comes of silence")
        return self._silent.contributions(matrix_for(self._encoder, columns, journey))

    @property
    def columns(self) -> tuple[str, ...]:
        """The encoder's columns, in matrix order."""
        return self._encoder.columns

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n, columns + 1) what each column added to the raw score, in log-odds; the last is the base. 2 ms a row."""
        matrix = self._encoder.matrix(row, at, journeys)
        return self._each(journeys, matrix, Booster.contributions, np.empty((len(journeys), len(self.columns) + 1)))

    def _each(
        self, journeys: Sequence[JourneyRow], matrix: Matrix, tell: Callable[[Booster, Matrix], Matrix], out: Matrix
    ) -> Matrix:
        """What the model of each journey tells of its row."""
        common = [i for i, journey in enumerate(journeys) if journey.journey_id not in self._own]
        if len(common) == len(journeys):
            return tell(self._booster, matrix)
        if common:
            out[common] = tell(self._booster, matrix[common])
        rows: dict[str, list[int]] = {}
        for i, journey in enumerate(journeys):
            if journey.journey_id in self._own:
                rows.setdefault(journey.journey_id, []).append(i)
        for journey_id, own in rows.items():
            out[own] = tell(self._own[journey_id], matrix[own])
        return out

    def _calibrated(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return raw if self._tells_mean else self._calibration.apply(raw)


def booster_of(file: str, text: str, encoder: Encoder) -> Booster:
    """A text, read. Raises: BundleCorrupt where LightGBM cannot, or it wants other columns than the encoder has."""
    try:
        booster = Booster(text)
    except BoosterUnreadable as error:
        raise BundleCorrupt(file, f"LightGBM cannot read it: {error}") from error
    if len(booster.columns) != len(encoder.columns):
        raise BundleCorrupt(file, f"has {len(booster.columns)} columns, the encoder {len(encoder.columns)}")
    if booster.columns != tuple(column_names(encoder.columns)):
        raise BundleCorrupt(file, "has other columns, or in another order, than the encoder in the manifest")
    return booster
