"""How a Feast repository may declare a feature so that its registry tells all that a data inventory must know of it.

Nothing here is needed: any registry is read. What it does not say may stand in features.yaml as well.
"""

from __future__ import annotations

from datetime import timedelta

from feast import Field
from feast.types import FeastType

from features.company.registry_reader import MAX_AGE_TAG
from features.schema import PersonalData

FOREVER = timedelta(0)
"""Feast's own time to live is off: it is not enforced when serving, so the online reader compares ages itself."""


def feature(name: str, dtype: FeastType, unit: str, description: str, owner: str, personal_data: PersonalData) -> Field:
    """A feature with its inventory entry. `unit` says what a number counts, or how a text is to be read."""
    tags = {"unit": unit, "owner": owner, "personal_data": personal_data.value}
    return Field(name=name, dtype=dtype, description=description, tags=tags)


def view_tags(max_age: timedelta | None) -> dict[str, str]:
    """Tags of a view whose facts may be relied on until they are older than `max_age`; None: they do not age."""
    return {MAX_AGE_TAG: "" if max_age is None else str(int(max_age.total_seconds()))}
