"""What a company's Feast registry has of its customers: their key, and the features that its views hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from features.company.company import Company
from features.documents.form import meant
from features.names import in_yaml, is_name, name_like
from features.schema import FeatureSpec, FeatureType, PersonalData
from features.situation import ConsentFact, IncidentFact
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


class Remarks:
    """What is wrong with a company's features, and what is left out of them, in a line each."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self.faults: list[str] = []
        self.notices: list[str] = []

    def fault(self, path: tuple[str | int, ...], text: str) -> None:
        """`path`: of the field of rumbo.yaml that the registry does not fit."""
        self.faults.append(self._company.located(path, text))

    def notice(self, text: str) -> None:
        self.notices.append(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeatures:
    """What the registry has. `key`: None, and a fault, if it cannot be told; `situation`: the lists in push views."""

    key: CustomerKey | None
    specs: Sequence[FeatureSpec]
    situation: Sequence[FeatureSpec]


class RegistryReader:
    """Reads one registry once, and remarks on what it has otherwise than rumbo.yaml names it."""

    def __init__(self, company: Company, store: FeatureStore, remarks: Remarks) -> None:
        self._company = company
        self._document = company.document.features
        self._store = store
        self._remarks = remarks

    def read(self) -> StoredFeatures:
        """Raises: Feast's own errors for a broken registry."""
        entity = self._entity()
        if entity is None:
            return StoredFeatures(key=None, specs=(), situation=())
        views = self._views(entity)
        return StoredFeatures(
            key=self._key(entity, views),
            situation=self._situation_specs(entity),
            specs=[spec for view in views for spec in self._specs(view)],
        )

    def _entity(self) -> Entity | None:
        named = self._company.document.customer.entity
        entities = {entity.name: entity for entity in self._store.list_entities()}
        if named not in entities:
            known = ", ".join(sorted(name for name in entities if name != "__dummy"))
            self._remarks.fault(
                ("customer", "entity"), f"the registry has no entity '{named}', it has: {known or 'none'}"
            )
        return entities.get(named)

    def _views(self, entity: Entity) -> list[FeatureView]:
        """Those that are asked for and can be used, in the order of rumbo.yaml, else by name: a registry has none."""
        on_demand = [view.name for view in self._store.list_on_demand_feature_views()]
        for name in on_demand:
            self._remarks.notice(f"{name}: an on-demand view is not read, for it is computed by Feast alone")
        asked = self._asked()
        for name in [name for name in asked or () if name not in self._by_name]:
            why = (
                f"the view '{name}' is on-demand: it is not read, for it is computed by Feast alone"
                if name in on_demand
                else f"the registry has no view '{name}'{meant(name, self._by_name)}"
            )
            self._remarks.fault(("features", "views"), why)
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
            self._remarks.fault(("features", "service"), text)
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
            self._remarks.fault(path, f"the registry has no view '{name}'{meant(name, self._by_name)}")
            return
        keyed = [key for key in view.entities if key != "__dummy"]
        if keyed != [entity.name]:
            self._remarks.fault(
                path, f"the view '{name}' is of {' and '.join(keyed) or 'no entity'}, not of {entity.name} alone"
            )
        elif view.stream_source is None:
            self._remarks.fault(path, f"the view '{name}' is no push view: its source must be a PushSource")
        typed = {field.name: field for field in view.features}
        if feature not in typed or str(typed[feature].dtype) != "String":
            self._remarks.fault(path, f"the view '{name}' has no text '{feature}', which holds the list as JSON")
        else:
            yield typed[feature]

    def _is_of(self, view: FeatureView, entity: Entity, *, is_asked: bool) -> bool:
        """Whether it is keyed by a customer alone."""
        keyed = [name for name in view.entities if name != "__dummy"]
        if keyed == [entity.name]:
            return True
        whose = " and ".join(keyed) or "no entity"
        if is_asked:
            self._remarks.fault(("features",), f"the view '{view.name}' is of {whose}, not of {entity.name} alone")
        else:
            self._remarks.notice(f"{view.name}: a view of {whose} is not read, only those of {entity.name} alone")
        return False

    def _key(self, entity: Entity, views: Sequence[FeatureView]) -> CustomerKey | None:
        """As the views type it, which is what their rows are kept by."""
        typed = {str(column.dtype) for view in views for column in view.entity_columns}
        if not views:
            if not self._remarks.faults:
                self._remarks.fault(("customer", "entity"), f"the registry has no view of {entity.name} alone")
            return None
        if len(typed) != 1 or not typed <= set(KeyType):
            types = ", ".join(sorted(typed)) or "nothing"
            self._remarks.fault(
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
            self._remarks.notice(f"{view.name}: no condition reads {kind}, so it is left out: {listed(names)}")
        if unnamed:
            self._remarks.notice(_unnamed(view.name, unnamed))

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


def _unnamed(view: str, features: Sequence[str]) -> str:
    """Of features that the registry calls as no condition can."""
    hint = f"features: {{names: {{{in_yaml(f'{view}.{features[0]}')}: {name_like(features[0]) or 'a_name'}}}}}"
    return f"{view}: no condition can say these, so they are left out: {listed(features)}: name them, such as {hint}"


def listed(names: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
