"""A first rumbo.yaml and features.yaml for a Feast repository, as its registry has it. Nothing in that is changed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from features.connection import open_feature_store
from features.customer_key import KeyType
from features.errors import RumboError
from features.registry import TYPES
from features.schema import FeatureSpec

if TYPE_CHECKING:
    from feast import Entity, FeatureStore, FeatureView

_DAY_S = 86_400


class NothingToDraft(RumboError):
    """The registry does not say who the customers are, or has nothing of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is said of a repository: the entity, and other names for those that two views have, by VIEW.FEATURE."""

    company: str
    entity: str
    repo: str
    names: Mapping[str, str]

    def text(self) -> str:
        """A whole rumbo.yaml, with what may be added as comments."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield "# What Rumbo is told of this company. Every field: `rumbo config schema`."
        yield f"company: {self.company}"
        yield f"customer: {{entity: {self.entity}}}"
        yield "features:"
        yield f"  repo: {self.repo}            # read, and never changed"
        yield "  notes: features.yaml"
        if self.names:
            yield "  names:                # these have the name of another view's, so they get one of their own"
            yield from (f"    {place}: {name}" for place, name in self.names.items())
        yield "  # derived: {account_days: days_since(first_account_at)}    # ages, computed when a decision is made"
        yield "situation: none         # events alone tell of incidents and consents"
        yield "# events:"
        yield "#   claim.opened: {opens_incident: claims}"
        yield "#   claim.closed: {resolves_incident: claims}"
        yield "#   card.renewed: {attributes: {fee: double}, latest: last_renewed_at}"
        yield "catalogue: catalogue/"


def draft_of(repo: Path, *, company: str, named: str, entity: str | None) -> Draft:
    """`named`: how rumbo.yaml is to name the folder `repo`. `entity`: whose features, where the registry has several.

    Raises: NothingToDraft; StoreUnavailable; Feast's own errors for a registry that cannot be read.
    """
    store = open_feature_store(repo)
    chosen = _entity(store, entity)
    views = _views_of(store, chosen)
    return Draft(company=company, entity=chosen.name, repo=named, names=_names(views))


def notes_of(features: Sequence[FeatureSpec]) -> str:
    """A whole features.yaml, with what is missing as comments."""
    return "".join(f"{line}\n" for line in _notes(features))


def _notes(features: Sequence[FeatureSpec]) -> Iterator[str]:
    yield "# What the registry does not say of features. Every line is optional; what is missing is told by"
    yield "# `rumbo features check`. For example:"
    yield "#   balance: {unit: EUR, range: [0, 1000000], owner: accounts, personal_data: personal, max_age: 2d}"
    yield '#   rating: {levels: [A, B, C], description: "Of the account, by the risk office."}'
    for spec in features:
        age = "does not age" if spec.max_age_s is None else f"relied on for {spec.max_age_s / _DAY_S:g} d"
        lacks = [name for name in ("description", "unit", "owner") if not getattr(spec, name)]
        missing = f"; no {', '.join(lacks)}" if lacks else ""
        yield f"{spec.name}: {{}}    # {spec.view}, {spec.type.value}, {age}{missing}"


def _entity(store: FeatureStore, named: str | None) -> Entity:
    entities = {entity.name: entity for entity in store.list_entities() if entity.name != "__dummy"}
    if named is not None and named not in entities:
        raise NothingToDraft(f"the registry has no entity '{named}', it has: {', '.join(sorted(entities)) or 'none'}")
    of = Counter(name for view in store.list_batch_feature_views() for name in _alone(view))
    usable = {name: count for name, count in of.items() if name in entities}
    if named is not None:
        return entities[named]
    most = [name for name, count in usable.items() if count == max(usable.values())]
    if len(most) != 1:
        raise NothingToDraft(
            "say whose features they are by --entity: the registry has views of "
            + (", ".join(sorted(most)) or "nobody")
        )
    return entities[most[0]]


def _alone(view: FeatureView) -> list[str]:
    """The one entity that a view is keyed by, if it is one with a key that Rumbo knows."""
    keyed = [name for name in view.entities if name != "__dummy"]
    types = {str(column.dtype) for column in view.entity_columns}
    return keyed if len(keyed) == 1 and types <= set(KeyType) else []


def _views_of(store: FeatureStore, entity: Entity) -> list[FeatureView]:
    views = [view for view in store.list_batch_feature_views() if _alone(view) == [entity.name]]
    if not views:
        raise NothingToDraft(f"the registry has no view of {entity.name} alone")
    return sorted(views, key=lambda view: view.name)


def _names(views: Sequence[FeatureView]) -> dict[str, str]:
    """Of equal names all but the first view's are given that of their view in front."""
    places: dict[str, list[str]] = defaultdict(list)
    for view in views:
        for field in view.features:
            if str(field.dtype) in TYPES:
                places[field.name].append(view.name)
    return {
        f"{view}.{name}": re.sub(r"[^a-z0-9_]", "_", f"{view}_{name}".lower())
        for name, named in places.items()
        for view in named[1:]
    }
