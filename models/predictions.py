"""A bundle asked by rows of a table, each a customer at a moment beside a journey: what its MLflow model answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.columns.encode import matrix_for
from features.columns.facts import FeatureColumns
from features.encoder import ColumnSource, Encoder, JourneyRow
from models.amounts import reward_of, worth_of
from models.bundle import Bundle
from models.learnt import AMOUNT_FILE, LearntPolicy, RewardKind
from models.scorer import Scorer, booster_of
from models.valuation import Valuation, row_of

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]

JOURNEY, KIND, ATTRIBUTES, DECIDED_AT = "journey_id", "journey_kind", "attributes", "decided_at"
"""Beside the features, by their own names; a feature with one of these names has FEATURE before it."""
FEATURE: Final = "feature_"
P_OUTCOME, VALUE, REWARD = "p_outcome", "value", "reward"
"""P(met); the reward expected given met; the reward expected, its cost not taken off. Null where the bundle, or of this
journey, tells none."""
NUMBER, TEXT = "a number", "a text"
"""Of `Encoder.types_read`; what is neither is an instant."""


def feature_columns(encoder: Encoder) -> dict[str, str]:
    """The column of each feature that is read."""
    taken = {JOURNEY, KIND, ATTRIBUTES, DECIDED_AT}
    return {name: FEATURE + name if name in taken else name for name in encoder.types_read()}


def example_of(bundle: Bundle, at: datetime) -> pd.DataFrame:
    """Two rows that it can be asked by, of no customer that is: as if invented, but for the journeys."""
    import pandas as pd

    naive = at.replace(tzinfo=None, microsecond=0)
    levels = {column.name: column.levels for column in bundle.encoder.layout if column.part is ColumnSource.CUSTOMER}
    facts: dict[str, object] = {}
    columns = feature_columns(bundle.encoder)
    for name, kind in bundle.encoder.types_read().items():
        known = levels.get(name) or ("",)
        facts[columns[name]] = 1.0 if kind == NUMBER else known[0] if kind == TEXT else naive - timedelta(days=30)
    rows = [
        {**facts, JOURNEY: one.journey_id, KIND: one.kind, ATTRIBUTES: dict(one.attributes), DECIDED_AT: naive}
        for one in _journeys(bundle)[:2]
    ]
    return pd.DataFrame(rows)


class Predictor:
    """A bundle, ready to be asked."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises: BundleCorrupt."""
        self._scorer = Scorer(bundle)
        self._bundle = bundle
        policy = bundle.policy
        self._valuation = None if policy is None or policy.against is None else Valuation(bundle)
        amount = None if policy is None else policy.texts.get(AMOUNT_FILE)
        self._amount = None if amount is None else booster_of(AMOUNT_FILE, amount, bundle.encoder)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """P_OUTCOME, VALUE and REWARD of each row, in order.

        A feature without a column or a value is missing; moments are in UTC.
        Raises: ColumnUnfit for a column that cannot be read.
        """
        import pandas as pd

        facts = self._facts(rows)
        out = {name: np.full(len(rows), np.nan) for name in (P_OUTCOME, VALUE, REWARD)}
        for journey, places in _by_journey(rows):
            told = self._told(facts.take(places), journey)
            for name, values in zip(out, (told.p_outcome, told.value, told.reward), strict=True):
                out[name][places] = values
        table = pd.DataFrame(out, index=rows.index)
        unknown = table.isna()
        return table.astype(object).mask(unknown, None) if unknown.to_numpy().any() else table

    def _told(self, facts: FeatureColumns, journey: JourneyRow) -> _Told:
        raw = self._scorer.score_columns(facts, journey)
        policy = self._bundle.policy
        nothing = np.full(facts.size, np.nan)
        if policy is None:
            return _Told(p_outcome=raw, value=nothing, reward=nothing)
        if policy.reward.kind is RewardKind.MEAN:
            reward = self._reward(facts, journey, reward_of(policy.reward, raw, None))
            return _Told(p_outcome=nothing, value=nothing, reward=reward)
        value = self._value(policy, facts, journey)
        reward = self._reward(facts, journey, raw * value)
        served = self._scorer.value_columns(facts, journey) if journey.journey_id in self._scorer.valued else value
        return _Told(p_outcome=raw, value=served, reward=reward)

    def _value(self, policy: LearntPolicy, facts: FeatureColumns, journey: JourneyRow) -> Vector:
        known = next((one for one in policy.journeys if one.journey_id == journey.journey_id), None)
        if known is None and self._amount is None and any(one.value is not None for one in policy.journeys):
            return np.full(facts.size, np.nan)  # values are each journey's own, and nothing is known of this one's
        worth = None if known is None else worth_of(policy.reward, known)
        return reward_of(policy.reward, np.ones(facts.size), self._amounts(facts, journey), worth)

    def _amounts(self, facts: FeatureColumns, journey: JourneyRow) -> Vector | None:
        if self._amount is None:
            return None
        matrix = matrix_for(self._bundle.encoder, facts, journey)
        return self._amount.predict(matrix)

    def _reward(self, facts: FeatureColumns, journey: JourneyRow, plain: Vector) -> Vector:
        """Where gains were learnt, that of the journey which they are over, and the gain."""
        if self._valuation is None:
            return plain
        known = [one.journey_id for one in self._valuation.policy.journeys]
        if journey.journey_id not in known:
            return plain
        return np.asarray(self._valuation.rewards(facts)[:, known.index(journey.journey_id)])

    def _facts(self, rows: pd.DataFrame) -> FeatureColumns:
        """Raises: ColumnUnfit."""
        import pyarrow as pa

        from features.columns.arrow import columns_of

        types, columns = self._bundle.encoder.types_read(), feature_columns(self._bundle.encoder)
        at = "\0at"  # no feature is called so
        there = {name: column for name, column in columns.items() if column in rows.columns}
        table = {name: pa.Array.from_pandas(rows[column]) for name, column in there.items()}
        table[at] = pa.Array.from_pandas(rows[DECIDED_AT])
        texts = {name for name in there if types[name] == TEXT}
        return columns_of(pa.table(table), tuple(there), at, texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    p_outcome: Vector
    value: Vector
    reward: Vector


def _journeys(bundle: Bundle) -> list[JourneyRow]:
    """Those with history, the most frequent first; without rewards nothing but their ids is known."""
    if bundle.policy is None:
        return [JourneyRow(journey_id=name, kind="", attributes={}) for name in sorted(bundle.history)]
    shown = sorted((one for one in bundle.policy.journeys if one.rows), key=lambda one: (-one.rows, one.journey_id))
    return [row_of(one) for one in shown]


def _by_journey(rows: pd.DataFrame) -> Iterator[tuple[JourneyRow, NDArray[np.int64]]]:
    """Each journey with its places among the rows."""
    places: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[int]] = {}
    kinds = rows[KIND] if KIND in rows.columns else [None] * len(rows)
    said = rows[ATTRIBUTES] if ATTRIBUTES in rows.columns else [None] * len(rows)
    for place, (journey, kind, attributes) in enumerate(zip(rows[JOURNEY], kinds, said, strict=True)):
        key = (str(journey), kind if isinstance(kind, str) else "", _attributes(attributes))
        places.setdefault(key, []).append(place)
    for (journey, kind, attributes), found in places.items():
        yield JourneyRow(journey_id=journey, kind=kind, attributes=dict(attributes)), np.array(found, dtype=np.int64)


def _attributes(said: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(said, Mapping):
        return ()
    return tuple(sorted((str(name), str(value)) for name, value in said.items() if value is not None))
