"""Incidents that a company's features tell of: open while a condition holds, as good as open while nobody can tell.

What features tell can only close the gate. Unknown is not permission, of a customer whom nobody knows neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from features.company.company import Company, CompanyInvalid
from features.schema import FeatureSchema
from service.catalogue.conditions.compile import CelCondition, ConditionCompiler, ConditionInvalid, feature_types
from service.decision.constraints.audience import CUSTOMER
from service.decision.facts import Facts, Incident, UntoldIncident
from service.decision.variables import Variables, with_variables

ID = "features:{incident_class}"
"""How such an incident is called; events know none of its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSource:
    """While `condition`, over what is known of the customer, holds, an incident of this class is open."""

    incident_class: str
    condition: CelCondition

    def told_of(self, facts: Facts) -> Incident | UntoldIncident | None:
        """The incident, open since the latest of the facts that tell of it; None if there is none."""
        read = {name: facts.variables[name] for name in self.condition.names if name in facts.variables}
        holds = self.condition.holds_alone(Variables(read))
        if holds is None:
            return self._untold(facts)
        if not holds:
            return None
        values = (facts.features.get(name.removeprefix(CUSTOMER)) for name in read)
        times = [value.event_time for value in values if value is not None and value.event_time is not None]
        return Incident(
            incident_id=ID.format(incident_class=self.incident_class),
            opened_at=min(facts.now, max(times, default=facts.now)),
            incident_class=self.incident_class,
        )

    def _untold(self, facts: Facts) -> UntoldIncident:
        """By the first fact that is lacking; if none is, the evaluation failed."""
        lacking = next((name for name in self.condition.names if name not in facts.variables), None)
        return UntoldIncident(
            incident_class=self.incident_class,
            fact=self.condition.text if lacking is None else lacking,
            status="ERROR" if lacking is None else facts.status_of(lacking).value,
        )


def incident_sources(conditions: Mapping[str, str], schema: FeatureSchema) -> tuple[IncidentSource, ...]:
    """The sources of these conditions by class. Raises: ConditionInvalid."""
    compiler = ConditionCompiler(feature_types(schema))
    return tuple(
        IncidentSource(incident_class=name, condition=compiler.compile(text)) for name, text in conditions.items()
    )


def incident_sources_of(company: Company, schema: FeatureSchema) -> tuple[IncidentSource, ...]:
    """The sources that rumbo.yaml names. Raises: CompanyInvalid with every fault of their conditions."""
    found: list[IncidentSource] = []
    faults: list[str] = []
    for name, text in company.incident_conditions.items():
        try:
            found += incident_sources({name: text}, schema)
        except ConditionInvalid as error:
            path = ("situation", "incidents", name, "when")
            faults += [company.located(path, str(fault), fault.column) for fault in (error, *error.others)]
    if faults:
        raise CompanyInvalid(tuple(faults))
    return tuple(found)


def with_incidents(facts: Facts, sources: Sequence[IncidentSource]) -> Facts:
    """The same facts, with their variables, and with the incidents that features tell of."""
    facts = with_variables(facts)
    told = [found for source in sources if (found := source.told_of(facts)) is not None]
    if not told:
        return facts
    incidents = facts.situation.incidents
    incidents = replace(
        incidents,
        known=(*incidents.known, *(i for i in told if isinstance(i, Incident))),
        untold=(*incidents.untold, *(i for i in told if isinstance(i, UntoldIncident))),
    ).bounded()
    return with_variables(replace(facts, situation=replace(facts.situation, incidents=incidents)))
