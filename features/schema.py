"""The feature schema: names, types, ages and owners, readable without Feast.

The Feast definitions in `features/repo` are the source; `features/schema.json` is generated from them, committed,
and a test fails when the two differ. Catalogue checking, the encoder and the online reader read this file only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).with_name("schema.json")
_OPTIONAL = frozenset({"bounds", "levels", "stored_as"})


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
    """One feature. `max_age_s` is None when the fact does not age; `is_derived` when the encoder computes it.

    `bounds`: the least and the greatest that a number can be; `levels`: all that a text can be; None where that is not
    known. `stored_as`: its name in the store, if that is another.
    """

    name: str
    view: str
    type: FeatureType
    unit: str
    description: str
    owner: str
    personal_data: PersonalData
    max_age_s: float | None
    is_derived: bool = False
    bounds: tuple[float, float] | None = None
    levels: tuple[str, ...] | None = None
    stored_as: str | None = None


@dataclass(frozen=True)
class FeatureSchema:
    """All features: those the store holds, in view order, then those derived from them at decision time."""

    features: tuple[FeatureSpec, ...]

    @cached_property
    def by_name(self) -> dict[str, FeatureSpec]:
        return {f.name: f for f in self.features}

    @cached_property
    def by_view(self) -> dict[str, tuple[FeatureSpec, ...]]:
        """Stored features only, grouped by Feast view."""
        views: dict[str, list[FeatureSpec]] = {}
        for feature in self.features:
            if not feature.is_derived:
                views.setdefault(feature.view, []).append(feature)
        return {view: tuple(specs) for view, specs in views.items()}

    @classmethod
    def load(cls, path: Path = SCHEMA_FILE) -> FeatureSchema:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            tuple(
                FeatureSpec(
                    **{
                        **row,
                        "type": FeatureType(row["type"]),
                        "personal_data": PersonalData(row["personal_data"]),
                    }
                )
                for row in rows
            )
        )

    def dump(self) -> str:
        rows = [{k: v for k, v in asdict(f).items() if v is not None or k not in _OPTIONAL} for f in self.features]
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
