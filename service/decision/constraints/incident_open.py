"""INCIDENT_OPEN: no offers while something is wrong, nor the minute it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from features.values import FeatureStatus, Scalar
from service.decision.constraints.feed import Feed, sources_of
from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import Facts, Incident, OpenIncidents, ResolvedIncident, SituationPart, UntoldIncident
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Observation, Reason, ReasonKind, Verdict, deny, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpen:
    """Denies journeys of this kind while an incident is open that does not allow it, and for a time of grace after it.

    Built only for kinds that some class forbids, so an apology never waits for this fact. `classes` are those the
    policy names, `severities` its (class, severity) pairs; `allowing_…` are those of them that allow this kind. A class
    whose severities differ is in `allowing_classes` if every one allows. An incident whose class is absent or not named
    is treated by the strictest: it denies, since the rule is built, and `longest_grace` is the longest of all times of
    grace.
    """

    kind: JourneyKind
    classes: frozenset[str]
    allowing_classes: frozenset[str]
    severities: frozenset[tuple[str, str]] = frozenset()
    allowing_severities: frozenset[tuple[str, str]] = frozenset()
    graces: tuple[tuple[str, timedelta], ...] = ()
    longest_grace: timedelta = timedelta(0)
    feed: Feed | None = None
    code: ClassVar[str] = "INCIDENT_OPEN"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.INCIDENTS, SituationPart.FEEDS)
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span(grace=self.longest_grace, sources=sources_of(self.feed))

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.kind.value}"

    def denies(self, evaluation: Evaluation) -> bool:
        facts = evaluation.facts
        incidents = facts.situation.incidents
        if incidents is evaluation.once(_nothing_open):
            return self.feed is not None and self.feed.is_silent(facts)
        if not incidents.is_complete and (incidents.is_truncated or incidents.status is not FeatureStatus.PRESENT):
            return True
        if not (all(map(self._allows, incidents.known)) and all(map(self._allows, incidents.untold))):
            return True
        if self.feed is not None and self.feed.is_silent(facts):
            return True
        return bool(incidents.resolved) and self._in_grace(incidents, facts.now) is not ALLOWED

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        incidents = facts.situation.incidents
        blocking = [i for i in incidents.known if not self._allows(i)]
        if blocking or incidents.is_truncated:
            return self._open(blocking or incidents.known, is_truncated=incidents.is_truncated)
        if incidents.status is not FeatureStatus.PRESENT:
            return unknown(self.code, fact="incidents", status=incidents.status.value)
        untold = next((u for u in incidents.untold if not self._allows(u)), None)
        if untold is not None:
            return unknown(self.code, fact=untold.fact, status=untold.status)
        if self.feed is not None and self.feed.is_silent(facts):
            return unknown(self.code, fact=self.feed.fact, status="STALE")
        return self._in_grace(incidents, facts.now)

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        incidents = facts.situation.incidents
        last = incidents.last_resolved_at
        return Observation(
            observed={"open_incidents": len(incidents.known), "status": incidents.status.value, **_untold(incidents)},
            limits={"kind": self.kind.value},
            ages={} if last is None else {"last_resolved": facts.now - last},
        )

    def _open(self, blocking: Iterable[Incident], *, is_truncated: bool) -> Verdict:
        """The denial by open incidents. If the list is truncated, the rest may be of any class."""
        listed = sorted(blocking, key=lambda i: (i.opened_at, i.incident_id))
        params: dict[str, Scalar] = {
            "kind": self.kind.value,
            "incident_class": listed[0].incident_class or "",
            "opened_at": listed[0].opened_at,
            "open_incidents": len(listed),
        }
        if is_truncated:
            params["truncated"] = True
        return Reason(self.code, ReasonKind.DENIED, params)

    def _in_grace(self, incidents: OpenIncidents, now: datetime) -> Verdict:
        """The denial while a grace lasts. Without one a resolution is effective at once, even ahead of its time."""
        graces = [(r.resolved_at, self._grace(r)) for r in incidents.resolved if not self._allows(r)]
        last = max((resolved_at + grace for resolved_at, grace in graces if grace), default=now)
        if last <= now:
            return ALLOWED
        return deny(self.code, eligible_after=last, kind=self.kind.value, grace_until=last)

    def _allows(self, incident: Incident | ResolvedIncident | UntoldIncident) -> bool:
        if incident.incident_class not in self.classes:
            return False
        key = (incident.incident_class, incident.severity or "")
        if key in self.severities:
            return key in self.allowing_severities
        return incident.incident_class in self.allowing_classes

    def _grace(self, incident: ResolvedIncident) -> timedelta:
        return next((grace for name, grace in self.graces if name == incident.incident_class), self.longest_grace)


def _nothing_open(facts: Facts) -> OpenIncidents | None:
    """The incidents, if none is open, nor may be, nor was of late."""
    incidents = facts.situation.incidents
    return incidents if incidents.is_complete and not incidents.known and not incidents.resolved else None


def _untold(incidents: OpenIncidents) -> dict[str, Scalar]:
    """The facts without which nobody can tell of some incident, with their status."""
    return {untold.fact: untold.status for untold in incidents.untold}
