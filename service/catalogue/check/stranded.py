"""Customers who stand where the catalogue has no place any more (UNREACHABLE): warnings, for their owner may mean it.

- at a stage that left its journey: the journey has nothing for them until an event moves them or `max_duration` ends;
- in a journey that left the catalogue: they are out of it at their next decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.problems import JOURNEYS, FaultClass, Problem, Severity
from service.state.port import StageCount


def stranded(catalogue: CatalogueUnderCheck, standing: Iterable[StageCount]) -> Iterator[Problem]:
    stages = {j.journey_id: {plan.stage.value for plan in j.journey.stages} for j in catalogue.journeys}
    for place in standing:
        who = "1 customer stands" if place.customers == 1 else f"{place.customers} customers stand"
        if place.journey_id not in stages:
            text = f"{who} at stage '{place.stage}' of '{place.journey_id}', which is no journey any more"
            yield _warning(JOURNEYS, (), text)
        elif place.stage not in stages[place.journey_id]:
            text = f"{who} at stage '{place.stage}', which this journey has no more: it has nothing for them"
            yield _warning(place.journey_id, ("stages",), text)


def _warning(subject: str, path: tuple[str | int, ...], text: str) -> Problem:
    return Problem(subject=subject, path=path, fault=FaultClass.UNREACHABLE, text=text, severity=Severity.WARNING)
