"""Decisions kept in the thread of who asks, which waits: many in one transaction, each as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import TypeVar

from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision
from service.state.engines.engine import Engine
from service.state.engines.session import Session, Transaction
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    DeferredDecision,
    RequestKey,
    SituationQuestion,
    StateReading,
    StateUnavailable,
)
from service.state.rows.decisions import (
    CommitRead,
    ProposedDecision,
    commit_decision,
    decide_and_commit,
    known_requests,
)
from service.state.rows.pools import Counters, PoolsUnknown, register, register_locks
from service.state.rows.situation import read_situations

Result = TypeVar("Result")
Outcome = CommitResult | BaseException


@dataclass(slots=True)
class _Offered:
    """A decision to be committed, and what became of it; its transaction has the locks that it is known to need."""

    decision: Decision
    key: RequestKey | None
    proposed: ProposedDecision | None = None
    transaction: Transaction[CommitResult | None] | None = None
    has_counted: bool = False
    outcome: Outcome | None = None

    def try_to(self, run: Callable[[_Offered], None]) -> None:
        """What goes wrong is this one's alone."""
        try:
            run(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who offered it
            self.outcome = error


class Commits:
    """Over one engine; `counters` are those of its store."""

    def __init__(self, engine: Engine, counters: Counters) -> None:
        self._engine = engine
        self._counters = counters

    def transaction(self, proposed: ProposedDecision, key: RequestKey | None) -> Transaction[CommitResult | None]:
        """The transaction of a commit; its answer is None if it must be done again with other locks."""
        read = CommitRead.of(proposed.decision, key, self._counters)
        return read.transaction(lambda session: commit_decision(session, proposed, read, self._counters))

    def alone(self, deferred: DeferredDecision, key: RequestKey | None) -> Transaction[Committed | AlreadyDecided]:
        """The transaction that decides and keeps the decision."""
        read = CommitRead.exclusive_of(deferred.customer_id, deferred.decided_at, key)
        return read.transaction(lambda session: decide_and_commit(session, deferred, read, self._counters))

    def situations(self, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
        """Over one snapshot; None where the request is known. Raises: StateUnavailable."""
        pools = {pool.pool_id: pool for question in asked for pool in question.reach.pools}
        return self.with_pools(
            tuple(pools.values()),
            asked[0].now,
            lambda: self._engine.read_here(lambda session: _situations(session, asked)),
        )

    def commit(self, decisions: Sequence[tuple[Decision, RequestKey | None]]) -> list[Outcome]:
        """Keeps them in their order, but later what needs other locks; the error of one is its outcome."""
        offered = [_Offered(*one) for one in decisions]
        while left := [one for one in offered if one.outcome is None]:
            for one in left:
                one.try_to(self._prepare)
            ready = [one for one in left if one.outcome is None]
            for one, result in zip(ready, self._carried_out(ready), strict=True):
                if isinstance(result, PoolsUnknown) and not one.has_counted:
                    one.try_to(self._count_pools)
                else:
                    one.outcome = result
        return [one.outcome for one in offered if one.outcome is not None]

    def written(self, transaction: Transaction[Result]) -> Result:
        """What it came to. Raises: its error."""
        (result,) = self._engine.write_here([transaction])
        if isinstance(result, BaseException):
            raise result
        return result

    def with_pools(self, pools: Sequence[Pool], now: datetime, ask: Callable[[], Result]) -> Result:
        """Counts pools that the store does not know yet, then asks again."""
        try:
            return ask()
        except PoolsUnknown:
            self._register(pools, now)
            return ask()

    def _prepare(self, one: _Offered) -> None:
        """Makes its record, once, and its transaction."""
        if one.proposed is None:
            self._engine.make_room_here(one.decision.decided_at)
            one.proposed = ProposedDecision.of(one.decision)
        one.transaction = self.transaction(one.proposed, one.key)

    def _carried_out(self, ready: Sequence[_Offered]) -> Sequence[Outcome | None]:
        """Of some, others may have been kept before: an error of the store is theirs, not of all."""
        try:
            return self._engine.write_here([one.transaction for one in ready if one.transaction is not None])
        except StateUnavailable as error:
            return [error] * len(ready)

    def _count_pools(self, one: _Offered) -> None:
        """So that it can be done once more."""
        one.has_counted = True
        self._register(one.decision.plan.pools_on(one.decision.facts.channel), one.decision.decided_at)

    def _register(self, pools: Sequence[Pool], now: datetime) -> None:
        self.written(Transaction(lambda session: register(session, pools, now), register_locks))


def _situations(session: Session, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
    known = known_requests(session, [(q.customer_id, q.request_id) for q in asked if q.request_id is not None])
    is_new = [(question.customer_id, question.request_id) not in known for question in asked]
    readings = iter(read_situations(session, list(compress(asked, is_new))))
    return [next(readings) if new else None for new in is_new]
