"""Gathers the facts of decisions: one read of the features of all, one of the state, then merged one by one.

Feast or state: whichever knows of an open incident or of a withdrawal closes the gate. What Feast alone says can only
close it; per incident (per purpose and channel) the state store wins once it has heard of it at or after Feast's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from features.derived import derive
from features.errors import SituationUnreadable
from features.reading import FeatureReading, ViewFault
from features.schema import FeatureSchema
from features.situation import ConsentFact, ConsentStatus, Fact, IncidentFact, IncidentStatus, parse
from features.values import FeatureStatus, FeatureValue, Scalar
from service.application.last_known_kills import LastKnownKills
from service.catalogue.incident_sources import with_incidents
from service.catalogue.terms import Terms
from service.decision.constraints.audience import CUSTOMER
from service.decision.decide import Degradation
from service.decision.facts import (
    Consents,
    Facts,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Situation,
    SituationPart,
)
from service.decision.reach import Reach
from service.state.port import KillList, SituationQuestion, StateReading, StateStore

INCIDENTS, CONSENTS = IncidentFact.feature, ConsentFact.feature
PROBE = "0"
"""An id that can be a key of every type, so that the store is asked; whether anybody has it does not matter."""
MOST_NAMED = 1000
"""Of more incidents that only the feature store calls open nobody asks whether they are over: they count as open."""


class FeatureReader(Protocol):
    """Reads every stored feature of customers; trouble is a status, never an exception."""

    def read_many(self, customer_ids: Sequence[str], now: datetime) -> Sequence[FeatureReading]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsRequest:
    """The part of a request that facts are gathered for: the customer, where to show something, and the context."""

    customer_id: str
    channel: str
    placement: str | None
    context: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Facts that are asked for. With a `request_id`: unless that request is known."""

    request: FactsRequest
    now: datetime
    reach: Reach
    request_id: str | None = None

    def question(self, named: Collection[str]) -> SituationQuestion:
        return SituationQuestion(
            customer_id=self.request.customer_id,
            now=self.now,
            reach=self.reach,
            named=named,
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HydratedFacts:
    """The facts of a request. `reading`: what the feature store said, as it was read, by which version of features."""

    facts: Facts
    degraded: tuple[Degradation, ...]
    reading: FeatureReading
    features_version: str


class Hydrator:
    """Reads both stores, in a thread of its own for who has none."""

    def __init__(self, features: FeatureReader, state: StateStore, terms: Terms) -> None:
        self._features = features
        self._state = state
        self._terms = terms
        self._last_known_kills = LastKnownKills()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="features")

    def renew(self, terms: Terms) -> None:
        """By these terms are facts put together from now on."""
        self._terms = terms

    async def warm(self, now: datetime) -> None:
        """Opens the feature store, which may cost seconds, before the first customer waits for it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._features.read_many, [PROBE], now)

    async def has_features(self, now: datetime) -> bool:
        """Whether the feature store can be read."""
        (reading,) = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._features.read_many, [PROBE], now
        )
        return all(fault.status is not FeatureStatus.UNAVAILABLE for fault in reading.degraded)

    async def hydrate(self, request: FactsRequest, now: datetime, reach: Reach) -> HydratedFacts:
        """The facts within `reach`. Raises: StateUnavailable; trouble of the feature store is a status of its facts."""
        wanted = [Wanted(request=request, now=now, reach=reach)]
        (found,) = await asyncio.get_running_loop().run_in_executor(self._thread, self.hydrate_here, wanted)
        assert found is not None, "only a request id can be known"
        return found

    def hydrate_here(self, wanted: Sequence[Wanted]) -> list[HydratedFacts | None]:
        """The facts of each, in the caller's own thread; None where the request is known to the state store.

        The feature store is asked first, so that the state store can be asked of the incidents that it calls open.
        Raises: StateUnavailable.
        """
        readings = self._read(wanted)
        asked = [one.question(incidents_open_in(reading)) for one, reading in zip(wanted, readings, strict=True)]
        states = self._state.situations_here(asked)
        for state in states:
            if state is not None:
                self._last_known_kills.remember(state.situation)
        return [
            None if state is None else self.merge(one.request, one.now, reading, state)
            for one, reading, state in zip(wanted, readings, states, strict=True)
        ]

    def hydrate_without_state(self, wanted: Sequence[Wanted]) -> list[HydratedFacts]:
        """The facts while the state store is away: what it would tell is unread, but for what stands in."""
        state = self._last_known_kills.reading()
        readings = self._read(wanted)
        return [self.merge(one.request, one.now, reading, state) for one, reading in zip(wanted, readings, strict=True)]

    def _read(self, wanted: Sequence[Wanted]) -> Sequence[FeatureReading]:
        """They are of one instant, as far as one batch asks."""
        return self._features.read_many([one.request.customer_id for one in wanted], wanted[0].now)

    def merge(
        self, request: FactsRequest, now: datetime, reading: FeatureReading, state: StateReading
    ) -> HydratedFacts:
        """Pure: what both stores said, as the facts of one decision."""
        return merge(request, now, reading, state, self._terms)

    def remember_kills(self, listed: KillList) -> None:
        """Keeps the kill list for when the state store is away."""
        kills = {kill.target: kill.why for kill in listed.kills}
        self._last_known_kills.remember(Situation(kills=kills, kills_version=listed.version))

    async def remember(self, now: datetime) -> None:
        """Reads what stands in for the state store while it is away. Raises: StateUnavailable."""
        self._last_known_kills.remember((await self._state.situation("", now, Reach())).situation)

    def close(self) -> None:
        self._thread.shutdown()


def incidents_open_in(reading: FeatureReading) -> frozenset[str]:
    """The ids that the feature store calls open, in so far as the state store is asked for them by name."""
    value = reading.values.get(INCIDENTS)
    if value is None or not value.is_present or f'"{IncidentStatus.OPEN.value}"' not in str(value.value):
        return frozenset()
    _, listed = _listed(IncidentFact, value)
    return frozenset([fact.incident_id for fact in listed if fact.status is IncidentStatus.OPEN][:MOST_NAMED])


def merge(
    request: FactsRequest, now: datetime, reading: FeatureReading, state: StateReading, terms: Terms
) -> HydratedFacts:
    """Pure: what both stores said, as the facts of one decision."""
    values = dict(reading.values)
    views = terms.schema.situation
    incidents_value = None if views.incidents is None else values.pop(INCIDENTS, None)
    consents_value = None if views.consents is None else values.pop(CONSENTS, None)
    situation = replace(
        state.situation,
        incidents=_incidents(state, incidents_value, now),
        consents=_consents(state, consents_value),
    )
    if situation.unread and situation.consents.status is not FeatureStatus.PRESENT:
        situation = replace(situation, unread=situation.unread | {SituationPart.WITHDRAWALS})
    values |= {name: _later(name, values.get(name), situation) for name in terms.events.latest}
    facts = Facts(
        now=now,
        customer_id=request.customer_id,
        channel=request.channel,
        placement=request.placement,
        context=request.context,
        features=derive(values, now, terms.schema.derived),
        is_known=_is_known(reading, situation),
        situation=situation,
    )
    facts = with_incidents(facts, terms.incidents)
    degraded = tuple(_degraded(reading.degraded, facts.situation, terms.schema))
    return HydratedFacts(facts=facts, degraded=degraded, reading=reading, features_version=terms.features_version)


def _incidents(state: StateReading, value: FeatureValue | None, now: datetime) -> OpenIncidents:
    """What Feast alone knows to be open closes the gate; what it alone knows to be over keeps it closed for a grace."""
    own = state.situation.incidents
    if own.is_truncated:
        return own  # closes every gate as it is
    status, listed = _listed(IncidentFact, value)
    known, resolved = {i.incident_id: i for i in own.known}, list(own.resolved)
    for fact in listed:
        if _has_heard(state.incident_heard_at.get(fact.incident_id), fact.at):
            continue
        if fact.status is IncidentStatus.OPEN:
            known[fact.incident_id] = _opened(fact, known.get(fact.incident_id))
        elif fact.incident_id not in known and (state.reach is None or fact.at > now - state.reach.grace):
            resolved.append(_over(fact))
    return replace(own, known=tuple(known.values()), resolved=tuple(resolved), status=status).bounded()


def _over(fact: IncidentFact) -> ResolvedIncident:
    return ResolvedIncident(incident_class=fact.incident_class, severity=fact.severity, resolved_at=fact.at)


def _opened(fact: IncidentFact, own: Incident | None) -> Incident:
    """The incident as the feature store has it; where the state store differs, unknown, so the strictest applies."""
    if own is None:
        return Incident(
            incident_id=fact.incident_id,
            opened_at=fact.at,
            incident_class=fact.incident_class,
            severity=fact.severity,
        )
    return replace(
        own,
        incident_class=own.incident_class if own.incident_class == fact.incident_class else None,
        severity=own.severity if own.severity == fact.severity else None,
    )


def _consents(state: StateReading, value: FeatureValue | None) -> Consents:
    own = state.situation.consents
    status, listed = _listed(ConsentFact, value)
    withdrawn_at = dict(own.withdrawn_at)
    for fact in listed:
        if state.reach is not None and not state.reach.covers(fact.purpose, fact.channel):
            continue
        key = (fact.purpose, fact.channel)
        heard_at = max((at[key] for at in (own.granted_at, own.withdrawn_at) if key in at), default=None)
        if fact.status is ConsentStatus.WITHDRAWN and not _has_heard(heard_at, fact.at):
            withdrawn_at[key] = fact.at
    return replace(own, withdrawn_at=withdrawn_at, status=status)


def _has_heard(heard_at: datetime | None, at: datetime) -> bool:
    return heard_at is not None and heard_at >= at


def _listed(kind: type[Fact], value: FeatureValue | None) -> tuple[FeatureStatus, tuple[Fact, ...]]:
    """What the feature store lists. No row means an empty list; one that cannot be read may hide an entry."""
    if value is None or value.status in (FeatureStatus.NOT_FOUND, FeatureStatus.NULL):
        return FeatureStatus.PRESENT, ()
    if value.status is not FeatureStatus.PRESENT:
        return value.status, ()
    try:
        return FeatureStatus.PRESENT, parse(kind, str(value.value))
    except SituationUnreadable:
        return FeatureStatus.UNAVAILABLE, ()


def _later(name: str, stored: FeatureValue | None, situation: Situation) -> FeatureValue:
    """The later of the stored instant and the one reported since; nothing is claimed while one is unreadable.

    `stored`: None where the feature store has no such feature, so that events alone tell of it.
    """
    if situation.unread:
        return FeatureValue(name=name, status=FeatureStatus.UNAVAILABLE)
    known = FeatureValue(name=name, status=FeatureStatus.NOT_FOUND) if stored is None else stored
    reported = situation.latest.get(name)
    if reported is None or known.status is FeatureStatus.UNAVAILABLE:
        return known
    if isinstance(known.value, datetime) and known.is_present and known.value >= reported:
        return known
    return FeatureValue(name=name, status=FeatureStatus.PRESENT, value=reported, event_time=reported)


def _is_known(reading: FeatureReading, situation: Situation) -> bool | None:
    """None when no row was found, but not everything could be asked."""
    if reading.has_any_row or situation.has_events:
        return True
    if situation.unread:
        return None
    is_complete = all(f.status is not FeatureStatus.UNAVAILABLE for f in reading.degraded)
    return False if is_complete else None


def _degraded(faults: Iterable[ViewFault], situation: Situation, schema: FeatureSchema) -> Iterable[Degradation]:
    """What the reader could not rely on, and the lists that it read but that could not be parsed."""
    if situation.unread:
        yield Degradation(what="state", status=FeatureStatus.UNAVAILABLE, effect="UNRECORDED")
    statuses, views = {fault.view: fault.status for fault in faults}, schema.situation
    for view, status in (
        (views.incidents, situation.incidents.status),
        (views.consents, situation.consents.status),
    ):
        if view is not None and status is not FeatureStatus.PRESENT:
            statuses.setdefault(view, status)
    gates = views.named | {view for untold in situation.incidents.untold for view in _views_of(untold.fact, schema)}
    for view, status in statuses.items():
        effect = "GATES_CLOSED" if view in gates else "CONDITIONS_UNKNOWN"
        yield Degradation(what=f"features.{view}", status=status, effect=effect)


def _views_of(fact: str, schema: FeatureSchema) -> Iterable[str]:
    """The view that a feature, or what it is derived of, is read from; none for what is no feature."""
    name = fact.removeprefix(CUSTOMER)
    formula = schema.derived.get(name)
    spec = schema.by_name.get(name if formula is None else formula.source)
    return () if spec is None else (spec.view,)
