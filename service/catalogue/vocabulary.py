"""Every name that a condition may use, and where: as the compiler of conditions knows it, with what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from features.schema import FeatureSchema, FeatureSpec
from service.catalogue.conditions.compile import ConditionCompiler, customer_types, feature_types
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.terms import Terms
from service.decision.constraints.audience import CUSTOMER
from service.decision.facts import CONTACTS_VARIABLE
from service.decision.reports.event_types import EventTypes

BUILT_IN = "built in"
_SAID: Mapping[str, tuple[str, str]] = {
    "now": ("UTC instant", "When the decision is made."),
    "channel": ("", "The channel that asks."),
    "placement": ("", "The place on the channel, if the caller names one."),
    "customer.is_known": ("", "Some view has a row of the customer, or some event tells of her."),
    "situation.has_open_incident": ("", "An incident is open."),
    "situation.open_incidents": ("incidents", "The number of open incidents."),
    "situation.open_incident_classes": ("", "The classes of open incidents; of one without a class the empty text."),
    "situation.last_incident_resolved_at": ("UTC instant", "When an incident was last resolved, if one ever was."),
    "situation.stages": ("", "The customer's stage, by the journey that she is in."),
    "situation.journeys": ("", "The journeys that the customer is in."),
    CONTACTS_VARIABLE: ("contacts", "Contacts on all channels of the last 400 days, and those reserved now."),
}
"""Unit and meaning of what no company declares."""


class Place(StrEnum):
    """Where conditions stand."""

    CATALOGUE = "catalogue"
    INCIDENTS = "incidents"
    WHERE = "where"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A name of conditions. `source`: the view, event, formula or file that it is from; `event`: of a place `where`.

    `feature`: that it is of, or is computed from, as the feature store has it; None where events alone tell.
    """

    name: str
    type: str
    unit: str
    source: str
    description: str
    places: tuple[Place, ...]
    event: str | None = None
    feature: str | None = None


def compiler_of(place: Place, terms: Terms, context: Mapping[str, str], event: str = "") -> ConditionCompiler:
    """What compiles the conditions of a place. `event`: that the objective is of, for `where`."""
    if place is Place.WHERE:
        return ConditionCompiler(terms.events.by_name[event].value_types)
    is_catalogue = place is Place.CATALOGUE
    return ConditionCompiler(customer_types(terms.schema, context) if is_catalogue else feature_types(terms.schema))


def vocabulary(terms: Terms, policies: PoliciesDocument | None) -> Iterator[Variable]:
    """All names, as the compilers list them; `policies` declares the context, and None none."""
    context = {} if policies is None else policies.context
    told = compiler_of(Place.INCIDENTS, terms, context).types
    for name, type_name in compiler_of(Place.CATALOGUE, terms, context).types.items():
        unit, source, description = _about(name, terms)
        yield Variable(
            name=name,
            type=type_name,
            unit=unit,
            source=source,
            description=description,
            places=(Place.CATALOGUE, Place.INCIDENTS) if name in told else (Place.CATALOGUE,),
            feature=_stored(name, terms.schema),
        )
    for event in terms.events.by_name:
        for name, type_name in compiler_of(Place.WHERE, terms, context, event).types.items():
            yield Variable(
                name=name,
                type=type_name,
                unit="",
                source=f"event {event}",
                description="",
                places=(Place.WHERE,),
                event=event,
            )


def _about(name: str, terms: Terms) -> tuple[str, str, str]:
    """Unit, source and meaning."""
    spec = terms.schema.by_name.get(name.removeprefix(CUSTOMER)) if name.startswith(CUSTOMER) else None
    if spec is not None:
        return spec.unit, _source(spec, terms.events), spec.description
    if name in _SAID:
        unit, description = _SAID[name]
        return unit, BUILT_IN, description
    return "", "policies.yaml", "What the caller says of this call."


def _source(spec: FeatureSpec, events: EventTypes) -> str:
    if spec.formula is not None:
        return str(spec.formula)
    told_by = [f"event {name}" for name, known in events.by_name.items() if known.latest == spec.name]
    stored = [] if spec.is_event_time else [f"view {spec.view}" + (f", as {spec.stored_as}" if spec.stored_as else "")]
    return "; ".join((*stored, *told_by))


def _stored(name: str, schema: FeatureSchema) -> str | None:
    spec = schema.by_name.get(name.removeprefix(CUSTOMER)) if name.startswith(CUSTOMER) else None
    source = spec if spec is None or spec.formula is None else schema.by_name.get(spec.formula.source)
    return None if source is None or source.is_event_time else source.name
