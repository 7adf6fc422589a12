"""What the rules of a company may speak of: its features, and what happens to its customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from features.company.company import Company, CompanyInvalid
from features.company.document import EventTypeDocument, IncidentFromDocument
from features.errors import RumboError
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.incident_sources import IncidentSource, incident_sources_of
from service.decision.reports.event_types import (
    BUILT_IN,
    INCIDENT_ID,
    SEVERITY,
    Attribute,
    AttributeType,
    EventType,
    EventTypes,
    OpensIncident,
    ResolvesIncident,
    ShowsFeedAlive,
    name_attribute,
)

_VIEW = "events"
"""What stands in the place of a view for features that events alone tell."""
_OWN = frozenset(name.split(".")[0] for name in BUILT_IN.by_name if "." in name)
"""The first words of the built-in types, which later versions may add to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFault:
    """What is wrong with a declared type of events; `path` leads to it within `events`."""

    path: tuple[str, ...]
    text: str


class EventsInvalid(RumboError):
    """Types of events that cannot be what they are declared to be."""

    def __init__(self, faults: tuple[EventFault, ...]) -> None:
        super().__init__("; ".join(f"events.{'.'.join(fault.path)}: {fault.text}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Terms:
    """`schema`: every feature that a condition may use; `events`: every type that can be recorded.

    `incidents`: those that features tell of. `features_version`: of what the registry had; "" without one.
    """

    schema: FeatureSchema
    events: EventTypes
    incidents: tuple[IncidentSource, ...] = ()
    features_version: str = ""


def terms_of(schema: FeatureSchema, events: Mapping[str, EventTypeDocument]) -> Terms:
    """`schema`: what the feature store holds; `events`: as rumbo.yaml declares them. Raises: EventsInvalid."""
    naming = {attribute for document in events.values() for attribute in _naming(document)}
    faults = (
        *(fault for name, document in events.items() for fault in _faults(name, document, schema)),
        *(fault for name, document in events.items() for fault in _class_faults(name, document, naming)),
    )
    if faults:
        raise EventsInvalid(faults)
    declared = {name: _event_type(name, document) for name, document in events.items()}
    types = EventTypes({**BUILT_IN.by_name, **declared})
    return Terms(schema=_with_latest(schema, types), events=types)


def company_terms(company: Company, schema: FeatureSchema, features_version: str = "") -> Terms:
    """The terms of a company, and the incidents that its features tell of. `features_version`: what names `schema`.

    Raises: CompanyInvalid with every fault of its events, else of its incidents' conditions, by line and column.
    """
    try:
        terms = terms_of(schema, company.document.events)
    except EventsInvalid as error:
        faults = (company.located(("events", *fault.path), fault.text) for fault in error.faults)
        raise CompanyInvalid(tuple(faults)) from error
    incidents = incident_sources_of(company, terms.schema)
    return replace(terms, incidents=incidents, features_version=features_version)


def _event_type(name: str, document: EventTypeDocument) -> EventType:
    if name in BUILT_IN.by_name:
        return replace(BUILT_IN.by_name[name], latest=document.latest)
    meaning = _meaning(document)
    attributes = {key: Attribute(type=AttributeType(kind)) for key, kind in document.attributes.items()}
    return EventType(attributes=attributes | _names_of(meaning), meaning=meaning, latest=document.latest)


def _meaning(document: EventTypeDocument) -> OpensIncident | ResolvesIncident | None:
    opens, resolves = document.opens_incident, document.resolves_incident
    if isinstance(opens, IncidentFromDocument):
        return OpensIncident(id_from=opens.id_from, class_from=opens.class_from)
    if opens is not None:
        return OpensIncident(incident_class=opens)
    if isinstance(resolves, IncidentFromDocument):
        return ResolvesIncident(id_from=resolves.id_from)
    return None if resolves is None else ResolvesIncident()


def _names_of(meaning: OpensIncident | ResolvesIncident | None) -> dict[str, Attribute]:
    """The attributes that name an incident, its class and its severity, whether they are declared or not."""
    if meaning is None:
        return {}
    optional = {INCIDENT_ID: name_attribute()}
    if isinstance(meaning, OpensIncident):
        optional |= {name: name_attribute() for name in (meaning.class_from, SEVERITY) if name is not None}
    return optional | {meaning.id_from: name_attribute(is_required=True)}


def _faults(name: str, document: EventTypeDocument, schema: FeatureSchema) -> Iterator[EventFault]:
    built_in = BUILT_IN.by_name.get(name)
    if built_in is not None:
        for part in ("attributes", "opens_incident", "resolves_incident"):
            if getattr(document, part):
                yield EventFault(path=(name, part), text=f"{name} is built in: nothing but `latest` may be added to it")
        if document.latest is not None and isinstance(built_in.meaning, ShowsFeedAlive):
            yield EventFault(path=(name, "latest"), text=f"{name} is of no customer, so no feature tells of it")
    elif name.split(".")[0] in _OWN:
        own = ", ".join(sorted(_OWN))
        yield EventFault(path=(name,), text=f"a type of your own begins with another word than those built in: {own}")
    for attribute in _names_of(_meaning(document)):
        kind = document.attributes.get(attribute, AttributeType.STRING)
        if kind != AttributeType.STRING:
            text = f"{attribute} tells of an incident, so it is a string, not {kind}"
            yield EventFault(path=(name, "attributes", attribute), text=text)
    yield from _latest_faults(name, document.latest, schema)


def _naming(document: EventTypeDocument) -> Iterator[str]:
    """The attributes that are said to name an incident or its class."""
    for which in (document.opens_incident, document.resolves_incident):
        if isinstance(which, IncidentFromDocument):
            yield from (name for name in (which.id_from, which.class_from) if name is not None)


def _class_faults(name: str, document: EventTypeDocument, naming: Set[str]) -> Iterator[EventFault]:
    """An attribute stands where a class is written, so that no event would say which incident it tells of."""
    opens, resolves = document.opens_incident, document.resolves_incident
    attributes = naming | document.attributes.keys()
    if isinstance(opens, str) and opens in attributes:
        text = f"`{opens}` is an attribute, and here stands a class: write {{class_from: {opens}}}"
        yield EventFault(
            path=(name, "opens_incident"), text=f"{text}, or {{id_from: {opens}}} if it names the incident"
        )
    if isinstance(resolves, str) and resolves in attributes:
        text = f"`{resolves}` is an attribute, and here stands a class: write {{id_from: {resolves}}}"
        yield EventFault(path=(name, "resolves_incident"), text=text)


def _latest_faults(name: str, latest: str | None, schema: FeatureSchema) -> Iterator[EventFault]:
    spec = None if latest is None else schema.by_name.get(latest)
    if spec is not None and spec.is_derived:
        yield EventFault(path=(name, "latest"), text=f"'{latest}' is derived, so no event can tell it")
    elif spec is not None and spec.type is not FeatureType.TIMESTAMP:
        yield EventFault(path=(name, "latest"), text=f"'{latest}' is {spec.type} in the feature store, not an instant")


def _with_latest(schema: FeatureSchema, types: EventTypes) -> FeatureSchema:
    """With the features that events alone tell, after those that are stored and before those that are derived."""
    told_by = defaultdict[str, list[str]](list)
    for name, known in types.by_name.items():
        if known.latest is not None and known.latest not in schema.by_name:
            told_by[known.latest].append(name)
    stored = [spec for spec in schema.features if not spec.is_derived]
    told = [_latest_spec(latest, names) for latest, names in told_by.items()]
    return FeatureSchema((*stored, *told, *(spec for spec in schema.features if spec.is_derived))) if told else schema


def _latest_spec(latest: str, names: list[str]) -> FeatureSpec:
    return FeatureSpec(
        name=latest,
        view=_VIEW,
        type=FeatureType.TIMESTAMP,
        unit="UTC instant",
        description=f"When the latest {' or '.join(names)} happened.",
        owner="",
        personal_data=PersonalData.PERSONAL,
        max_age_s=None,
        is_event_time=True,
    )
