"""The state store over any engine: what each call asks, and what it must have to itself meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision
from service.decision.facts import Consents, FactKind
from service.decision.reach import Reach
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, RowResult
from service.state.commits import Commits
from service.state.engines.engine import Engine
from service.state.engines.session import Locks, Session, Sql, Transaction, customer_lock, no_locks
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    DeferredDecision,
    IncidentTimes,
    Kill,
    KillList,
    RequestKey,
    SituationQuestion,
    StageCount,
    StateReading,
    StateUnavailable,
    StoredDecision,
)
from service.state.rows.catalogues import catalogue_source, keep_catalogue, use_catalogue
from service.state.rows.decisions import (
    ProposedDecision,
    exclusive_locks,
    find_decision,
    known_requests,
    release_decision,
    tell_by_request,
)
from service.state.rows.events import event_locks, keep_events
from service.state.rows.incidents import read_incidents
from service.state.rows.kills import (
    SERVICES,
    drop_kill,
    forget_services,
    keep_kill,
    kill_list,
    kill_locks,
    note_reading,
    version_read_by,
)
from service.state.rows.last_presented import Windows
from service.state.rows.outbox import COUNT_WAITING, changed_consents, changed_incidents, delete_delivered, waiting
from service.state.rows.outcomes import keep_outcomes, outcome_locks
from service.state.rows.own_facts import read_consents
from service.state.rows.pools import Counters, PoolsUnknown, register, register_locks
from service.state.rows.situation import STANDING, read_situation

log = logging.getLogger(__name__)

Result = TypeVar("Result")
ANSWER_S = 10.0
"""How long a caller waits for the store, whatever the store waits for, before it counts as away."""


async def in_time(asked: Awaitable[Result]) -> Result:
    """What was asked, which is cancelled when the time is over: it may still come about, and nobody is told so.

    Raises: StateUnavailable.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            return await asked
    except TimeoutError as error:
        raise StateUnavailable(f"the state store did not answer within {ANSWER_S:g} s") from error


class SqlState:
    """`StateStore`, `KillSwitch`, `KillReaders` and `Outbox` over one database, shared safely by all its processes."""

    def __init__(self, engine: Engine, windows: Windows, fed: frozenset[FactKind]) -> None:
        """`windows` of the objectives are asked while a transaction waits.

        `fed`: the kinds of facts of which the feature store is told; of others nothing waits in the outbox.
        """
        self.engine = engine
        self._fed = fed
        self._windows = windows
        self._counters = Counters()
        self.commits = Commits(engine, self._counters)

    async def situation(
        self, customer_id: str, now: datetime, reach: Reach, named: Collection[str] = ()
    ) -> StateReading:
        def read(session: Session) -> StateReading:
            return read_situation(session, customer_id, now, reach, named)

        return await self._with_pools(reach.pools, now, lambda: self._read(read))

    async def commit(self, decision: Decision, key: RequestKey | None) -> CommitResult:
        await in_time(self.engine.make_room(decision.decided_at))
        pools, now = decision.plan.pools_on(decision.facts.channel), decision.decided_at
        proposed, result = ProposedDecision.of(decision), None
        while result is None:
            result = await self._with_pools(pools, now, lambda: in_time(self._committed(proposed, key)))
        return result

    async def decide_alone(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        now, pools = deferred.decided_at, deferred.reach.pools
        await in_time(self.engine.make_room(now))
        return await self._with_pools(pools, now, lambda: in_time(self._decided_alone(deferred, key)))

    def situations_here(self, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
        return self.commits.situations(asked)

    def commits_here(
        self, proposed: Sequence[tuple[Decision, RequestKey | None]]
    ) -> list[CommitResult | BaseException]:
        return self.commits.commit(proposed)

    def decide_alone_here(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        self.engine.make_room_here(deferred.decided_at)
        transaction = self.commits.alone(deferred, key)
        return self.commits.with_pools(
            deferred.reach.pools, deferred.decided_at, lambda: self.commits.written(transaction)
        )

    def repeat_here(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        return self.commits.written(_telling(customer_id, request_id, now))

    def release(self, decision: Decision) -> None:
        self._release(decision.terms.decision_id, decision.facts.customer_id)

    async def decision(self, decision_id: str, now: datetime) -> StoredDecision | None:
        return await self._read(lambda session: find_decision(session, decision_id, now))

    async def decision_of_request(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        if not await self._read(lambda session: known_requests(session, [(customer_id, request_id)])):
            return None
        return await in_time(self.engine.write(_telling(customer_id, request_id, now)))

    async def record_events(self, events: Sequence[KnownEvent], now: datetime) -> list[RowResult]:
        return await self._write(
            lambda session: keep_events(session, events, now, self._fed), lambda _: event_locks(events)
        )

    async def record_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> list[RowResult]:
        return await self._write(
            lambda session: keep_outcomes(session, outcomes, now, self._counters, self._windows),
            lambda session: outcome_locks(session, outcomes),
        )

    async def kill(self, target: str, why: str, now: datetime) -> None:
        await self._write(lambda session: keep_kill(session, target, why, now), kill_locks, is_durable=True)

    async def unkill(self, target: str) -> bool:
        return await self._write(lambda session: drop_kill(session, target), kill_locks, is_durable=True)

    async def kills(self) -> list[Kill]:
        return list((await self.kill_list()).kills)

    async def kill_list(self) -> KillList:
        return await self._read(kill_list)

    async def join(self, service_id: str, name: str, now: datetime) -> KillList:
        await in_time(self.engine.join(service_id))
        return await self.read_kills(service_id, name, now)

    async def read_kills(self, service_id: str, name: str, now: datetime) -> KillList:
        listed, known = await self._read(lambda session: (kill_list(session), version_read_by(session, service_id)))
        if known != listed.version:
            await self._write(lambda session: session.execute(note_reading(service_id, name, listed.version, now)))
        return listed

    async def leave(self, service_id: str) -> None:
        await self._write(lambda session: session.execute(forget_services([service_id])))

    async def behind(self, version: int) -> list[str]:
        (rows,) = await self._read(lambda session: session.query(SERVICES))
        known = {row["service_id"]: row for row in rows}
        living = await in_time(self.engine.living(known))
        if ended := known.keys() - living:
            await self._write(lambda session: session.execute(forget_services(ended)))
        unread = [row["name"] for id_, row in known.items() if id_ in living and row["kills_version"] < version]
        return unread + sorted(living - known.keys())

    async def keep_catalogue(self, version: str, source: str) -> None:
        """Also in a database that takes the place of this one later, before anything else is written to it."""
        keeping: Transaction[None] = Transaction(lambda session: session.execute(keep_catalogue(version, source)))
        await in_time(self.engine.write(keeping))
        self.engine.do_first(keeping)

    async def use_catalogue(self, version: str) -> bool:
        return await self._write(lambda session: use_catalogue(session, version))

    async def count_pools(self, pools: Sequence[Pool], now: datetime) -> None:
        if pools:
            await self._write(lambda session: register(session, pools, now), register_locks)

    async def catalogue(self, version: str) -> str | None:
        return await self._read(lambda session: catalogue_source(session, version))

    async def catalogue_versions(self) -> frozenset[str]:
        (rows,) = await self._read(lambda session: session.query(Sql("SELECT version FROM catalogues")))
        return frozenset(row["version"] for row in rows)

    async def catalogues(self) -> list[str]:
        question = Sql("SELECT source FROM catalogues ORDER BY version")
        (rows,) = await self._read(lambda session: session.query(question))
        return [str(row["source"]) for row in rows]

    async def standing(self) -> list[StageCount]:
        (rows,) = await self._read(lambda session: session.query(STANDING))
        found = (StageCount(journey_id=r["journey_id"], stage=r["stage"], customers=int(r["customers"])) for r in rows)
        return sorted(found, key=lambda place: (place.journey_id, place.stage))

    async def waiting_for_features(self, limit: int) -> list[tuple[int, str]]:
        (rows,) = await self._read(lambda session: session.query(waiting(limit)))
        return [(row["sequence"], row["customer_id"]) for row in rows]

    async def count_waiting(self) -> int:
        (rows,) = await self._read(lambda session: session.query(COUNT_WAITING))
        return int(rows[0]["waiting"])

    async def mark_delivered(self, sequences: Sequence[int]) -> None:
        await self._write(lambda session: session.execute(*delete_delivered(sequences)))

    async def changed_facts(self, customer_id: str, sequences: Sequence[int]) -> tuple[list[IncidentTimes], Consents]:
        questions = changed_incidents(customer_id, sequences), changed_consents(customer_id, sequences)
        incidents, consents = await self._read(lambda session: session.query(*questions))
        return read_incidents(incidents), read_consents(consents)

    async def close(self) -> None:
        await self.engine.close()

    async def _write(
        self,
        run: Callable[[Session], Result],
        keys: Callable[[Session], Locks] = no_locks,
        *,
        is_durable: bool = False,
    ) -> Result:
        return await in_time(self.engine.write(Transaction(run, keys, is_durable=is_durable)))

    async def _read(self, work: Callable[[Session], Result]) -> Result:
        return await in_time(self.engine.read(work))

    async def _with_pools(self, pools: Sequence[Pool], now: datetime, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Counts pools that the store does not know yet, then asks again."""
        try:
            return await ask()
        except PoolsUnknown:
            await self._write(lambda session: register(session, pools, now), register_locks)
            return await ask()

    async def _committed(self, proposed: ProposedDecision, key: RequestKey | None) -> CommitResult | None:
        decision = proposed.decision
        transaction = self.commits.transaction(proposed, key)
        return await self._kept(transaction, decision.terms.decision_id, decision.facts.customer_id)

    async def _decided_alone(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        return await self._kept(self.commits.alone(deferred, key), deferred.decision_id, deferred.customer_id)

    async def _kept(self, transaction: Transaction[Result], decision_id: str, customer_id: str) -> Result:
        """A caller that is gone before its answer, or waited too long for it, releases what it reserved."""
        try:
            return await self.engine.write(transaction)
        except asyncio.CancelledError:
            self._release(decision_id, customer_id)
            raise

    def _release(self, decision_id: str, customer_id: str) -> None:
        with suppress(StateUnavailable):  # closed meanwhile: then the reservation ends by its time
            released = self.engine.write(
                Transaction(
                    lambda session: release_decision(session, decision_id, customer_id, self._counters),
                    lambda _: exclusive_locks(customer_id),
                )
            )
            released.add_done_callback(_note_failure)


def _telling(customer_id: str, request_id: str, now: datetime) -> Transaction[StoredDecision | None]:
    """Finds the decision of a request, and keeps that somebody was told of it."""
    alone = Locks(exclusive=frozenset({customer_lock(customer_id)}))
    return Transaction(lambda session: tell_by_request(session, customer_id, request_id, now), lambda _: alone)


def _note_failure(released: asyncio.Future[None]) -> None:
    if not released.cancelled() and released.exception() is not None:
        log.warning("what a caller who is gone reserved stands until its time is over: %s", released.exception())
