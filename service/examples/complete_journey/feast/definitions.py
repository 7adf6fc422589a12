"""All that is registered of the example, with files relative to the repository or anchored in it."""

from __future__ import annotations

import copy
from pathlib import Path

from feast.feast_object import FeastObject

from features.declare.situation import consents_view, incidents_view
from service.examples.complete_journey.feast.behaviour import behaviour
from service.examples.complete_journey.feast.customer import customer, parquet
from service.examples.complete_journey.feast.facts import demographics, profile, purchases

VIEWS = (
    demographics,
    profile,
    purchases,
    behaviour,
    incidents_view(customer, parquet("incidents")),
    consents_view(customer, parquet("consents")),
)
"""In the order of the schema."""

OBJECTS: tuple[FeastObject, ...] = (customer, *VIEWS)


def anchored(repo: Path) -> list[FeastObject]:
    """The definitions with the files of the folder `repo`.

    Feast's DuckDB store resolves a relative path against the working directory, not against the repository, so what is
    registered carries whole paths.
    """
    objects = copy.deepcopy(list(OBJECTS))
    for item in objects:
        source = getattr(item, "batch_source", None)
        if source is not None:
            source.file_options.uri = str(repo.resolve() / source.file_options.uri)
    return objects
