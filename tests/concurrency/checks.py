"""What a new process finds of what killed ones had acknowledged, and of what they had reserved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

from service.decision.facts import Contact
from service.decision.reach import Reach
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, RowStatus
from service.state.port import ContactState
from tests.concurrency.processes import Pipe
from tests.concurrency.writers import CAP, POOL, UNITS, Acknowledged, AcknowledgedDecision, Round
from tests.contract.adapters import Store
from tests.contract.rows import MINUTE, WEEK

WEB_END, EMAIL_END = 15 * MINUTE, timedelta(hours=24)


async def check(state: Store, pipe: Pipe, acknowledged: Sequence[Acknowledged], rounds: Sequence[Round]) -> None:
    """Says everything that is not as it should be."""
    faults = [fault for row in acknowledged async for fault in _lost(state, row)]
    for round_ in rounds:
        faults += [fault async for fault in _excesses(state, round_)]
    pipe.send(faults)


async def _lost(state: Store, row: Acknowledged) -> AsyncIterator[str]:
    match row:
        case AcknowledgedDecision():
            async for fault in _lost_decision(state, row):
                yield fault
        case KnownEvent():
            (result,) = await state.record_events([row], row.occurred_at)
            if result.status is not RowStatus.DUPLICATE:
                yield f"event {row.event_id} was not there"
        case Outcome():
            stored = await state.decision(row.decision_id, row.occurred_at)
            if stored is None or row not in [kept.outcome for kept in stored.outcomes]:
                yield f"outcome {row.outcome_id} is not there"


async def _lost_decision(state: Store, row: AcknowledgedDecision) -> AsyncIterator[str]:
    stored = await state.decision(row.decision_id, row.decided_at + EMAIL_END)
    if stored is None:
        yield f"decision {row.decision_id} is not there"
        return
    if row.journeys is not None:
        ranked = [one["journey_id"] for one in stored.record["output"]["ranked"]]
        if not ranked == list(stored.contact_states) == list(row.journeys):
            yield f"decision {row.decision_id} ranked {row.journeys}, its record {ranked}, {stored.contact_states}"
    if ContactState.RESERVED in stored.contact_states.values():
        yield f"decision {row.decision_id} holds a reservation after its end"
    found = await state.decision_of_request(row.customer_id, row.request_id, row.decided_at)
    if found is None or found.decision_id != row.decision_id:
        yield f"request {row.request_id} of {row.customer_id} does not give decision {row.decision_id}"


async def _excesses(state: Store, round_: Round) -> AsyncIterator[str]:
    """Of caps and capacity; reservations that outlive their end, or that no decision made."""
    contacts = await _contacts(state, round_, round_.now)
    for customer_id, own in contacts.items():
        news = _news(own)
        if len(news) > CAP:
            yield f"{customer_id} has {len(news)} contacts"
        for contact in own:
            stored = await state.decision(contact.decision_id, round_.now)
            if stored is None or contact.journey_id not in stored.contact_states:
                yield f"no decision made the contact of {contact.decision_id}"
    if sum(len(_news(own)) for own in contacts.values()) > UNITS:
        yield f"more than {UNITS} units are used"
    for later in (round_.now, round_.now + WEB_END):
        kept = await _contacts(state, round_, later)
        used, counted = await _used(state, round_, later), sum(len(_news(own)) for own in kept.values())
        if used != counted:
            yield f"{used} units are used by {counted} contacts"
    over = await _contacts(state, round_, round_.now + EMAIL_END)
    for contact in (contact for own in over.values() for contact in own):
        if contact.channel == "web" and not contact.is_presented:
            yield f"the reservation of {contact.decision_id} outlives its end"


async def _contacts(state: Store, round_: Round, now: datetime) -> dict[str, tuple[Contact, ...]]:
    found = {}
    for customer_id in round_.customers:
        found[customer_id] = (await state.situation(customer_id, now, Reach(contacts=WEEK))).situation.contacts
    return found


async def _used(state: Store, round_: Round, now: datetime) -> float:
    """Units, without those of later rounds."""
    uses = (await state.situation("never seen", now, Reach(pools=(POOL,)))).situation.uses.get(POOL.pool_id, ())
    return sum(use.amount for use in uses if use.ends_at <= round_.now + EMAIL_END + MINUTE)


def _news(contacts: Iterable[Contact]) -> list[Contact]:
    return [contact for contact in contacts if contact.journey_id == "news"]
