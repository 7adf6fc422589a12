"""A company's features as its own Feast registry has them: names, types, ages, and the key of its customers.

What Rumbo cannot use is left out, and a notice says so. What `rumbo.yaml` names and the registry lacks is a fault.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from features.company.company import Company, CompanyInvalid, read_form
from features.company.notes import FeatureNote, FeatureNotes, noted
from features.derived import DERIVED_VIEW
from features.documents.form import meant
from features.errors import StoreUnavailable
from features.interactions import ModelFeatures
from features.names import in_yaml, is_name, name_like
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.situation import ConsentFact, IncidentFact
from features.store.connection import open_feature_store
from features.store.customer_key import CustomerKey, KeyType

if TYPE_CHECKING:
    from feast import Entity, FeatureStore, FeatureView
    from feast import Field as FeastField

TYPES: Mapping[str, FeatureType] = {
    "String": FeatureType.STRING,
    "Float64": FeatureType.DOUBLE,
    "Float32": FeatureType.DOUBLE,
    "Int64": FeatureType.INT,
    "Int32": FeatureType.INT,
    "Bool": FeatureType.BOOL,
    "UnixTimestamp": FeatureType.TIMESTAMP,
}
MAX_AGE_TAG = "max_age_s"
"""Of a view that says so itself how old its facts may be; empty: they do not age. Its ttl is for the others."""
_TOLD = 5
"""So many names stand in one notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyFeatures:
    """What is known of a company's customers, and what a model sees of it.

    `notices`: what was left out, or is not said, in a line each. `fingerprint` differs as soon as something of it does.
    """

    key: CustomerKey
    schema: FeatureSchema
    model: ModelFeatures
    notices: tuple[str, ...]
    fingerprint: str


class RegistryUnreadable(CompanyInvalid):
    """There is no repository, or its registry cannot be read now: nothing is known of what it says."""


def features_of(company: Company) -> CompanyFeatures:
    """Opens the company's repository and reads its features.

    Raises: CompanyInvalid with what is wrong; RegistryUnreadable where there is none, or it cannot be read.
    """
    store = open_registry(company)
    try:
        return read_features(company, store)
    except CompanyInvalid:
        raise
    except Exception as error:
        raise _unreadable(company, _cause(error)) from error


def open_registry(company: Company) -> FeatureStore:
    """The company's repository. Raises: RegistryUnreadable."""
    try:
        return open_feature_store(company.feature_repo)
    except StoreUnavailable as error:
        raise _unreadable(company, f"{error} in {company.feature_repo}") from error
    except Exception as error:
        raise _unreadable(company, _cause(error)) from error


def _unreadable(company: Company, text: str) -> RegistryUnreadable:
    return RegistryUnreadable((company.located(("features", "repo"), text),))


def _cause(error: Exception) -> str:
    return f"its registry cannot be read: {type(error).__name__}: {error}".partition("\n")[0]


def read_features(company: Company, store: FeatureStore) -> CompanyFeatures:
    """The features of this company in its opened repository.

    Raises: CompanyInvalid with every fault, those of the notes among them; Feast's own errors for a broken registry.
    """
    return _Reader(company, store).read()


class _Reader:
    """Reads one registry once, and collects what is wrong and what is left out."""

    def __init__(self, company: Company, store: FeatureStore) -> None:
        self._company = company
        self._document = company.document.features
        self._store = store
        self._faults: list[str] = []
        self._notices: list[str] = []

    def read(self) -> CompanyFeatures:
        entity = self._entity()
        views = self._views(entity) if entity is not None else []
        key = self._key(entity, views) if entity is not None else None
        situation = self._situation_specs(entity) if entity is not None else []
        stored = self._unique([*situation, *(spec for view in views for spec in self._specs(view))])
        specs = stored[len(situation) :]
        self._check_formulas(specs)
        schema = FeatureSchema(tuple(self._noted([*specs, *situation, *self._derived(specs)])))
        model = self._model(schema)
        if self._faults or key is None:
            raise CompanyInvalid(tuple(self._faults))
        described = json.dumps([asdict(key), *map(asdict, schema.features)], sort_keys=True, default=str)
        return CompanyFeatures(
            key=key,
            schema=schema,
            model=model,
            notices=tuple(self._notices),
            fingerprint=hashlib.sha256(described.encode()).hexdigest()[:16],
        )

    def _entity(self) -> Entity | None:
        named = self._company.document.customer.entity
        entities = {entity.name: entity for entity in self._store.list_entities()}
        if named not in entities:
            known = ", ".join(sorted(name for name in entities if name != "__dummy"))
            self._fault(("customer", "entity"), f"the registry has no entity '{named}', it has: {known or 'none'}")
        return entities.get(named)

    def _views(self, entity: Entity) -> list[FeatureView]:
        """Those that are asked for and can be used, in the order of rumbo.yaml, else by name: a registry has none."""
        for view in self._store.list_on_demand_feature_views():
            self._notices.append(f"{view.name}: an on-demand view is not read, for it is computed by Feast alone")
        asked = self._asked()
        for name in [name for name in asked or () if name not in self._by_name]:
            self._fault(("features", "views"), f"the registry has no view '{name}'")
        named = sorted(self._by_name) if asked is None else asked
        situation = self._company.situation.named
        found = [self._by_name[name] for name in named if name in self._by_name and name not in situation]
        return [view for view in found if self._is_of(view, entity, is_asked=asked is not None)]

    @cached_property
    def _by_name(self) -> Mapping[str, FeatureView]:
        stored = {view.name: view for view in self._store.list_batch_feature_views()}
        return stored | {view.name: view for view in self._store.list_stream_feature_views()}

    def _asked(self) -> Sequence[str] | None:
        """The views that rumbo.yaml names; None: all of the entity."""
        if self._document.service is None:
            return self._document.views or None
        return list(self._of_service)

    @cached_property
    def _of_service(self) -> Mapping[str, frozenset[str]]:
        """The features that the service lists, by view; none of a service that is not there."""
        services = {service.name: service for service in self._store.list_feature_services()}
        service = services.get(self._document.service or "")
        if service is None:
            known = ", ".join(sorted(services)) or "none"
            text = f"the registry has no service '{self._document.service}', it has: {known}"
            self._fault(("features", "service"), text)
            return {}
        return {p.name: frozenset(f.name for f in p.features) for p in service.feature_view_projections}

    def _situation_specs(self, entity: Entity) -> list[FeatureSpec]:
        """The lists in the push views that rumbo.yaml names; such facts do not age."""
        views = self._company.situation
        named = (("incidents", IncidentFact, views.incidents), ("consents", ConsentFact, views.consents))
        return [
            replace(
                self._spec(self._by_name[name], field, None),
                name=field.name,
                stored_as=None,
                max_age_s=None,
                is_situation=True,
            )
            for part, kind, name in named
            if name is not None
            for field in self._list_in(name, kind.feature, ("situation", part, "view"), entity)
        ]

    def _list_in(self, name: str, feature: str, path: tuple[str | int, ...], entity: Entity) -> Iterator[FeastField]:
        """The text that holds the list; none, and a fault, if the view is not there or not as it must be."""
        view = self._by_name.get(name)
        if view is None:
            self._fault(path, f"the registry has no view '{name}'")
            return
        keyed = [key for key in view.entities if key != "__dummy"]
        if keyed != [entity.name]:
            self._fault(
                path, f"the view '{name}' is of {' and '.join(keyed) or 'no entity'}, not of {entity.name} alone"
            )
        elif view.stream_source is None:
            self._fault(path, f"the view '{name}' is no push view: its source must be a PushSource")
        typed = {field.name: field for field in view.features}
        if feature not in typed or str(typed[feature].dtype) != "String":
            self._fault(path, f"the view '{name}' has no text '{feature}', which holds the list as JSON")
        else:
            yield typed[feature]

    def _is_of(self, view: FeatureView, entity: Entity, *, is_asked: bool) -> bool:
        """Whether it is keyed by a customer alone."""
        keyed = [name for name in view.entities if name != "__dummy"]
        if keyed == [entity.name]:
            return True
        whose = " and ".join(keyed) or "no entity"
        if is_asked:
            self._fault(("features",), f"the view '{view.name}' is of {whose}, not of {entity.name} alone")
        else:
            self._notices.append(f"{view.name}: a view of {whose} is not read, only those of {entity.name} alone")
        return False

    def _key(self, entity: Entity, views: Sequence[FeatureView]) -> CustomerKey | None:
        """As the views type it, which is what their rows are kept by."""
        typed = {str(column.dtype) for view in views for column in view.entity_columns}
        if not views:
            if not self._faults:
                self._fault(("customer", "entity"), f"the registry has no view of {entity.name} alone")
            return None
        if len(typed) != 1 or not typed <= set(KeyType):
            types = ", ".join(sorted(typed)) or "nothing"
            self._fault(
                ("customer", "entity"), f"its key {entity.join_key} is {types}: expected one of {', '.join(KeyType)}"
            )
            return None
        return CustomerKey(name=entity.join_key, type=KeyType(typed.pop()))

    def _specs(self, view: FeatureView) -> Iterator[FeatureSpec]:
        ttl = None if view.ttl is None else view.ttl.total_seconds()
        left_out: dict[str, list[str]] = defaultdict(list)
        unnamed: list[str] = []
        for field in self._chosen(view):
            if str(field.dtype) not in TYPES:
                left_out[str(field.dtype)].append(field.name)
            elif is_name(self._name(view, field)):
                yield self._spec(view, field, ttl or None)
            else:
                unnamed.append(field.name)
        for kind, names in left_out.items():
            self._notices.append(f"{view.name}: no condition reads {kind}, so it is left out: {_listed(names)}")
        if unnamed:
            self._notices.append(_unnamed(view.name, unnamed))

    def _chosen(self, view: FeatureView) -> Sequence[FeastField]:
        """The features of a view; of a service, those that it lists."""
        if self._document.service is None:
            return view.features
        return [field for field in view.features if field.name in self._of_service[view.name]]

    def _name(self, view: FeatureView, field: FeastField) -> str:
        return self._document.names.get(f"{view.name}.{field.name}", field.name)

    def _spec(self, view: FeatureView, field: FeastField, ttl_s: float | None) -> FeatureSpec:
        tags = {**field.tags}
        age = view.tags.get(MAX_AGE_TAG)
        personal = tags.get("personal_data", "")
        name = self._name(view, field)
        return FeatureSpec(
            name=name,
            view=view.name,
            type=TYPES[str(field.dtype)],
            unit=tags.get("unit", ""),
            description=field.description,
            owner=tags.get("owner", ""),
            personal_data=PersonalData(personal) if personal in list(PersonalData) else PersonalData.PERSONAL,
            max_age_s=ttl_s if age is None else float(age) if age else None,
            stored_as=field.name if name != field.name else None,
        )

    def _unique(self, specs: Sequence[FeatureSpec]) -> list[FeatureSpec]:
        by_name: dict[str, list[FeatureSpec]] = defaultdict(list)
        for spec in specs:
            by_name[spec.name].append(spec)
        for name, same in by_name.items():
            if len(same) > 1:
                second = same[-1]
                stored = second.stored_as or name
                hint = f"features: {{names: {{{second.view}.{stored}: {second.view}_{stored}}}}}"
                views = " and ".join(spec.view for spec in same)
                self._fault(("features",), f"'{name}' is in the views {views}: name one of them, such as {hint}")
        known = {f"{spec.view}.{spec.stored_as or spec.name}" for spec in specs}
        for place in self._document.names:
            if place not in known:
                self._fault(("features", "names", place), "there is no such feature, or it is not read")
        return list(specs)

    def _noted(self, specs: Sequence[FeatureSpec]) -> list[FeatureSpec]:
        """With what the notes say, which goes before the registry."""
        notes = self._notes()
        for name in sorted(notes.keys() - {spec.name for spec in specs}):
            self._notices.append(f"{self._document.notes}: {name} is no feature that is read")
        found = [noted(spec, notes.get(spec.name)) for spec in specs]
        for name in [s.name for s in specs if s.formula is not None and s.name in notes and notes[s.name].max_age]:
            self._notices.append(f"{self._document.notes}: {name} is as old as its source: its max_age is not read")
        bare = [spec.name for spec in found if not (spec.unit and spec.owner and spec.description)]
        if bare:
            self._notices.append(f"without description, unit or owner: {_listed(bare)}")
        return found

    def _notes(self) -> Mapping[str, FeatureNote]:
        if self._document.notes is None:
            return {}
        try:
            return read_form(self._company.folder, self._document.notes, FeatureNotes)[1].root
        except CompanyInvalid as error:
            self._faults += error.faults
            return {}

    def _check_formulas(self, specs: Sequence[FeatureSpec]) -> None:
        """A derived age has an instant to be counted from: a feature, or the latest of an event type."""
        types = {spec.name: spec.type for spec in specs}
        latest = {event.latest for event in self._company.document.events.values() if event.latest}
        for name, formula in self._document.derived.items():
            path = ("features", "derived", name)
            if name in types:
                self._fault(path, f"'{name}' is a feature already")
            if formula.source not in types and formula.source not in latest:
                self._fault(path, f"'{formula.source}' is no feature, nor the `latest` of an event type")
            elif types.get(formula.source, FeatureType.TIMESTAMP) is not FeatureType.TIMESTAMP:
                self._fault(path, f"'{formula.source}' is {types[formula.source]}, not an instant")

    def _derived(self, specs: Sequence[FeatureSpec]) -> Iterator[FeatureSpec]:
        """In the order of rumbo.yaml. It ages with its source, so it declares no age of its own."""
        by_name = {spec.name: spec for spec in specs}
        for name, formula in self._document.derived.items():
            source = by_name.get(formula.source)
            yield FeatureSpec(
                name=name,
                view=DERIVED_VIEW,
                type=FeatureType.DOUBLE,
                unit="days",
                description=f"{formula}, when a decision is made.",
                owner="" if source is None else source.owner,
                personal_data=PersonalData.PERSONAL if source is None else source.personal_data,
                max_age_s=None,
                formula=formula,
            )

    def _model(self, schema: FeatureSchema) -> ModelFeatures:
        """What a model sees: all that is named must be there."""
        said = self._document.model
        model = ModelFeatures(leave_out=frozenset(said.leave_out), interactions=said.interactions)
        for name in sorted(model.leave_out - schema.by_name.keys()):
            path = ("features", "model", "leave_out", said.leave_out.index(name))
            self._fault(path, f"there is no feature '{name}'{meant(name, schema.by_name)}")
        for name, fault in model.faults(schema):
            self._fault(("features", "model", "interactions", name), fault)
        return model

    def _fault(self, path: tuple[str | int, ...], text: str) -> None:
        self._faults.append(self._company.located(path, text))


def _unnamed(view: str, features: Sequence[str]) -> str:
    """Of features that the registry calls as no condition can."""
    hint = f"features: {{names: {{{in_yaml(f'{view}.{features[0]}')}: {name_like(features[0]) or 'a_name'}}}}}"
    return f"{view}: no condition can say these, so they are left out: {_listed(features)}: name them, such as {hint}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
