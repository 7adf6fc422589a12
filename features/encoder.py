"""The one encoder: a customer's facts and the journeys in question become the model's matrix.

Serving calls `Encoder.matrix`; `features.columns` encodes whole tables, equal to it bit for bit, so a model never sees
two readings of one fact. What is not PRESENT and what was not seen in training is NaN: LightGBM's missing value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.derived import Formula
from features.interactions import Interaction, ModelFeatures, named
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.values import FeatureRow, FeatureStatus, FeatureValue

MOST_KEPT = 4096
"""Journeys whose part of a row an encoder keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRow:
    """What the model knows of a journey."""

    journey_id: str
    kind: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAsked:
    """One customer at a moment, beside journeys: a row of the matrix for each of them."""

    row: FeatureRow
    at: datetime
    journeys: Sequence[JourneyRow]


class ColumnSource(StrEnum):
    """The source of a column's value."""

    CUSTOMER = "customer"
    JOURNEY = "journey"
    INTERACTION = "interaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the matrix. `levels` are the known values of a categorical one: level i is encoded as i.

    `formula`: of an age, and of an interaction, which reads none but these `features`.
    """

    name: str
    part: ColumnSource
    levels: tuple[str, ...] | None = None
    formula: Formula | Interaction | None = None
    features: frozenset[str] = frozenset()

    @property
    def codes(self) -> dict[str, float] | None:
        """What each level is encoded as; None of a column of numbers."""
        return None if self.levels is None else {level: float(i) for i, level in enumerate(self.levels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _JourneyPart:
    """What of a row depends on no customer: its cells, and the features by term of each interaction; None unknown."""

    journey_id: str
    kind: str
    attributes: Mapping[str, str]  # held, so that no other mapping gets its id
    cells: tuple[float, ...]
    terms: tuple[tuple[str | None, ...], ...]
    features: tuple[str, ...]

    def is_of(self, journey: JourneyRow) -> bool:
        return (
            self.attributes is journey.attributes
            and self.journey_id == journey.journey_id
            and self.kind == journey.kind
        )


class Encoder:
    """Encodes (customer, moment, journeys); immutable once built, safe to share between threads."""

    def __init__(self, columns: Sequence[Column]) -> None:
        """`columns` in matrix order: all of the customer part, then of the journey part, then the interactions."""
        self.layout = tuple(columns)
        self.columns: tuple[str, ...] = tuple(column.name for column in self.layout)
        self.categorical: tuple[str, ...] = tuple(c.name for c in self.layout if c.levels is not None)
        self._customer = self._plan(ColumnSource.CUSTOMER)
        self._journey = self._plan(ColumnSource.JOURNEY)
        self._ages = {c.name: c.formula for c in self.layout if isinstance(c.formula, Formula)}
        self._interactions = tuple((c.formula, c.features) for c in self.layout if isinstance(c.formula, Interaction))
        self._parts: dict[int, _JourneyPart] = {}

    @classmethod
    def fit(
        cls,
        rows: Iterable[FeatureRow],
        journeys: Iterable[JourneyRow],
        schema: FeatureSchema,
        model: ModelFeatures,
        *,
        features: Sequence[str] | None = None,
    ) -> Encoder:
        """Chooses the columns from the schema and learns the levels of the categorical ones, nothing else.

        Args:
            rows: training customers; only their string features are looked at.
            journeys: journeys with history.
            model: what it leaves out, and its interactions.
            features: the customer features to encode; all encodable ones when absent.
        Raises: KeyError when `features` names something the schema does not hold; ValueError when two columns have one
            name, such as an interaction's and a journey's attribute.
        """
        strings = [spec.name for spec in _chosen(schema, model, features) if spec.type is FeatureType.STRING]
        return cls.fit_columns(_levels(rows, strings), journeys, schema, model, features=features)

    @classmethod
    def fit_columns(
        cls,
        levels: Mapping[str, tuple[str, ...]],
        journeys: Iterable[JourneyRow],
        schema: FeatureSchema,
        model: ModelFeatures,
        *,
        features: Sequence[str] | None = None,
    ) -> Encoder:
        """As `fit` to rows whose string features have these levels, sorted, as `columns.facts.levels_of` finds them."""
        columns = [
            *(_customer_column(spec, levels) for spec in _chosen(schema, model, features)),
            *_journey_columns(journeys),
            *_interaction_columns(model, schema),
        ]
        _demand_order(columns)
        return cls(columns)

    def matrix(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """Encodes one customer at `at` beside each journey.

        Derived features are computed here from the timestamps in `row`, even when `row` carries them already.
        Returns: (n_journeys, n_columns), in the order of `columns`; NaN where a value is not PRESENT or unknown.
        """
        return self.matrix_of_many([RowsAsked(row=row, at=at, journeys=journeys)])

    def matrix_of_many(self, asked: Sequence[RowsAsked]) -> NDArray[np.float64]:
        """The matrices of many customers, one below the other: what `matrix` makes of each."""
        out = np.empty((sum(len(one.journeys) for one in asked), len(self.layout)), dtype=np.float64)
        width, begins = len(self._customer), 0
        for one in asked:
            if one.journeys:
                rows = slice(begins, begins + len(one.journeys))
                out[rows, :width] = self._customer_part(one.row, one.at)
                out[rows, width:] = self._beside(one.row, one.journeys)
                begins = rows.stop
        return out

    def journey_cells(self, journey: JourneyRow) -> list[float]:
        """The journey part of a row, which depends on no customer."""
        facts = {
            "journey_id": journey.journey_id,
            "journey_kind": journey.kind,
            **journey.attributes,
        }
        return [
            math.nan if codes is None else codes.get(facts.get(name, ""), math.nan) for name, codes in self._journey
        ]

    def to_json(self) -> str:
        """The encoder as JSON text; `from_json` of it encodes identically."""
        return json.dumps([_document(column) for column in self.layout], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Encoder:
        """Raises: ValueError, KeyError or TypeError when `text` was not made by `to_json`."""
        columns = [_column(item) for item in json.loads(text)]
        _demand_order(columns)
        return cls(columns)

    def misfits(self, schema: FeatureSchema) -> tuple[str, ...]:
        """The columns that these features can no longer fill, or fill with something else, each in a few words."""
        return tuple(text for column in self.layout if (text := _misfit(column, schema)) is not None)

    def types_read(self) -> dict[str, str]:
        """What each feature that its columns are filled from must be: "a number", "a text" or "an instant"."""
        types: dict[str, str] = {}
        for column in self.layout:
            if column.part is ColumnSource.JOURNEY:
                continue
            if isinstance(column.formula, Interaction):
                types.update(dict.fromkeys(sorted(column.features), "a number"))
            elif column.formula is not None:
                types[column.formula.source] = "an instant"
            else:
                types[column.name] = "a number" if column.levels is None else "a text"
        return types

    def features_read(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The features that its columns are filled from, and those of them that are texts."""
        types = self.types_read()
        return tuple(types), tuple(name for name, kind in types.items() if kind == "a text")

    def _customer_part(self, row: FeatureRow, at: datetime) -> list[float]:
        ages = {name: formula.value(name, row, at) for name, formula in self._ages.items()}
        return [
            _number(ages.get(name) or row.get(name)) if codes is None else _code(row.get(name), codes)
            for name, codes in self._customer
        ]

    def _beside(self, row: FeatureRow, journeys: Sequence[JourneyRow]) -> list[list[float]]:
        """The journey parts and the interactions; journeys share the numbers that these are made of."""
        numbers: dict[str | None, float] = {None: math.nan}
        parts = [self._journey_part(journey) for journey in journeys]
        for part in parts:
            for name in part.features:
                if name not in numbers:
                    numbers[name] = _number(row.get(name))
        return [[*part.cells, *(_interact(terms, numbers) for terms in part.terms)] for part in parts]

    def _journey_part(self, journey: JourneyRow) -> _JourneyPart:
        """Made once for journeys that are the same objects from one request to the next, as those in force are."""
        kept = self._parts.get(id(journey.attributes))
        if kept is not None and kept.is_of(journey):
            return kept
        terms = [
            tuple(name if (name := named(term, journey.attributes)) in known else None for term in formula.terms)
            for formula, known in self._interactions
        ]
        part = _JourneyPart(
            journey_id=journey.journey_id,
            kind=journey.kind,
            attributes=journey.attributes,
            cells=tuple(self.journey_cells(journey)),
            terms=tuple(terms),
            features=tuple({name for each in terms for name in each if name is not None}),
        )
        if len(self._parts) >= MOST_KEPT:
            self._parts = {}
        self._parts[id(journey.attributes)] = part
        return part

    def _plan(self, part: ColumnSource) -> tuple[tuple[str, dict[str, float] | None], ...]:
        """(feature, codes of its levels or None) per column of one part."""
        return tuple((column.name, column.codes) for column in self.layout if column.part is part)


def _misfit(column: Column, schema: FeatureSchema) -> str | None:
    known = schema.by_name
    if column.part is ColumnSource.INTERACTION:
        lost = sorted(column.features - known.keys())
        return f"{column.name}: there is no feature {', '.join(lost)}" if lost else None
    if column.part is not ColumnSource.CUSTOMER:
        return None
    spec = known.get(column.name)
    if spec is None:
        return f"{column.name}: there is no such feature"
    if spec.formula != column.formula:
        return f"{column.name}: it was {column.formula or 'stored'}, it is {spec.formula or 'stored'}"
    was, is_now = column.levels is not None, spec.type is FeatureType.STRING
    return None if was == is_now else f"{column.name}: it was {'text' if was else 'a number'}, it is {spec.type}"


def _document(column: Column) -> dict[str, object]:
    """A column as JSON, without what it does not have."""
    said = {
        "levels": column.levels,
        "formula": None if column.formula is None else str(column.formula),
        "features": sorted(column.features) or None,
    }
    known = {name: value for name, value in said.items() if value is not None}
    return {"name": column.name, "part": column.part, **known}


def _column(item: Mapping[str, Any]) -> Column:
    """Raises: ValueError, KeyError, TypeError or AttributeError for what `_document` does not make."""
    part, levels, formula = ColumnSource(item["part"]), item.get("levels"), item.get("formula")
    if part is ColumnSource.INTERACTION and formula is None:
        raise ValueError("an interaction needs its formula")
    kind = Interaction if part is ColumnSource.INTERACTION else Formula
    return Column(
        name=str(item["name"]),
        part=part,
        levels=None if levels is None else tuple(str(level) for level in levels),
        formula=None if formula is None else kind.parsed(formula),
        features=frozenset(str(name) for name in item.get("features", ())),
    )


def _demand_order(columns: Sequence[Column]) -> None:
    """Raises: ValueError when they are not what `Encoder` is built from."""
    parts = [column.part for column in columns]
    if parts != sorted(parts, key=list(ColumnSource).index):
        raise ValueError("the parts of the columns do not follow one another")
    if len({column.name for column in columns}) < len(columns):
        raise ValueError("two columns have one name")


def _encodable(schema: FeatureSchema, model: ModelFeatures) -> list[FeatureSpec]:
    """Everything a model may learn from: numbers, flags and strings, without rules' facts and raw instants."""
    return [
        spec
        for spec in schema.features
        if not spec.is_situation and spec.name not in model.leave_out and spec.type is not FeatureType.TIMESTAMP
    ]


def _chosen(schema: FeatureSchema, model: ModelFeatures, features: Sequence[str] | None) -> list[FeatureSpec]:
    """Raises: KeyError when `features` names something the schema does not hold."""
    return _encodable(schema, model) if features is None else [schema.by_name[name] for name in features]


def _customer_column(spec: FeatureSpec, levels: Mapping[str, tuple[str, ...]]) -> Column:
    known = levels.get(spec.name, ()) if spec.type is FeatureType.STRING else None
    return Column(name=spec.name, part=ColumnSource.CUSTOMER, levels=known, formula=spec.formula)


def _interaction_columns(model: ModelFeatures, schema: FeatureSchema) -> list[Column]:
    part = ColumnSource.INTERACTION
    return [
        Column(name=name, part=part, formula=formula, features=formula.features(schema))
        for name, formula in model.interactions.items()
    ]


def _levels(rows: Iterable[FeatureRow], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    seen: dict[str, set[str]] = {name: set() for name in names}
    for row in rows:
        for name, levels in seen.items():
            value = row.get(name)
            if value is not None and value.is_present and isinstance(value.value, str):
                levels.add(value.value)
    return {name: tuple(sorted(levels)) for name, levels in seen.items()}


def _journey_columns(journeys: Iterable[JourneyRow]) -> list[Column]:
    """Id, kind and each attribute, all categorical, attributes in alphabetical order."""
    seen: dict[str, set[str]] = {"journey_id": set(), "journey_kind": set()}
    attributes: dict[str, set[str]] = {}
    for journey in journeys:
        seen["journey_id"].add(journey.journey_id)
        seen["journey_kind"].add(journey.kind)
        for name, level in journey.attributes.items():
            attributes.setdefault(name, set()).add(level)
    ordered = [*seen.items(), *sorted(attributes.items())]
    return [Column(name=name, part=ColumnSource.JOURNEY, levels=tuple(sorted(levels))) for name, levels in ordered]


def _number(value: FeatureValue | None) -> float:
    if value is None or value.status is not FeatureStatus.PRESENT or not isinstance(value.value, (int, float)):
        return math.nan
    number = float(value.value)
    return number if math.isfinite(number) else math.nan


def _code(value: FeatureValue | None, codes: Mapping[str, float]) -> float:
    if value is None or value.status is not FeatureStatus.PRESENT or not isinstance(value.value, str):
        return math.nan
    return codes.get(value.value, math.nan)


def _interact(terms: tuple[str | None, ...], numbers: Mapping[str | None, float]) -> float:
    """The cell of an interaction; NaN where a fact is lacking, and of a ratio unless what it divides by is above 0."""
    numerator = numbers[terms[0]]
    if len(terms) == 1:
        return numerator
    denominator = numbers[terms[1]]
    return numerator / denominator if denominator > 0.0 else math.nan
