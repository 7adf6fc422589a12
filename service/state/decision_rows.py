"""Keeps decisions: the re-check, the reservations, what ended, and the record, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from service.decision.constraints.capacity import ROUNDING, Pool
from service.decision.decide import Decision, Settled, revise
from service.decision.enrolments import WhyEnded
from service.decision.facts import Contact, FactKind
from service.decision.record import canonical, to_document
from service.decision.select import contact_of
from service.state.contact_rows import (
    contact_of_row,
    contacts_of,
    insert_contact,
    raise_contacts_version,
    state_of,
)
from service.state.decision_keys import find_row
from service.state.fold import JourneyMove, Move
from service.state.kept_record import record_of
from service.state.kill_rows import VERSIONS, versions_of
from service.state.move_rows import Moves
from service.state.outcome_rows import kept_outcome, outcomes_of
from service.state.pool_rows import Counters, UsedNow, uses_of
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    FactsMoved,
    RequestKey,
    StoredDecision,
    Undecided,
)
from service.state.session import (
    EVERYTHING_DECIDED_BY,
    POOLS,
    Keys,
    Row,
    Session,
    Sql,
    customer_key,
    instant,
    micros,
)
from service.state.situation_rows import read_situation
from service.state.version_rows import raise_versions, read_fact_versions, versions_at


class Proposed(NamedTuple):
    """A decision and its record, which is written before anybody waits for the transaction."""

    decision: Decision
    record: str

    @classmethod
    def of(cls, decision: Decision) -> Proposed:
        return cls(decision, canonical(to_document(decision)))


def commit_keys(decision: Decision, counters: Counters) -> Keys:
    """The customer alone; the counters of the pools too, if a pick may use one. The rules of everybody are shared."""
    alone = {customer_key(decision.draft.facts.customer_id)}
    if _may_use_pools(decision, counters):
        alone.add(POOLS)
    return Keys(alone=frozenset(alone), shared=frozenset({EVERYTHING_DECIDED_BY}))


def _may_use_pools(decision: Decision, counters: Counters) -> bool:
    """Pools of its own catalogue, or of others that the store knows."""
    scored, channel = [s.candidate for s in decision.scored], decision.draft.facts.channel
    own = decision.draft.plan.pools_on(channel)
    return any(p.guards(c.journey_id, c.kind, channel) for p in own for c in scored) or counters.guard(scored)


def commit_asks(customer_id: str, key: RequestKey | None) -> tuple[Sql, Sql]:
    """What a commit asks of its customer in any case."""
    return versions_at(customer_id), _request(customer_id, "" if key is None else key.request_id)


def commit_shares(decision: Decision, held: Keys) -> tuple[Sql, ...]:
    """What it asks of everybody: the versions of the rules, and what is used of the pools if it has their counters."""
    facts, pools = decision.draft.facts, decision.draft.plan.pools_on(decision.draft.facts.channel)
    return (VERSIONS, uses_of(pools, facts.now)) if POOLS in held.alone else (VERSIONS,)


def commit_decision(
    session: Session, proposed: Proposed, key: RequestKey | None, counters: Counters, held: Keys
) -> CommitResult | None:
    """Writes nothing unless the decision stands: what its plan looks at and the kill list are the present ones.

    What counts by now, the customer's contacts and everybody's uses of the shared pools, still allows each pick.
    None: pools became known meanwhile, so that the keys it holds are not enough.
    """
    decision = proposed.decision
    facts, plan = decision.draft.facts, decision.draft.plan
    customers, requests = session.ask(*commit_asks(facts.customer_id, key))
    earlier = _decided_before(session, facts.customer_id, facts.now, key, requests)
    if earlier is not None:
        return earlier
    read, reach = facts.situation, plan.reach_on(facts.channel)
    present = read_fact_versions(customers[0]) if customers else {}
    if any(present.get(kind, 0) != read.versions.get(kind, 0) for kind in reach.kinds):
        return FactsMoved()
    if versions_of(session).get("kills", 0) != read.kills_version:
        return FactsMoved()
    counted = counters.at(session)
    has_pools = POOLS in held.alone
    if not has_pools and _may_use_pools(decision, counted):
        return None
    pools = reach.pools
    used = UsedNow(session, pools, facts.now) if has_pools else None
    contacts_version = customers[0]["contacts_version"] if customers else 0
    if contacts_version != read.contacts_version or not _has_room(decision, pools, used):
        (rows,) = session.ask(contacts_of(facts.customer_id, facts.now, reach.contacts))
        uses = read.uses if used is None else used.by_pool()
        settled = Settled(contacts=tuple(map(contact_of_row, rows)), uses=uses)
        proposed = Proposed.of(revise(decision, settled))
    _insert(session, proposed, key, counted)
    return Committed(decision=proposed.decision)


def decide_and_commit(
    session: Session, undecided: Undecided, key: RequestKey | None, counters: Counters
) -> Committed | AlreadyDecided:
    """Decides by what holds within this transaction, which has the customer and the pools alone."""
    _, requests = session.ask(*commit_asks(undecided.customer_id, key))
    earlier = _decided_before(session, undecided.customer_id, undecided.decided_at, key, requests)
    if earlier is not None:
        return earlier
    reading = read_situation(session, undecided.customer_id, undecided.decided_at, undecided.reach, undecided.named)
    proposed = Proposed.of(undecided.decide(reading))
    _insert(session, proposed, key, counters.at(session))
    return Committed(decision=proposed.decision)


def _decided_before(
    session: Session, customer_id: str, now: datetime, key: RequestKey | None, requests: Sequence[Row]
) -> AlreadyDecided | None:
    """The decision of this request, which stays as it is from now on, for somebody is told of it."""
    if key is None or not requests:
        return None
    earlier = find_decision(session, requests[0]["decision_id"], now)
    if earlier is None:
        return None
    session.tell(_tell(customer_id, key.request_id))
    return AlreadyDecided(stored=earlier)


def _has_room(decision: Decision, pools: Sequence[Pool], used: UsedNow | None) -> bool:
    """Whether every pool that the picks use holds what they use together, as it is used by now.

    None: the transaction does not have the counters, for no pick may use a pool.
    """
    if used is None:
        return True
    picked = list(_contacts(decision))
    for pool in pools:
        needs = [pool.uses(contact) for contact in picked]
        if any(needs) and sum(sorted((*needs, *used.amounts(pool)))) > pool.limit + ROUNDING:
            return False
    return True


def _contacts(decision: Decision) -> Iterator[Contact]:
    facts, plan = decision.draft.facts, decision.draft.plan
    channel = plan.channels[facts.channel]
    for pick in decision.picks:
        yield contact_of(pick.scored, facts, channel, decision.terms.decision_id)


def _insert(session: Session, proposed: Proposed, key: RequestKey | None, counters: Counters) -> None:
    decision = proposed.decision
    facts, decision_id = decision.draft.facts, decision.terms.decision_id
    session.tell(
        Sql(
            "INSERT INTO decisions (decision_id, customer_id, decided_at, valid_until, fingerprint, catalogue_version,"
            " record) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                decision_id,
                facts.customer_id,
                micros(decision.decided_at),
                micros(decision.valid_until),
                "" if key is None else key.fingerprint,
                decision.draft.plan.version,
                proposed.record,
            ),
        )
    )
    if key is not None:
        session.tell(
            Sql(
                "INSERT INTO requests (customer_id, request_id, decision_id, decided_at) VALUES (?, ?, ?, ?)",
                (facts.customer_id, key.request_id, decision_id, micros(decision.decided_at)),
            )
        )
    if decision.draft.ended:
        _end_enrolments(session, decision)
    if decision.picks:
        _reserve(session, decision, counters)


def _end_enrolments(session: Session, decision: Decision) -> None:
    """What the decision found to be over ends when its time was over, else now, so that it may be entered anew."""
    customer_id, lifetimes = decision.draft.read.customer_id, decision.draft.plan.lifetimes
    moves = Moves(session, ((customer_id, ended.journey_id) for ended in decision.draft.ended))
    for ended in decision.draft.ended:
        at = decision.decided_at
        lasts = lifetimes[ended.journey_id].max_duration if ended.why is WhyEnded.MAX_DURATION else None
        if lasts is not None:
            at = decision.draft.read.situation.enrolments[ended.journey_id].since + lasts
        moves.keep((customer_id, ended.journey_id), JourneyMove(at, Move.EXITED, decision.terms.decision_id, ""))
    moves.tell()
    session.tell(raise_versions(customer_id, FactKind.PLACES))


def _reserve(session: Session, decision: Decision, counters: Counters) -> None:
    customer_id = decision.draft.facts.customer_id
    for pick, contact in zip(decision.picks, _contacts(decision), strict=True):
        stage, displaced = pick.scored.candidate.stage.value, decision.displaced(pick)
        session.tell(insert_contact(contact, customer_id, stage, decision.valid_until, displaced))
        counters.change(session, None, contact)
    session.tell(raise_contacts_version(customer_id))


def alone_keys(customer_id: str) -> Keys:
    """The customer and the counters of all pools: whatever comes of it, nothing of them moves meanwhile."""
    return Keys(alone=frozenset({customer_key(customer_id), POOLS}), shared=frozenset({EVERYTHING_DECIDED_BY}))


def release_decision(session: Session, decision_id: str, customer_id: str, counters: Counters) -> None:
    """Gives back what a decision reserved, and its request id, which may then be used again.

    Not if another call under that id was told of the decision meanwhile.
    """
    contacts, told = session.ask(
        Sql("SELECT * FROM contacts WHERE decision_id = ? AND state = 'RESERVED'", (decision_id,)),
        Sql(
            "SELECT request_id FROM requests WHERE customer_id = ? AND decision_id = ? AND told = 1",
            (customer_id, decision_id),
        ),
    )
    if told:
        return
    counted = counters.at(session)
    for row in contacts:
        counted.change(session, contact_of_row(row), None)
    if contacts:
        released = "UPDATE contacts SET state = 'RELEASED' WHERE decision_id = ? AND state = 'RESERVED'"
        session.tell(Sql(released, (decision_id,)), raise_contacts_version(customer_id))
    session.tell(Sql("DELETE FROM requests WHERE customer_id = ? AND decision_id = ?", (customer_id, decision_id)))


def _request(customer_id: str, request_id: str) -> Sql:
    """A question for the decision of a request; no request has an empty id."""
    return Sql("SELECT decision_id FROM requests WHERE customer_id = ? AND request_id = ?", (customer_id, request_id))


def _tell(customer_id: str, request_id: str) -> Sql:
    return Sql("UPDATE requests SET told = 1 WHERE customer_id = ? AND request_id = ?", (customer_id, request_id))


def has_request(session: Session, customer_id: str, request_id: str) -> bool:
    return bool(session.ask(_request(customer_id, request_id))[0])


def tell_by_request(session: Session, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
    """The decision of a request, which stays as it is from now on, for somebody is told of it."""
    (rows,) = session.ask(_request(customer_id, request_id))
    if not rows:
        return None
    session.tell(_tell(customer_id, request_id))
    return find_decision(session, rows[0]["decision_id"], now)


def find_decision(session: Session, decision_id: str, now: datetime) -> StoredDecision | None:
    """Raises: RecordFormatUnknown."""
    row = find_row(session, decision_id)
    if row is None:
        return None
    contacts, outcomes = session.ask(
        Sql("SELECT * FROM contacts WHERE decision_id = ?", (decision_id,)), outcomes_of(decision_id)
    )
    return StoredDecision(
        decision_id=decision_id,
        customer_id=row["customer_id"],
        valid_until=instant(row["valid_until"]),
        request_fingerprint=row["fingerprint"],
        record=record_of(row),
        contact_states={contact["journey_id"]: state_of(contact, now) for contact in contacts},
        outcomes=tuple(map(kept_outcome, outcomes)),
    )
