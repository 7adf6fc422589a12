"""A catalogue in which every slip is made: its features, its files and its cases."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.terms import terms_of

BASE = Path(__file__).with_name("base")
JOURNEY, POLICIES, CASES = "journeys/basket.yaml", "policies.yaml", "cases/basket.yaml"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _spec(
    name: str,
    kind: FeatureType,
    bounds: tuple[float, float] | None = None,
    levels: tuple[str, ...] | None = None,
) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="customers",
        type=kind,
        unit="",
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        bounds=bounds,
        levels=levels,
    )


SCHEMA = FeatureSchema(
    (
        _spec("recency_days", FeatureType.DOUBLE),
        _spec("baskets_90d", FeatureType.INT),
        _spec("price_share", FeatureType.DOUBLE, bounds=(0.0, 1.0)),
        _spec("tier", FeatureType.STRING, levels=("bronze", "silver", "gold")),
        _spec("is_member", FeatureType.BOOL),
        _spec("last_purchase_at", FeatureType.TIMESTAMP),
        _spec("time_zone", FeatureType.STRING),
        _spec("holiday_region", FeatureType.STRING),
    )
)
TERMS = terms_of(SCHEMA, {})


def changed(folder: Path, changes: Mapping[str, Sequence[Mapping[str, str]]]) -> Path:
    """The base with these replacements, by file; each `old` is there once."""
    shutil.copytree(BASE, folder)
    for name, replaced in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        for one in replaced:
            assert text.count(one["old"]) == 1, one
            text = text.replace(one["old"], one["new"])
        (folder / name).write_text(text, encoding="utf-8")
    return folder
