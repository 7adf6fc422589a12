"""INCIDENT_OPEN: no offers while something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from service.decision.facts import Facts, Incident
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Verdict, deny, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpen:
    """Denies journeys of this kind while an incident is open whose class does not allow it.

    Built only for kinds that some class forbids, so an apology never waits for this fact. `classes` are those the
    policy names, `allowing_classes` those of them that allow this kind; an incident whose class is absent or not named
    is treated by the strictest: `strictest_allows` is whether every class and the default allow this kind.
    """

    kind: JourneyKind
    classes: frozenset[str]
    allowing_classes: frozenset[str]
    strictest_allows: bool
    code: ClassVar[str] = "INCIDENT_OPEN"
    reads_contacts: ClassVar[bool] = False

    def check(self, facts: Facts) -> Verdict:
        incidents = facts.situation.incidents
        blocking = [i for i in incidents.known if not self._allows(i)]
        if blocking:
            oldest = min(blocking, key=lambda i: (i.opened_at, i.incident_id))
            return deny(
                self.code,
                kind=self.kind.value,
                incident_class=oldest.incident_class or "",
                opened_at=oldest.opened_at,
                open_incidents=len(blocking),
            )
        if not incidents.is_complete:
            return unknown(self.code, fact="incidents", status=incidents.status.value)
        return ALLOWED

    def _allows(self, incident: Incident) -> bool:
        if incident.incident_class in self.classes:
            return incident.incident_class in self.allowing_classes
        return self.strictest_allows
