"""What the journeys of a kept catalogue are for, what meets each objective, and what else was said of them then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pydantic import ValidationError

from features.errors import RumboError
from features.values import Scalar
from service.catalogue.bind.values import journey_of, values_of
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.amounts import amount_attributes
from service.catalogue.documents.journey import CatalogueDocument, JourneyDocument, ObjectiveDocument
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import FaultClass, Problems
from service.catalogue.documents.source import form_problems
from service.catalogue.load import CatalogueInvalid, parse
from service.catalogue.terms import Terms
from service.decision.constraints.rule import Condition
from service.decision.plan import Plan
from service.decision.reports.event_types import Attribute, EventType, EventTypes
from service.decision.variables import Variables


class CatalogueLost(RumboError):
    """A record refers to a catalogue that is no longer kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptObjective:
    """One of `event` and `outcome` meets it; an event only if `where` holds of its attributes.

    `worth`: what meeting it is worth to everybody, while no model tells. `attributes`: those that `where` may speak of.
    `amounts`: where the value is learned, those of which the only one that an event carries tells what it was worth.
    """

    within: timedelta
    event: str | None
    outcome: str | None
    worth: float = 0.0
    where: Condition | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    amounts: tuple[str, ...] = ()

    def is_met_by(self, attributes: Mapping[str, Scalar]) -> bool:
        """Whether an event of the type asked for, with these attributes, meets it; unknown does not."""
        if self.event is None or self.where is None:
            return self.event is not None
        given = ((n, a.typed(attributes[n])) for n, a in self.attributes.items() if n in attributes)
        known = {name: value for name, value in given if value is not None}
        return self.where.holds_alone(Variables(known)) is True

    def amount_of(self, attributes: Mapping[str, Scalar]) -> float | None:
        """What an event was worth by itself; None where it does not say, or says no number of 0 or more."""
        carried = [name for name in self.amounts if name in attributes]
        if len(carried) != 1:
            return None
        told = self.attributes[carried[0]].typed(attributes[carried[0]])
        return float(told) if isinstance(told, int | float) and math.isfinite(told) and told >= 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJourney:
    """What a catalogue says of a journey, as it is exported. `prior`: P(objective met) before evidence.

    `value`: of its objective, when met; None where it is learned, for it is each customer's own. `expects`: what each
    action expects of the customer.
    """

    kind: str
    tier: int
    value: float | None
    prior: float
    attributes: Mapping[str, str]
    expects: Mapping[str, str]


def objectives_of(document: CatalogueDocument, events: EventTypes) -> Mapping[str, KeptObjective]:
    """The objectives of a catalogue, by journey. Raises: CatalogueInvalid.

    An event type that is declared no longer still meets its objectives, unless these ask for its attributes.
    """
    problems = Problems()
    worth = values_of(document)
    found = {
        j.journey: replace(_objective(j.journey, j.objective, events, problems), worth=worth[j.journey])
        for j in document.journeys
    }
    if problems.found:
        raise CatalogueInvalid(problems.found)
    return found


def journeys_of(document: CatalogueDocument) -> Mapping[str, KeptJourney]:
    """The journeys of a catalogue, by their ids."""
    values = values_of(document)
    return {one.journey: _journey(one, document.policies, values[one.journey]) for one in document.journeys}


def _journey(document: JourneyDocument, company: PoliciesDocument, value: float) -> KeptJourney:
    journey = journey_of(document, company, value)
    return KeptJourney(
        kind=journey.kind.value,
        tier=journey.tier,
        value=None if journey.objective.is_value_learnt else journey.objective.value,
        prior=journey.prior,
        attributes=journey.attributes,
        expects={action.action_id: action.expects for stage in journey.stages for action in stage.actions},
    )


def kept_document(source: str) -> CatalogueDocument:
    """From the canonical text of a catalogue. Raises: CatalogueInvalid for a text that is none."""
    try:
        return CatalogueDocument.model_validate_json(source)
    except ValidationError as error:
        raise CatalogueInvalid(form_problems("source", error, CatalogueDocument)) from error


def _objective(journey: str, document: ObjectiveDocument, events: EventTypes, problems: Problems) -> KeptObjective:
    known = events.by_name.get(document.event or "", EventType())
    where = None
    if document.where is not None and document.event not in events.by_name:
        text = f"'{document.event}' is an event type no longer, so none of its attributes can be asked for"
        problems.add(journey, ("objective", "event"), FaultClass.NAME, text)
    elif document.where is not None:
        compiler = ConditionCompiler(known.value_types, is_kept=True)
        where = problems.condition(compiler, document.where, journey, ("objective", "where"))
    return KeptObjective(
        within=document.within,
        event=document.event,
        outcome=document.outcome,
        where=where,
        attributes=known.attributes,
        amounts=amount_attributes(document, known),
    )


class KeptObjectives:
    """The objectives and journeys of a store's catalogues; each version is read once, when it is first needed."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._documents: dict[str, CatalogueDocument | None] = {}
        self._journeys: dict[str, Mapping[str, KeptJourney]] = {}
        self._by_version: dict[str, Mapping[str, KeptObjective]] = {}
        self._told: dict[str, Mapping[str, KeptObjective]] = {}
        self._plans: dict[str, Plan | None] = {}

    def of(self, read: Callable[[str], str | None], version: str, journey_id: str) -> KeptObjective:
        """`read` gives the canonical text of a version, if it is kept. Raises: CatalogueLost, CatalogueInvalid."""
        if version not in self._by_version:
            document = self._kept(read, version)
            if document is None:
                raise CatalogueLost(f"catalogue {version} is not kept, so no reward of its decisions can be told")
            self._by_version[version] = objectives_of(document, self._terms.events)
        try:
            return self._by_version[version][journey_id]
        except KeyError:
            raise CatalogueLost(f"catalogue {version} as it is kept has no journey {journey_id}") from None

    def all_of(self, read: Callable[[str], str | None], version: str) -> Mapping[str, KeptObjective]:
        """By journey; none of a version that is not kept, or whose objectives can be told no longer."""
        if version not in self._told:
            document = self._kept(read, version)
            try:
                self._told[version] = {} if document is None else objectives_of(document, self._terms.events)
            except CatalogueInvalid:
                self._told[version] = {}
        return self._told[version]

    def journey_of(self, read: Callable[[str], str | None], version: str, journey_id: str) -> KeptJourney | None:
        """None if the version, or the journey in it, is not kept. Raises: CatalogueInvalid."""
        if version not in self._journeys:
            document = self._kept(read, version)
            self._journeys[version] = {} if document is None else journeys_of(document)
        return self._journeys[version].get(journey_id)

    def plan_of(self, read: Callable[[str], str | None], version: str) -> Plan | None:
        """A version bound anew; None if it is not kept, or the company's features and events bind it no longer."""
        if version not in self._plans:
            source = read(version)
            try:
                self._plans[version] = None if source is None else parse(source, self._terms).plan
            except CatalogueInvalid:
                self._plans[version] = None
        return self._plans[version]

    def _kept(self, read: Callable[[str], str | None], version: str) -> CatalogueDocument | None:
        if version not in self._documents:
            source = read(version)
            self._documents[version] = None if source is None else kept_document(source)
        return self._documents[version]
