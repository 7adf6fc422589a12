"""The application behind the wire: decides in batches on threads of its own, and tells again what was decided.

decide ──> batches ──> one thread: `Deciding`      long answers, and those without a record, have their own
replayed ──> the record ──> the same decision
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from service.application.deciding import LARGEST_BATCH, Answer, Asked, Deciding
from service.application.errors import (
    DecisionExpired,
    DecisionImported,
    DecisionRevoked,
    DecisionUnknown,
    RequestReused,
)
from service.application.hydrate import FactsRequest, Hydrator
from service.application.question import Question
from service.application.scoring import Contributions, Scoring
from service.batches import Batches, BatchesClosed
from service.catalogue.load import Catalogue
from service.decision.constrain import constrain
from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision
from service.decision.enrolments import end_enrolments
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, Use
from service.decision.plan import Candidate, Plan
from service.decision.record import replay
from service.state.port import (
    ContactState,
    StatementRefused,
    StateStore,
    StateUnavailable,
    StoredDecision,
)
from service.state.store import ANSWER_S, in_time
from service.timing import StepTimes

log = logging.getLogger(__name__)

CLOSE_S = ANSWER_S
"""By then whoever asked has an answer, or was told that there is none."""


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
    """Safe for any number of concurrent calls of one event loop. Whoever makes it closes it."""

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
        self._allows_unrecorded = allows_unrecorded
        deciding = Deciding(
            catalogue=lambda: catalogues.current,
            hydrator=hydrator,
            scoring=scoring,
            state=state,
            clock=clock,
            new_id=new_id,
        )
        self._batches = Batches(deciding.decide, "decide", largest=LARGEST_BATCH, lost=self._release)
        self._long = Batches(deciding.decide, "decide-long", largest=1, lost=self._release)
        self._unrecorded = Batches(deciding.decide_unrecorded, "decide-unrecorded", largest=LARGEST_BATCH)
        self._replays = ThreadPoolExecutor(1, thread_name_prefix="replay")

    async def decide(
        self,
        question: Question,
        times: StepTimes,
        prepare: Callable[[Decision], None] = lambda _: None,
        *,
        is_long: bool = False,
    ) -> Decision:
        """The committed decision; under a known request id, the one that was committed then.

        `prepare` is called, on another thread, with every decision that is about to be committed; if it raises, nothing
        is reserved. One that takes long is `is_long`, so that others do not wait for it.
        While the state store is away, an unrecorded one if that is allowed: without id, request id or reservation.

        Raises: RequestReused, DecisionExpired, DecisionRevoked, RecordFormatUnknown, StateUnavailable.
        """
        asked = Asked(question=question, times=times, prepare=prepare)
        try:
            return await self._recorded(asked, self._long if is_long else self._batches)
        except BatchesClosed as error:
            raise StateUnavailable("the service ends") from error

    async def _recorded(self, asked: Asked, batches: Batches[Asked, Answer]) -> Decision:
        """Or unrecorded, while the store is away or takes too long, if that is allowed. Raises: BatchesClosed."""
        try:
            answer = await in_time(batches.ask(asked))
            return answer if isinstance(answer, Decision) else await self._repeat(answer.stored, asked.question)
        except StateUnavailable as error:
            if not self._allows_unrecorded or isinstance(error, StatementRefused):
                raise
            log.warning("the state store is away, so an answer is not recorded: %s", error)
        unrecorded = await in_time(self._unrecorded.ask(asked))
        assert isinstance(unrecorded, Decision), "without a store nobody is told again"
        return unrecorded

    @property
    def backlog(self) -> Batches[Asked, Answer]:
        """The questions that wait to be begun; those whose answers take long wait elsewhere."""
        return self._batches

    async def close(self) -> None:
        """Answers what was asked, then ends the threads; to be called before what it was given is closed.

        A thread that waits for a store which does not answer ends once that is closed.
        """
        threads = (self._batches, self._long, self._unrecorded)
        await asyncio.gather(*(asyncio.to_thread(batches.close, CLOSE_S) for batches in threads))
        await asyncio.to_thread(self._replays.shutdown)

    def _release(self, asked: Asked, answer: Answer) -> None:
        """Of a caller who is gone before the answer."""
        if isinstance(answer, Decision) and answer.terms.decision_id:
            self._state.release(answer)

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
        try:
            replaying = asyncio.get_running_loop().run_in_executor(self._replays, replay, catalogue.plan, recorded)
        except RuntimeError as error:
            raise StateUnavailable("the service ends") from error
        return await replaying

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
