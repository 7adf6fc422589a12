"""What the journeys of a kept catalogue are for: what meets each objective, and within which time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from features.errors import RumboError
from features.values import Scalar
from service.catalogue.bind.names import objective_types
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.journey import CatalogueDocument, ObjectiveDocument
from service.catalogue.documents.source import form_problems
from service.catalogue.load import CatalogueInvalid
from service.decision.constraints.rule import Condition
from service.decision.reports.events import EVENT_FORMS
from service.decision.variables import Variables


class CatalogueLost(RumboError):
    """A record refers to a catalogue that is no longer kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptObjective:
    """One of `event` and `outcome` meets it; an event only if `where` holds of its attributes."""

    within: timedelta
    event: str | None
    outcome: str | None
    where: Condition | None = None

    def is_met_by(self, attributes: Mapping[str, Scalar]) -> bool:
        """Whether an event of the type asked for, with these attributes, meets it; unknown does not."""
        if self.event is None or self.where is None:
            return self.event is not None
        form = EVENT_FORMS[self.event]
        known = {name: attributes[name] for name in (*form.required, *form.optional) if name in attributes}
        for name in form.numbers:
            number = attributes.get(name)
            if isinstance(number, int | float):
                known[name] = float(number)
        return self.where.holds_alone(Variables(known)) is True


def objectives_of(source: str) -> Mapping[str, KeptObjective]:
    """The objectives of a catalogue's canonical text, by journey. Raises: CatalogueInvalid."""
    try:
        document = CatalogueDocument.model_validate_json(source)
    except ValidationError as error:
        raise CatalogueInvalid(form_problems("source", error, CatalogueDocument)) from error
    return {journey.journey: _objective(journey.objective) for journey in document.journeys}


def _objective(document: ObjectiveDocument) -> KeptObjective:
    where = None
    if document.event is not None and document.where is not None:
        where = ConditionCompiler(objective_types(EVENT_FORMS[document.event])).compile(document.where)
    return KeptObjective(within=document.within, event=document.event, outcome=document.outcome, where=where)


class KeptObjectives:
    """The objectives of the catalogues that a store keeps; each is read once, when it is first needed."""

    def __init__(self) -> None:
        self._by_version: dict[str, Mapping[str, KeptObjective]] = {}

    def of(self, read: Callable[[str], str | None], version: str, journey_id: str) -> KeptObjective:
        """`read` gives the canonical text of a version, if it is kept. Raises: CatalogueLost, CatalogueInvalid."""
        if version not in self._by_version:
            source = read(version)
            if source is None:
                raise CatalogueLost(f"catalogue {version} is not kept, so no reward of its decisions can be told")
            self._by_version[version] = objectives_of(source)
        try:
            return self._by_version[version][journey_id]
        except KeyError:
            raise CatalogueLost(f"catalogue {version} as it is kept has no journey {journey_id}") from None
