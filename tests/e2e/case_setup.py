"""Sets a case of the catalogue up in a running service, and reads its answer back in the words of the case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.reading import CustomerByCustomer, FeatureReading, ViewFault
from features.schema import FeatureSchema
from features.values import FeatureRow, FeatureStatus, Scalar
from rumbo.decision.v1 import decision_pb2, events_pb2, reason_pb2
from service.catalogue.cases.answer import Answer
from service.catalogue.cases.document import CaseDocument
from service.catalogue.cases.facts import (
    CaseContact,
    consents_of,
    contacts_of_case,
    context_of,
    moment_of,
)
from service.catalogue.cases.features import stored_features
from service.decision.arbitrate import Score, ScoreSource
from service.decision.constrain import constrain
from service.decision.decide import DecisionTerms, Draft, conclude
from service.decision.evaluation import Evaluation
from service.decision.facts import ANY, Facts
from service.decision.plan import NO_RULES, Plan
from service.decision.reports.rows import Outcome, OutcomeType, RowStatus
from service.decision.variables import with_variables
from service.state.port import Committed
from service.state.store import SqlState
from tests.e2e.wire import at, values
from tests.fixtures_service import Service
from tests.one_by_one import ModelOneByOne

SOURCE = "cases"


@dataclass(slots=True)
class CaseFeatures(CustomerByCustomer):
    """A feature store that holds the features of each case, under the customer's id."""

    schema: FeatureSchema
    cases: dict[str, CaseDocument] = field(default_factory=dict)

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        case = self.cases.get(customer_id, CaseDocument(name="nobody", stranger=True, eligible=()))
        stored = stored_features(case, self.schema, now)
        lost = case.feature_store
        faults = () if lost is None else tuple(ViewFault(view=v, status=lost, cause="") for v in self.schema.by_view)
        has_row = lost is None and any(f.status is not FeatureStatus.NOT_FOUND for f in stored.values())
        return FeatureReading(values=stored, degraded=faults, has_any_row=has_row)


@dataclass(slots=True)
class CaseModel(ModelOneByOne):
    """Gives the journeys of a case the chances and values that it says; the others keep their priors."""

    scores: Mapping[str, float] = field(default_factory=dict)
    worth: Mapping[str, float] = field(default_factory=dict)
    if_silent: Mapping[str, float] = field(default_factory=dict)
    history: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    version: str = "cases"
    columns: tuple[str, ...] = ()

    def give(self, case: CaseDocument) -> None:
        self.scores, self.worth, self.if_silent = case.scores or {}, case.values or {}, case.if_silent or {}
        self.history, self.valued = frozenset(self.scores), frozenset(self.worth)
        self.silent = frozenset(self.if_silent)

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.array([self.scores[j.journey_id] for j in journeys])

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.array([self.worth[j.journey_id] for j in journeys])

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.array([self.if_silent[j.journey_id] for j in journeys])

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.zeros((len(journeys), 1))


async def set_up(case: CaseDocument, customer: str, service: Service, state: SqlState, plan: Plan) -> None:
    """Events over the wire, contacts and kills by way of the store."""
    now, _ = moment_of(case, plan)
    service.clock.now = now
    events = list(_events(case, customer, now, plan))
    results = await service.tell(*events) if events else []
    rejected = [(r.event_id, r.rejection.code) for r in results if r.HasField("rejection")]
    assert not rejected, rejected
    for contact in sorted(contacts_of_case(case, plan), key=lambda c: c.contact.at):
        await _contact(contact, customer, state, plan)
    for target, why in (case.kills or {}).items():
        await state.kill(target, why, now)


async def tear_down(case: CaseDocument, state: SqlState) -> None:
    """Kills concern everybody."""
    for target in case.kills or {}:
        assert await state.unkill(target)


def _events(case: CaseDocument, customer: str, now: datetime, plan: Plan) -> Iterator[events_pb2.Event]:
    for n, (kind, ago, attributes) in enumerate(_told(case, now, plan)):
        yield events_pb2.Event(
            event_id=f"{customer}-{n}",
            customer_id="" if kind == "feed.heartbeat" else customer,
            source=attributes.pop("source", SOURCE),
            type=kind,
            occurred_at=at(now - ago),
            attributes=values(**attributes),
        )


def _told(case: CaseDocument, now: datetime, plan: Plan) -> Iterator[tuple[str, timedelta, dict[str, str]]]:
    consents = consents_of(case, plan)
    for (purpose, channel), granted_at in consents.granted_at.items():
        yield "consent.granted", now - granted_at, {"purpose": purpose, "channel": channel}
    for (purpose, channel), withdrawn_at in consents.withdrawn_at.items():
        named = {"purpose": purpose, "channel": channel}
        yield "consent.withdrawn", now - withdrawn_at, {name: v for name, v in named.items() if v != ANY}
    for n, incident in enumerate(case.incidents or ()):
        said = {"incident_id": f"case-{n}", "class": incident.class_, "severity": incident.severity}
        yield "incident.opened", incident.opened, {name: v for name, v in said.items() if v is not None}
        if incident.resolved is not None:
            yield "incident.resolved", incident.resolved, {"incident_id": f"case-{n}"}
    for e in case.enrolments or ():
        yield "journey.entered", e.ago, {"journey_id": e.journey, "stage": e.stage.value}
        if e.exited is not None:
            yield "journey.exited", e.exited, {"journey_id": e.journey}
    for source, ago in (case.feeds or {}).items():
        yield "feed.heartbeat", ago, {"source": source}


async def _contact(made: CaseContact, customer: str, state: SqlState, plan: Plan) -> None:
    """Commits a decision of that time which ranked this journey alone, and reports what followed."""
    contact, journey_id = made.contact, made.contact.journey_id
    decision_id = f"{customer}-{contact.decision_id}"
    reading = await state.situation(customer, contact.at, plan.reach_on(contact.channel))
    facts = with_variables(
        Facts(now=contact.at, customer_id=customer, channel=contact.channel, situation=reading.situation)
    )
    evaluation = Evaluation(plan, facts)
    constrained = constrain(evaluation, (made.candidate,), only=NO_RULES)
    draft = Draft(read=facts, evaluation=evaluation, ended=(), constrained=constrained)
    scores = {journey_id: Score(p_outcome=0.5, source=ScoreSource.PRIOR)}
    decision = conclude(draft, scores, DecisionTerms(decision_id=decision_id, limit=1))
    committed = await state.commit(decision, None)
    assert isinstance(committed, Committed)
    assert committed.decision.picks
    followed = [("PRESENTED", contact.at)] if contact.is_presented else []
    for n, (kind, moment) in enumerate([*followed, *((r.type, r.at) for r in made.responses)]):
        outcome = Outcome(
            outcome_id=f"{decision_id}-{n}",
            decision_id=decision_id,
            journey_id=journey_id,
            type=OutcomeType(kind),
            value=None,
            occurred_at=moment,
        )
        (result,) = await state.record_outcomes([outcome], moment)
        assert result.status is RowStatus.ACCEPTED, result


async def ask(case: CaseDocument, customer: str, service: Service, plan: Plan) -> Answer:
    """Dry runs: with one slot no pick rules anything out; with as many as can be, each ranked journey has its tone."""
    _, channel = moment_of(case, plan)
    slots = plan.channels[channel].slots if case.limit is None else case.limit
    one, few, all_ = [await _preview(case, customer, service, plan, limit) for limit in (1, slots, 50)]
    denied = _rejected(one)
    return Answer(
        decided_at=one.decided_at.ToDatetime(tzinfo=UTC),
        eligible=frozenset(j.journey_id for place in (one.ranked, one.eligible) for j in place),
        denied=denied,
        bypassed=_bypassed(all_),
        ranked=tuple(j.journey_id for j in few.ranked),
        ruled_out={journey: codes for journey, codes in _rejected(few).items() if journey not in denied},
        tones={j.journey_id: j.tone for j in all_.ranked},
        displaced={
            j.journey_id: others
            for j in few.ranked
            if (others := tuple(r.params["other"].string_value for r in j.reasons if r.code == "DISPLACES"))
        },
        eligible_after={
            r.journey_id: r.eligible_after.ToDatetime(tzinfo=UTC) for r in one.rejected if r.HasField("eligible_after")
        },
    )


async def _preview(
    case: CaseDocument, customer: str, service: Service, plan: Plan, limit: int
) -> decision_pb2.DecideResponse:
    _, channel = moment_of(case, plan)
    context = values(**_plain(context_of(case, plan)))
    asked = {} if case.placement is None else {"placement": case.placement}
    return await service.preview(customer, channel, limit=limit, context=context, **asked)


def _plain(context: Mapping[str, Scalar]) -> dict[str, str | float | bool]:
    return {name: value for name, value in context.items() if not isinstance(value, datetime)}


def _rejected(answer: decision_pb2.DecideResponse) -> dict[str, tuple[str, ...]]:
    return {r.journey_id: tuple(reason.code for reason in r.reasons) for r in answer.rejected}


def _bypassed(answer: decision_pb2.DecideResponse) -> dict[str, tuple[str, ...]]:
    told = {
        j.journey_id: tuple(r.code for r in j.reasons if r.kind == reason_pb2.REASON_KIND_BYPASS) for j in answer.ranked
    }
    return {journey: codes for journey, codes in told.items() if codes}
