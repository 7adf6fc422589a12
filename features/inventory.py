"""The data inventory: the Feast definitions as a feature schema; `features/schema.json` is generated from it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from features.derived import DERIVED
from features.errors import DefinitionIncomplete
from features.registry import MAX_AGE_TAG, TYPES
from features.schema import FeatureSchema, FeatureSpec, PersonalData

if TYPE_CHECKING:
    from feast import FeatureView, Field
    from feast.feast_object import FeastObject

REQUIRED_TAGS = ("unit", "owner", "personal_data")


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
    specs = (*stored, *(feature.spec() for feature in DERIVED))
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
    )
