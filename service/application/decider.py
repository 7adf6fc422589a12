"""One decision from question to committed answer: hydrate, constrain, score, select, commit; anew if facts moved."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from features.values import Scalar
from service.application.errors import (
    DecisionExpired,
    DecisionImported,
    DecisionRevoked,
    DecisionUnknown,
    RequestReused,
)
from service.application.hydrate import FactsRequest, HydratedFacts, Hydrator, incidents_open_in
from service.application.scoring import Contributions, Scores, Scoring
from service.catalogue.load import Catalogue
from service.decision.constrain import constrain
from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision, DecisionTerms, Draft, begin, conclude
from service.decision.enrolments import end_enrolments
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, Use
from service.decision.plan import Candidate, Plan
from service.decision.record import replay
from service.state.port import (
    AlreadyDecided,
    Committed,
    ContactState,
    DeferredDecision,
    FactsMoved,
    RequestKey,
    StatementRefused,
    StateReading,
    StateStore,
    StateUnavailable,
    StoredDecision,
)
from service.timing import StepTimes

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""All but the last are optimistic; the last one decides while it holds the locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A valid request for a decision. `limit` None asks for the channel's slots."""

    customer_id: str
    channel: str
    placement: str | None = None
    context: Mapping[str, Scalar]
    limit: int | None = None
    request_id: str | None = None
    is_dry_run: bool = False

    @property
    def facts_request(self) -> FactsRequest:
        return FactsRequest(
            customer_id=self.customer_id, channel=self.channel, placement=self.placement, context=self.context
        )

    def fingerprint(self) -> str:
        """A hash of what may not change under one request id."""
        parameters = [self.channel, self.placement, sorted(self.context.items()), self.limit]
        return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedDecision:
    """A past decision, decided again from its record, and the present state of its contacts."""

    decision: Decision
    stored: StoredDecision
    revoked: frozenset[str]
    contributions: Mapping[str, Contributions]


class CatalogueVersions(Protocol):
    """The catalogue in force, and the earlier ones by their version."""

    @property
    def current(self) -> Catalogue: ...

    async def of_version(self, version: str) -> Catalogue: ...


class Decider:
    """The application behind the wire. Safe for any number of concurrent calls of one event loop."""

    def __init__(
        self,
        *,
        catalogues: CatalogueVersions,
        hydrator: Hydrator,
        scoring: Scoring,
        state: StateStore,
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
        allows_unrecorded: bool = False,
    ) -> None:
        """`allows_unrecorded`: while the state store is away, journeys that need nothing of it may be shown."""
        self._catalogues = catalogues
        self._hydrator = hydrator
        self._scoring = scoring
        self._state = state
        self._clock = clock
        self._new_id = new_id
        self._allows_unrecorded = allows_unrecorded

    async def decide(
        self, question: Question, times: StepTimes, before_commit: Callable[[Decision], None] = lambda _: None
    ) -> Decision:
        """The committed decision; under a known request id, the one that was committed then.

        `before_commit` is called with every decision that is about to be committed; if it raises, nothing is reserved.
        While the state store is away, an unrecorded one if that is allowed: without id, request id or reservation.

        Raises: RequestReused, DecisionExpired, DecisionRevoked, RecordFormatUnknown, StateUnavailable.
        """
        try:
            return await self._decide(question, times, before_commit)
        except StateUnavailable as error:
            if not self._allows_unrecorded or isinstance(error, StatementRefused):
                raise
            log.warning("the state store is away, so an answer is not recorded: %s", error)
        return await self._propose(question, "", times, has_state=False)

    async def _decide(
        self, question: Question, times: StepTimes, before_commit: Callable[[Decision], None]
    ) -> Decision:
        if question.is_dry_run:
            return await self._propose(question, "", times)
        if question.request_id is None:
            return await self._decide_anew(question, None, times, before_commit)
        now = self._clock()
        known = await self._state.decision_of_request(question.customer_id, question.request_id, now)
        if known is not None:
            return await self._repeat(known, question)
        key = RequestKey(request_id=question.request_id, fingerprint=question.fingerprint())
        return await self._decide_anew(question, key, times, before_commit)

    async def replayed(self, decision_id: str, *, is_full: bool) -> ReplayedDecision:
        """A decision from its record, with every reason; if `is_full`, also what each feature added to its scores.

        Raises: DecisionUnknown, DecisionImported, RecordFormatUnknown, StateUnavailable.
        """
        stored = await self._state.decision(decision_id, self._clock())
        if stored is None:
            raise DecisionUnknown("no decision has this id")
        if stored.is_imported:
            raise DecisionImported("this decision was imported as history; export the store to see it")
        decision = await self._from_record(stored)
        return ReplayedDecision(
            decision=decision,
            stored=stored,
            revoked=await self._revoked(stored, decision),
            contributions=await self._scoring.contributions(decision) if is_full else {},
        )

    async def _decide_anew(
        self, question: Question, key: RequestKey | None, times: StepTimes, before_commit: Callable[[Decision], None]
    ) -> Decision:
        for _ in range(ATTEMPTS - 1):
            proposed = await self._propose(question, self._new_id(self._clock()), times)
            before_commit(proposed)
            with times.of("commit"):
                result = await self._state.commit(proposed, key)
            match result:
                case Committed(decision=decision):
                    return decision
                case AlreadyDecided(stored=stored):
                    return await self._repeat(stored, question)
                case FactsMoved():
                    continue
        return await self._decide_alone(question, key, times, before_commit)

    async def _decide_alone(
        self, question: Question, key: RequestKey | None, times: StepTimes, before_commit: Callable[[Decision], None]
    ) -> Decision:
        """The last attempt, in one transaction that has the customer and the pools to itself.

        What may take long comes before it: features are read and every journey of the channel is scored. Inside, rules
        and selection go over what then holds, and what survives is scored again only if that changed a feature.
        """
        plan, now = self._catalogues.current.plan, self._clock()
        facts_request, reach = question.facts_request, plan.reach_on(question.channel)
        with times.of("hydrate"):
            before = await self._hydrator.hydrate(facts_request, now, reach)
        with times.of("score"):
            every = [c for offered in plan.journeys.get(question.channel, ()) for c in offered.elsewhere[:1]]
            scores = await self._scoring.score(every, before.facts, plan.arms)
        decision_id = self._new_id(now)

        def decide(state: StateReading) -> Decision:
            hydrated = self._hydrator.merge(facts_request, now, before.reading, state)
            draft = begin(plan, hydrated.facts)
            has_same = hydrated.facts.features == before.facts.features
            found = scores if has_same else self._scoring.score_here(draft.survivors, hydrated.facts, plan.arms)
            decision = _concluded(draft, found, hydrated, question, decision_id)
            before_commit(decision)
            return decision

        deferred = DeferredDecision(
            decision_id=decision_id,
            customer_id=question.customer_id,
            decided_at=now,
            reach=reach,
            decide=decide,
            named=incidents_open_in(before.reading),
        )
        with times.of("commit"):
            result = await self._state.decide_alone(deferred, key)
        if isinstance(result, AlreadyDecided):
            return await self._repeat(result.stored, question)
        return result.decision

    async def _propose(
        self, question: Question, decision_id: str, times: StepTimes, *, has_state: bool = True
    ) -> Decision:
        """A decision that is not committed; `decision_id` is "" for one that never will be."""
        plan, now = self._catalogues.current.plan, self._clock()
        with times.of("hydrate"):
            if has_state:
                hydrated = await self._hydrator.hydrate(question.facts_request, now, plan.reach_on(question.channel))
            else:
                hydrated = await self._hydrator.hydrate_without_state(question.facts_request, now)
        with times.of("constrain"):
            draft = begin(plan, hydrated.facts)
        with times.of("score"):
            scores = await self._scoring.score(draft.survivors, draft.facts, plan.arms)
        with times.of("select"):
            seed = 0 if decision_id or plan.is_plain else self._seed()
            return _concluded(draft, scores, hydrated, question, decision_id, seed)

    def _seed(self) -> int:
        """Of a decision without an id: that of one that is not kept, so that each draws anew."""
        return int.from_bytes(hashlib.sha256(self._new_id(self._clock()).encode()).digest()[:4], "big")

    async def _repeat(self, stored: StoredDecision, question: Question) -> Decision:
        """The decision that was committed under this request id, unless it may not be acted upon any more.

        Raises: RequestReused, DecisionExpired, DecisionRevoked.
        """
        if stored.request_fingerprint != question.fingerprint():
            raise RequestReused("this request_id was used with other parameters")
        if self._clock() >= stored.valid_until:
            raise DecisionExpired(f"decision {stored.decision_id} was valid until {stored.valid_until.isoformat()}")
        decision = await self._from_record(stored)
        if await self._revoked(stored, decision):
            raise DecisionRevoked(f"current facts deny a journey of decision {stored.decision_id}")
        return decision

    async def _from_record(self, stored: StoredDecision) -> Decision:
        recorded = stored.record["input"]
        catalogue = await self._catalogues.of_version(recorded["catalogue_version"])
        return replay(catalogue.plan, recorded)

    async def _revoked(self, stored: StoredDecision, decision: Decision) -> frozenset[str]:
        """The reserved journeys of a decision that the facts of now deny; its own contacts do not count against it."""
        reserved = {j for j, state in stored.contact_states.items() if state is ContactState.RESERVED}
        if not reserved:
            return frozenset()
        facts, plan = decision.facts, self._catalogues.current.plan
        facts_request = FactsRequest(
            customer_id=facts.customer_id, channel=facts.channel, placement=facts.placement, context=facts.context
        )
        reach = plan.reach_on(facts.channel)
        hydrated = await self._hydrator.hydrate(facts_request, self._clock(), reach)
        current, _ = end_enrolments(Evaluation(plan, hydrated.facts))
        offered = _as_offered_now(plan, [p.candidate for p in decision.picks if p.journey_id in reserved])
        others = current.with_facts(_without_decision(stored.decision_id, current.facts, reach.pools))
        allowed = constrain(others, offered).allowed
        return frozenset(reserved - {c.journey_id for c in allowed})


def _concluded(
    draft: Draft, scores: Scores, hydrated: HydratedFacts, question: Question, decision_id: str, seed: int = 0
) -> Decision:
    slots = draft.plan.channels[question.channel].slots
    terms = DecisionTerms(
        decision_id=decision_id,
        limit=slots if question.limit is None else question.limit,
        seed=seed,
        model_version=scores.model_version,
        features_version=hydrated.features_version,
        degraded=hydrated.degraded + scores.degraded,
    )
    survivors = [c.journey_id for c in draft.survivors]
    other = scores.other
    if other is not None:
        other = replace(other, by_journey={j: other.by_journey[j] for j in survivors})
    return conclude(draft, {j: scores.by_journey[j] for j in survivors}, terms, other)


def _without_decision(decision_id: str, facts: Facts, pools: Iterable[Pool]) -> Facts:
    """The facts without the contacts of this decision, nor what those use of the pools."""
    contacts = facts.situation.contacts
    own = [c for c in contacts if c.decision_id == decision_id]
    left = {pool.pool_id: _uses_without(facts.situation.uses.get(pool.pool_id, ()), own, pool) for pool in pools}
    uses = {pool_id: listed for pool_id, listed in left.items() if listed}
    others = replace(facts, situation=replace(facts.situation, uses=uses))
    return others.with_contacts(c for c in contacts if c.decision_id != decision_id)


def _uses_without(uses: Iterable[Use], own: Iterable[Contact], pool: Pool) -> tuple[Use, ...]:
    amounts = {use.ends_at: use.amount for use in uses}
    for contact in own:
        use = pool.use_of(contact)
        if use is not None and use.ends_at in amounts:
            amounts[use.ends_at] -= use.amount
    return tuple(Use(ends_at=ends_at, amount=amount) for ends_at, amount in amounts.items() if amount > 0)


def _as_offered_now(plan: Plan, picked: list[Candidate]) -> list[Candidate]:
    """What the plan offers now in place of the picked candidates, guarded by STAGE; nothing for what left it."""
    offered = {o.journey.journey_id: o for p in picked[:1] for o in plan.journeys.get(p.channel, ())}
    return [
        now
        for then in picked
        if then.journey_id in offered
        for now in offered[then.journey_id].elsewhere
        if now.stage is then.stage and now.action.action_id == then.action.action_id
    ]
