"""The state of a world that needs no store: what follows from its own decisions and reports, as the store has it.

For policies that are compared: a decision costs a fifth of one that is recorded. A test holds that both decide alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from features.derived import derive
from features.schema import FeatureSchema
from service.decision.arbitrate import Score
from service.decision.decide import Decision, DecisionTerms, begin, conclude
from service.decision.facts import (
    ANY,
    Consents,
    Contact,
    Enrolment,
    Facts,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
    Use,
)
from service.decision.journey import Stage
from service.decision.plan import Candidate, Plan
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType
from service.decision.select import contact_of
from service.decision.variables import with_variables
from training.simulate.people import People, Visit
from training.simulate.policies import Scorer


@dataclass(slots=True)
class _Own:
    """What is kept of one customer."""

    contacts: list[Contact] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    granted_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    withdrawn_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    opened: dict[str, Incident] = field(default_factory=dict)
    resolved: list[ResolvedIncident] = field(default_factory=list)


class MemoryRoom:
    """Decides by `plan` and `scorer`; decisions are numbered by their visit."""

    def __init__(self, people: People, schema: FeatureSchema, plan: Plan, scorer: Scorer) -> None:
        self._people = people
        self._derived = schema.derived
        self._plan = plan
        self._scorer = scorer
        self._own: dict[str, _Own] = defaultdict(_Own)
        self._uses: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))
        self._stages: dict[tuple[str, str], Stage] = {}

    def use_plan(self, plan: Plan) -> None:
        self._plan = plan

    async def decide(self, visit: Visit, decision_id: str) -> Decision:
        facts = self._facts(visit)
        draft = begin(self._plan, facts)
        terms = DecisionTerms(decision_id=decision_id, limit=self._plan.channels[visit.channel].slots)
        decision = conclude(draft, self._scores(draft.survivors, facts, visit), terms)
        self._keep(decision)
        return decision

    async def tell(self, events: Sequence[CustomerEvent]) -> None:
        for event in events:
            own, at, said = self._own[event.customer_id], event.occurred_at, event.attributes
            match event.type:
                case "consent.granted":
                    own.granted_at[str(said["purpose"]), str(said["channel"])] = at
                case "consent.withdrawn":
                    own.withdrawn_at[str(said.get("purpose", ANY)), str(said.get("channel", ANY))] = at
                case "incident.opened":
                    name = str(said["incident_id"])
                    own.opened[name] = Incident(incident_id=name, opened_at=at, incident_class=str(said["class"]))
                case "incident.resolved":
                    over = own.opened.pop(str(said["incident_id"]))
                    own.resolved.append(
                        ResolvedIncident(incident_class=over.incident_class, severity=None, resolved_at=at)
                    )

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            own = self._own[outcome.customer_id]
            place, contact = next(
                (place, c)
                for place, c in enumerate(own.contacts)
                if (c.decision_id, c.journey_id) == (outcome.decision_id, outcome.journey_id)
            )
            if outcome.type is OutcomeType.PRESENTED:
                own.contacts[place] = self._presented(contact, outcome, own)
            else:
                own.responses.append(
                    Response(
                        decision_id=outcome.decision_id,
                        journey_id=outcome.journey_id,
                        type=outcome.type.value,
                        at=outcome.occurred_at,
                    )
                )

    def _scores(self, survivors: Sequence[Candidate], facts: Facts, visit: Visit) -> Mapping[str, Score]:
        recent = sum(c.is_presented and c.at > visit.at - self._scorer.week for c in facts.situation.contacts)
        return self._scorer.scores(survivors, facts, visit, recent)

    def _facts(self, visit: Visit) -> Facts:
        reading, now = self._people.reading(visit.who, visit.at), visit.at
        customer_id = self._people.ids[visit.who]
        facts = Facts(
            now=now,
            customer_id=customer_id,
            channel=visit.channel,
            features=derive(dict(reading.values), now, self._derived),
            situation=self._situation(self._own[customer_id], visit),
        )
        return with_variables(facts)

    def _situation(self, own: _Own, visit: Visit) -> Situation:
        now, reach = visit.at, self._plan.reach_on(visit.channel)
        contacts = [
            c
            for c in own.contacts
            if (c.at > now - reach.contacts or (c.reserved_until is not None and c.reserved_until > now))
            and not c.is_given_back(now)
        ]
        return Situation(
            has_events=True,
            incidents=OpenIncidents(
                known=tuple(own.opened.values()),
                resolved=tuple(r for r in own.resolved if r.resolved_at > now - reach.grace),
                last_resolved_at=max((r.resolved_at for r in own.resolved), default=None),
            ),
            consents=Consents(granted_at=own.granted_at, withdrawn_at=own.withdrawn_at),
            contacts=tuple(contacts),
            responses=tuple(r for r in own.responses if r.at > now - reach.responses),
            enrolments=dict(own.enrolments),
            uses={pool.pool_id: self._used(pool.pool_id, now) for pool in reach.pools if pool.pool_id in self._uses},
        )

    def _used(self, pool_id: str, now: datetime) -> tuple[Use, ...]:
        uses = self._uses[pool_id]
        for ends_at in [ends_at for ends_at in uses if ends_at <= now]:
            del uses[ends_at]
        return tuple(Use(ends_at=ends_at, amount=amount) for ends_at, amount in uses.items() if amount > 0.0)

    def _keep(self, decision: Decision) -> None:
        facts = decision.facts
        own, channel = self._own[facts.customer_id], decision.plan.channels[facts.channel]
        for ended in decision.ended:
            own.enrolments.pop(ended.journey_id, None)
        for pick in decision.picks:
            contact = contact_of(pick.scored, facts, channel, decision.terms.decision_id)
            own.contacts.append(contact)
            self._stages[contact.decision_id, contact.journey_id] = pick.candidate.stage
            self._use(contact, 1.0)

    def _presented(self, contact: Contact, outcome: Outcome, own: _Own) -> Contact:
        at = max(outcome.occurred_at, contact.at)
        presented = replace(
            contact,
            at=at,
            counts_until=None,
            reserved_until=None,
            is_presented=True,
            decided_at=None if contact.at == at else contact.at,
        )
        self._use(contact, -1.0)
        self._use(presented, 1.0)
        stage = self._stages.pop((contact.decision_id, contact.journey_id))
        entered = Enrolment(journey_id=contact.journey_id, stage=stage, since=at)
        own.enrolments.setdefault(contact.journey_id, entered)
        return presented

    def _use(self, contact: Contact, sign: float) -> None:
        for pool in self._plan.pools:
            use = pool.use_of(contact)
            if use is not None:
                self._uses[pool.pool_id][use.ends_at] += sign * use.amount
