"""The data inventory: the Feast definitions as a feature schema; `features/schema.json` is generated from it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from features.derived import DERIVED_VIEW, Formula
from features.errors import DefinitionIncomplete
from features.interactions import ModelFeatures
from features.registry import MAX_AGE_TAG, TYPES
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.situation import ConsentFact, IncidentFact

if TYPE_CHECKING:
    from feast import FeatureView, Field
    from feast.feast_object import FeastObject

REQUIRED_TAGS = ("unit", "owner", "personal_data")
DERIVED = (
    ("recency_days", "days_since(last_purchase_at)", "Time since the last purchase, right to the second."),
    (
        "days_since_redemption",
        "days_since(last_redemption_at)",
        "Time since the last coupon redemption; NULL for who never redeemed one.",
    ),
    ("days_since_first_seen", "days_since(first_seen_at)", "Time since the first purchase on record."),
    (
        "days_to_anniversary",
        "days_to_anniversary(anniversary_from)",
        "Time to the yearly return of the first purchase; NULL when that purchase is not on record.",
    ),
)
"""Name, formula and description of what is derived."""
MODEL = ModelFeatures.of(
    ("time_zone", "holiday_region"),
    {"affinity_spend_90d": "spend_{category}_90d", "affinity_share_90d": "spend_{category}_90d / spend_90d"},
)
"""What the example's model sees; where a customer lives is the same for all of them."""


def definitions(repo: Path) -> list[FeastObject]:
    """What `feast apply` finds in `features/repo`, with files anchored in the folder `repo`.

    Feast's DuckDB store resolves a relative path against the working directory, not against the repository, so what is
    registered carries whole paths. Importing Feast takes seconds.
    """
    from features.repo.definitions import OBJECTS

    objects: list[FeastObject] = copy.deepcopy(list(OBJECTS))
    for item in objects:
        source = getattr(item, "batch_source", None)
        if source is not None:
            source.file_options.uri = str(repo.resolve() / source.file_options.uri)
    return objects


def schema() -> FeatureSchema:
    """The schema as defined now: stored features in view order, then the derived ones.

    Raises: DefinitionIncomplete when a feature lacks an inventory entry or two have one name.
    """
    from features.repo.definitions import VIEWS

    stored = [_spec(view, field) for view in VIEWS for field in view.features]
    specs = (*stored, *(_derived(*one) for one in DERIVED))
    names = [spec.name for spec in specs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DefinitionIncomplete(f"Feature names must be unique across views: {', '.join(repeated)}")
    return FeatureSchema(specs)


def _spec(view: FeatureView, field: Field) -> FeatureSpec:
    missing = [tag for tag in REQUIRED_TAGS if not field.tags.get(tag)]
    if missing or not field.description:
        lacks = ", ".join(missing or ["description"])
        raise DefinitionIncomplete(f"Feature {view.name}.{field.name} lacks: {lacks}")
    max_age = view.tags[MAX_AGE_TAG]
    return FeatureSpec(
        name=field.name,
        view=view.name,
        type=TYPES[str(field.dtype)],
        unit=field.tags["unit"],
        description=field.description,
        owner=field.tags["owner"],
        personal_data=PersonalData(field.tags["personal_data"]),
        max_age_s=float(max_age) if max_age else None,
        is_situation=field.name in (IncidentFact.feature, ConsentFact.feature),
    )


def _derived(name: str, formula: str, description: str) -> FeatureSpec:
    """It ages with its source, so it declares no age of its own."""
    return FeatureSpec(
        name=name,
        view=DERIVED_VIEW,
        type=FeatureType.DOUBLE,
        unit="days",
        description=description,
        owner="customer-analytics",
        personal_data=PersonalData.PSEUDONYMOUS,
        max_age_s=None,
        formula=Formula.parsed(formula),
    )
