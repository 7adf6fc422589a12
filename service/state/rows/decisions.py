"""Commits decisions: the re-check, the reservations, the enrolments that ended and the record, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from service.decision.constraints.capacity import ROUNDING, Pool
from service.decision.decide import Decision, StateAtCommit, revise
from service.decision.enrolments import WhyEnded
from service.decision.facts import Contact, FactKind
from service.decision.reach import Reach
from service.decision.select import contact_of
from service.state.engines.session import (
    POOLS_LOCK,
    RULES_LOCK,
    Locks,
    Row,
    Session,
    Sql,
    Transaction,
    customer_lock,
    from_micros,
    micros,
)
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    DeferredDecision,
    FactsMoved,
    RequestKey,
    StoredDecision,
)
from service.state.rows.contact_row import state_of
from service.state.rows.contacts import Contacts, Reservation
from service.state.rows.decision_ids import find_row
from service.state.rows.fold import JourneyMove, Move
from service.state.rows.kills import VERSIONS, versions_of
from service.state.rows.moves import Moves
from service.state.rows.outcomes import kept_outcome, outcomes_of
from service.state.rows.own_facts import read_contacts
from service.state.rows.pools import Counters, PoolUses, uses_query
from service.state.rows.record import record_of, text_of
from service.state.rows.situation import read_situation
from service.state.rows.situation_queries import requests_of
from service.state.rows.versions import raise_versions, read_fact_versions, versions_at

Result = TypeVar("Result")


class ProposedDecision(NamedTuple):
    """A decision and the text of its record, made before the transaction begins."""

    decision: Decision
    record: str

    @classmethod
    def of(cls, decision: Decision) -> ProposedDecision:
        return cls(decision, text_of(decision))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSnapshot:
    """What a commit read of its customer: the versions of her facts and contacts, and the decision of her request."""

    facts: Mapping[FactKind, int]
    contacts: int
    requests: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRead:
    """All that a commit reads before it writes: its locks, its queries and how their results are read."""

    customer_id: str
    now: datetime
    request: RequestKey | None
    locks: Locks
    pools: Sequence[Pool] = ()

    @classmethod
    def of(cls, decision: Decision, request: RequestKey | None, counters: Counters) -> CommitRead:
        """Locks the customer, and the counters of the pools too if a pick may use one; shares the lock of the rules."""
        facts = decision.facts
        exclusive = {customer_lock(facts.customer_id)}
        if _may_use_pools(decision, counters):
            exclusive.add(POOLS_LOCK)
        return cls(
            customer_id=facts.customer_id,
            now=facts.now,
            request=request,
            locks=Locks(exclusive=frozenset(exclusive), shared=frozenset({RULES_LOCK})),
            pools=decision.plan.pools_on(facts.channel),
        )

    @classmethod
    def exclusive_of(cls, customer_id: str, now: datetime, request: RequestKey | None) -> CommitRead:
        """Locks the customer and the counters of all pools, for what will be decided is not known yet."""
        return cls(customer_id=customer_id, now=now, request=request, locks=exclusive_locks(customer_id))

    @property
    def has_pools(self) -> bool:
        return POOLS_LOCK in self.locks.exclusive

    @property
    def own(self) -> tuple[Sql, ...]:
        """The queries about its customer, and about her request if it has an id."""
        versions = versions_at(self.customer_id)
        if self.request is None:
            return (versions,)
        return versions, _request_query(self.customer_id, self.request.request_id)

    @property
    def shared(self) -> tuple[Sql, ...]:
        """The queries about everybody: the versions of the rules, and the uses of the pools if it locks them."""
        return (VERSIONS, uses_query(self.pools, self.now)) if self.has_pools and self.pools else (VERSIONS,)

    def snapshot(self, session: Session) -> CommitSnapshot:
        customers, *asked = session.query(*self.own)
        row, requests = customers[0] if customers else None, asked[0] if asked else ()
        return CommitSnapshot(
            facts={} if row is None else read_fact_versions(row),
            contacts=0 if row is None else row["contacts_version"],
            requests=requests,
        )

    def pool_uses(self, session: Session) -> PoolUses | None:
        """None if it does not lock the counters, for no pick may use a pool. Raises: PoolsUnknown."""
        return PoolUses(session, self.pools, self.now) if self.has_pools else None

    def transaction(self, run: Callable[[Session], Result]) -> Transaction[Result]:
        return Transaction(run, lambda _: self.locks, self.own, self.shared)


def exclusive_locks(customer_id: str) -> Locks:
    return Locks(exclusive=frozenset({customer_lock(customer_id), POOLS_LOCK}), shared=frozenset({RULES_LOCK}))


def _may_use_pools(decision: Decision, counters: Counters) -> bool:
    """Whether a pick may use a pool: one of its own catalogue, or of another that the store knows."""
    scored, channel = [s.candidate for s in decision.scored], decision.facts.channel
    own = decision.plan.pools_on(channel)
    return any(p.guards(c.journey_id, c.kind, channel) for p in own for c in scored) or counters.guard(scored)


def commit_decision(
    session: Session, proposed: ProposedDecision, read: CommitRead, counters: Counters
) -> CommitResult | None:
    """Writes the decision, or nothing if a fact that its plan looks at, or the kill list, has moved since it was read.

    If the customer's contacts have moved, or a pool has no room any more, the picks are revised first, so that what
    counts by now allows each of them. Where picks are drawn and may use a pool they always are: were it only for those
    that have no room, what is logged would not be how probable the last draw was.

    Returns: None if pools became known meanwhile, so that the locks it holds are not enough.
    """
    decision = proposed.decision
    facts, reach = decision.facts, decision.plan.reach_on(decision.facts.channel)
    present = read.snapshot(session)
    earlier = _decided_before(session, read, present)
    if earlier is not None:
        return earlier
    if _facts_moved(session, decision, reach, present):
        return FactsMoved()
    counted = counters.at(session)
    if not read.has_pools and _may_use_pools(decision, counted):
        return None
    pool_uses = read.pool_uses(session)
    is_drawn = pool_uses is not None and not decision.plan.is_plain
    if (
        is_drawn
        or present.contacts != facts.situation.contacts_version
        or not _has_room(decision, read.pools, pool_uses)
    ):
        contacts = read_contacts(session, facts.customer_id, facts.now, reach.contacts)
        uses = facts.situation.uses if pool_uses is None else pool_uses.by_pool()
        settled = StateAtCommit(contacts=contacts, uses=uses)
        proposed = ProposedDecision.of(revise(decision, settled))
    _insert(session, proposed, read.request, counted)
    return Committed(decision=proposed.decision)


def _facts_moved(session: Session, decision: Decision, reach: Reach, present: CommitSnapshot) -> bool:
    """Whether a kind of facts that its plan looks at, or the kill list, has another version than the one read."""
    seen = decision.facts.situation
    if any(present.facts.get(kind, 0) != seen.versions.get(kind, 0) for kind in reach.kinds):
        return True
    return versions_of(session).kills != seen.kills_version


def decide_and_commit(
    session: Session, deferred: DeferredDecision, read: CommitRead, counters: Counters
) -> Committed | AlreadyDecided:
    """Decides by what holds within this transaction, which locks the customer and the pools."""
    earlier = _decided_before(session, read, read.snapshot(session))
    if earlier is not None:
        return earlier
    reading = read_situation(session, deferred.customer_id, deferred.decided_at, deferred.reach, deferred.named)
    proposed = ProposedDecision.of(deferred.decide(reading))
    _insert(session, proposed, read.request, counters.at(session))
    return Committed(decision=proposed.decision)


def _decided_before(session: Session, read: CommitRead, present: CommitSnapshot) -> AlreadyDecided | None:
    """The decision of this request, if it has one."""
    if read.request is None:
        return None
    earlier = _told_again(session, read.customer_id, read.request.request_id, present.requests, read.now)
    return None if earlier is None else AlreadyDecided(stored=earlier)


def _has_room(decision: Decision, pools: Sequence[Pool], pool_uses: PoolUses | None) -> bool:
    """Whether every pool has room for what the picks use of it together. `pool_uses`: None if none may use a pool."""
    if pool_uses is None:
        return True
    picked = list(_picked_contacts(decision))
    for pool in pools:
        needs = [pool.uses(contact) for contact in picked]
        if any(needs) and sum(sorted((*needs, *pool_uses.amounts(pool)))) > pool.limit + ROUNDING:
            return False
    return True


def _picked_contacts(decision: Decision) -> Iterator[Contact]:
    facts, plan = decision.facts, decision.plan
    channel = plan.channels[facts.channel]
    for pick in decision.picks:
        yield contact_of(pick.scored, facts, channel, decision.terms.decision_id)


def _insert(session: Session, proposed: ProposedDecision, key: RequestKey | None, counters: Counters) -> None:
    decision = proposed.decision
    facts, decision_id = decision.facts, decision.terms.decision_id
    session.execute(
        Sql(
            "INSERT INTO decisions (decision_id, customer_id, decided_at, valid_until, fingerprint, catalogue_version,"
            " record) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                decision_id,
                facts.customer_id,
                micros(decision.decided_at),
                micros(decision.valid_until),
                "" if key is None else key.fingerprint,
                decision.plan.version,
                proposed.record,
            ),
        )
    )
    if key is not None:
        session.execute(
            Sql(
                "INSERT INTO requests (customer_id, request_id, decision_id, decided_at) VALUES (?, ?, ?, ?)",
                (facts.customer_id, key.request_id, decision_id, micros(decision.decided_at)),
            )
        )
    if decision.ended:
        _end_enrolments(session, decision)
    if decision.picks:
        _reserve(session, decision, counters)


def _end_enrolments(session: Session, decision: Decision) -> None:
    """Ends the enrolments that the decision found to be over, so that they may be entered anew.

    One that reached its `max_duration` ends at that instant, any other at the time of the decision.
    """
    customer_id, lifetimes = decision.facts_as_read.customer_id, decision.plan.lifetimes
    moves = Moves(session, ((customer_id, ended.journey_id) for ended in decision.ended))
    for ended in decision.ended:
        at = decision.decided_at
        lasts = lifetimes[ended.journey_id].max_duration if ended.why is WhyEnded.MAX_DURATION else None
        if lasts is not None:
            at = decision.facts_as_read.situation.enrolments[ended.journey_id].since + lasts
        moves.keep((customer_id, ended.journey_id), JourneyMove(at, Move.EXITED, decision.terms.decision_id, ""))
    moves.tell()
    session.execute(raise_versions(customer_id, FactKind.PLACES))


def _reserve(session: Session, decision: Decision, counters: Counters) -> None:
    reservations = (
        Reservation(contact=contact, stage=pick.candidate.stage.value, displaces=decision.displaced(pick))
        for pick, contact in zip(decision.picks, _picked_contacts(decision), strict=True)
    )
    Contacts(session, counters).reserve(decision.facts.customer_id, decision.valid_until, reservations)


def release_decision(session: Session, decision_id: str, customer_id: str, counters: Counters) -> None:
    """Gives back what a decision reserved, and its request id, which may then be used again.

    Not if another call under that id was told of the decision meanwhile.
    """
    question = "SELECT request_id FROM requests WHERE customer_id = ? AND decision_id = ? AND told = 1"
    (told,) = session.query(Sql(question, (customer_id, decision_id)))
    if told:
        return
    Contacts(session, counters.at(session)).release_reserved(decision_id)
    session.execute(Sql("DELETE FROM requests WHERE customer_id = ? AND decision_id = ?", (customer_id, decision_id)))


def _request_query(customer_id: str, request_id: str) -> Sql:
    """The query for the decision of a request."""
    return Sql("SELECT decision_id FROM requests WHERE customer_id = ? AND request_id = ?", (customer_id, request_id))


def _mark_told(customer_id: str, request_id: str) -> Sql:
    return Sql("UPDATE requests SET told = 1 WHERE customer_id = ? AND request_id = ?", (customer_id, request_id))


def known_requests(session: Session, asked: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these (customer, request id) that have a decision."""
    if not asked:
        return set()
    (rows,) = session.query(requests_of(asked))
    return {(row["customer_id"], row["request_id"]) for row in rows}


def tell_by_request(session: Session, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
    """The decision of a request, if it has one."""
    (rows,) = session.query(_request_query(customer_id, request_id))
    return _told_again(session, customer_id, request_id, rows, now)


def _told_again(
    session: Session, customer_id: str, request_id: str, requests: Sequence[Row], now: datetime
) -> StoredDecision | None:
    """The decision of a request. It is told to somebody, so from now on `release_decision` leaves it as it is."""
    earlier = find_decision(session, requests[0]["decision_id"], now) if requests else None
    if earlier is not None:
        session.execute(_mark_told(customer_id, request_id))
    return earlier


def find_decision(session: Session, decision_id: str, now: datetime) -> StoredDecision | None:
    """Raises: RecordFormatUnknown."""
    row = find_row(session, decision_id)
    if row is None:
        return None
    contacts, outcomes = session.query(
        Sql("SELECT * FROM contacts WHERE decision_id = ?", (decision_id,)), outcomes_of(decision_id)
    )
    return StoredDecision(
        decision_id=decision_id,
        customer_id=row["customer_id"],
        valid_until=from_micros(row["valid_until"]),
        request_fingerprint=row["fingerprint"],
        record=record_of(row),
        contact_states={contact["journey_id"]: state_of(contact, now) for contact in contacts},
        outcomes=tuple(map(kept_outcome, outcomes)),
    )
