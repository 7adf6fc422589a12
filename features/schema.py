"""The feature schema: names, types, ages and owners, as they are known without asking Feast."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from features.derived import Formula
from features.situation import ConsentFact, IncidentFact, SituationViews

_OPTIONAL = frozenset({"bounds", "levels", "stored_as", "formula", "is_situation", "is_event_time"})


class FeatureType(StrEnum):
    STRING = "string"
    DOUBLE = "double"
    INT = "int"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


class PersonalData(StrEnum):
    """Personal-data class of a feature, for the data inventory."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """One feature. `max_age_s` is None when the fact does not age.

    `bounds`: the least and the greatest that a number can be; `levels`: all that a text can be; None where that is not
    known. `stored_as`: its name in the store, if that is another. `formula`: of one that is derived.
    `is_situation`: a list of incidents or consents, which rules read, and neither conditions nor models.
    `is_event_time`: when something last happened, where the store has no such feature and events alone tell it.
    """

    name: str
    view: str
    type: FeatureType
    unit: str
    description: str
    owner: str
    personal_data: PersonalData
    max_age_s: float | None
    bounds: tuple[float, float] | None = None
    levels: tuple[str, ...] | None = None
    stored_as: str | None = None
    formula: Formula | None = None
    is_situation: bool = False
    is_event_time: bool = False

    @property
    def is_derived(self) -> bool:
        return self.formula is not None


@dataclass(frozen=True)
class FeatureSchema:
    """All features: those the store holds, in view order, then those derived from them at decision time.

    Among the first are the lists that tell of the situation.
    """

    features: tuple[FeatureSpec, ...]

    @cached_property
    def by_name(self) -> dict[str, FeatureSpec]:
        return {f.name: f for f in self.features}

    @cached_property
    def by_view(self) -> dict[str, tuple[FeatureSpec, ...]]:
        """Stored features only, grouped by Feast view."""
        views: dict[str, list[FeatureSpec]] = {}
        for feature in self.features:
            if not feature.is_derived and not feature.is_event_time:
                views.setdefault(feature.view, []).append(feature)
        return {view: tuple(specs) for view, specs in views.items()}

    @cached_property
    def derived(self) -> dict[str, Formula]:
        """What is computed when a decision is made, by name."""
        return {f.name: f.formula for f in self.features if f.formula is not None}

    @cached_property
    def situation(self) -> SituationViews:
        """Where it has what the situation is told by."""
        views = {f.name: f.view for f in self.features if f.is_situation}
        return SituationViews(incidents=views.get(IncidentFact.feature), consents=views.get(ConsentFact.feature))

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> FeatureSchema:
        """As `dump` wrote it. Raises: ValueError, KeyError, TypeError."""
        return cls(tuple(map(_spec, rows)))

    def dump(self) -> str:
        return json.dumps([*map(_row, self.features)], indent=1, ensure_ascii=False) + "\n"


def _spec(row: Mapping[str, Any]) -> FeatureSpec:
    formula = row.get("formula")
    read = {
        "type": FeatureType(row["type"]),
        "personal_data": PersonalData(row["personal_data"]),
        "formula": None if formula is None else Formula.parsed(formula),
        **{name: tuple(row[name]) for name in ("bounds", "levels") if row.get(name) is not None},
    }
    return FeatureSpec(**{**row, **read})


def _row(spec: FeatureSpec) -> dict[str, Any]:
    """What is not known of it is left out."""
    formula = None if spec.formula is None else str(spec.formula)
    written = {**asdict(spec), "formula": formula, "is_situation": spec.is_situation or None}
    written["is_event_time"] = spec.is_event_time or None
    return {name: value for name, value in written.items() if value is not None or name not in _OPTIONAL}
