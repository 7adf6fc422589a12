"""What a customer or a source sends without end costs no decision: what can count is read, and recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.catalogue.objective_windows import ObjectiveWindows
from service.decision.constraints.consent_missing import ConsentMissing
from service.decision.constraints.cooldown import Cooldown, Rest
from service.decision.constraints.feed import Feed
from service.decision.constraints.registry import IncidentClass, Policies
from service.decision.facts import MOST_OPEN, MOST_RESOLVED
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.record import canonical, to_document
from service.decision.reports.effects import KnownEvent
from service.decision.reports.events import FieldFault
from service.decision.reports.rows import OutcomeType, RowStatus
from service.state.engines.session import Row, Session, Sql, Transaction, placeholders
from service.state.rows.last_presented import LastPresented
from service.state.store import SqlState
from tests.builders import HELPING, NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.by_customer import of_customer, presented
from tests.contract.rows import MINUTE, codes, committed, event, heartbeat, opened, outcome, propose

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MANY = 3 * MOST_OPEN
NEWS = Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL), purposes=("marketing",))
GRACES = Policies(
    incident_default=HELPING,
    incident_classes={
        "outage": IncidentClass(allows=HELPING, severities={}, grace=DAY),
        "minor": IncidentClass(allows=HELPING, severities={}, grace=HOUR),
        "praise": IncidentClass(allows=frozenset(JourneyKind), severities={}, grace=DAY),
    },
)
COOLDOWN = Cooldown(journeys=frozenset({"news"}), rests=(Rest(response="REJECTED", rests=DAY),), ignored=None)
PLAN = catalogue(NEWS, policies=GRACES).plan


async def tell(state: Store, rows: Sequence[KnownEvent]) -> None:
    assert {r.status for r in await state.record_events(rows, NOW)} == {RowStatus.ACCEPTED}


def over(number: int, ago: timedelta, class_: str = "minor") -> Iterator[KnownEvent]:
    """An incident that was open for a minute and is over since then."""
    incident_id = f"i{number:05}"
    yield opened(f"o-{incident_id}", NOW - ago - MINUTE, incident_id=incident_id, class_=class_)
    yield event(f"r-{incident_id}", "incident.resolved", NOW - ago, incident_id=incident_id)


async def size(state: Store, plan: Plan = PLAN) -> int:
    return len(canonical(to_document(await propose(state, plan))))


async def reasons(state: Store, plan: Plan = PLAN) -> list[str]:
    return codes(await propose(state, plan)).get("news", [])


GRANTED = event("granted", "consent.granted", NOW - 2 * DAY, purpose="marketing", channel="web")
FLOODS: dict[str, Sequence[KnownEvent]] = {
    "resolved": [row for n in range(MANY) for row in over(n, 2 * DAY)],
    "opened-and-forgotten-ids": [
        event(f"r{n}", "incident.resolved", NOW - 2 * DAY, incident_id=f"i{n}") for n in range(MANY)
    ],
    "grants": [event(f"g{n}", "consent.granted", purpose=f"p{n}", channel="web") for n in range(MANY)],
    "grants-elsewhere": [event(f"g{n}", "consent.granted", purpose="marketing", channel=f"c{n}") for n in range(MANY)],
    "withdrawals": [event(f"w{n}", "consent.withdrawn", purpose=f"p{n}", channel=f"c{n}") for n in range(MANY)],
    "withdrawals-of-purposes": [event(f"w{n}", "consent.withdrawn", purpose=f"p{n}") for n in range(MANY)],
    "heartbeats": [heartbeat(f"b{n}", f"s{n}") for n in range(MANY)],
    "purchases": [event(f"e{n}", "purchase", amount=1.0) for n in range(MANY)],
    "moves": [event(f"m{n}", "journey.entered", NOW - n * MINUTE, journey_id="j", stage="need") for n in range(MANY)],
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_what_cannot_count_is_neither_read_nor_recorded(state: Store, flood: Sequence[KnownEvent]) -> None:
    """One of the kind came before: a record with all of them is as large, but for the digits of its versions."""
    await tell(state, [GRANTED, *flood[:2]])
    before = await size(state)
    await tell(state, flood[2:])
    assert await size(state) <= before + 40
    assert await reasons(state) == []


async def test_many_responses_to_one_contact_count_as_the_first_and_the_last_of_each_type(state: Store) -> None:
    plan = catalogue(replace(NEWS, purposes=(), cooldown=COOLDOWN)).plan
    await committed(state, await propose(state, plan, now=NOW - DAY))
    rows = [outcome(f"o{n}", OutcomeType.ENGAGED, NOW - n * MINUTE) for n in range(MANY)]
    await state.record_outcomes(rows[::-1], NOW)
    found = (await propose(state, plan)).facts.situation.responses
    assert [(r.type, r.at) for r in found] == [("ENGAGED", rows[-1].occurred_at), ("ENGAGED", NOW)]
    await state.record_outcomes([outcome("r", OutcomeType.REJECTED, NOW - HOUR)], NOW)
    assert await reasons(state, plan) == ["COOLDOWN"]


@pytest.mark.parametrize(("count", "is_truncated"), [(MOST_OPEN, False), (MOST_OPEN + 1, True), (MANY, True)])
async def test_more_open_incidents_than_are_told_close_the_gate_whatever_their_class_allows(
    state: Store, count: int, is_truncated: bool
) -> None:
    """Each that is told allows everything; of the others nobody can say."""
    rows = [opened(f"o{n}", NOW - n * MINUTE, incident_id=f"i{n}", class_="praise") for n in range(count)]
    await tell(state, [GRANTED, *rows])
    decision = await propose(state, PLAN)
    incidents = decision.facts.situation.incidents
    assert (len(incidents.known), incidents.is_truncated) == (MOST_OPEN, is_truncated)
    assert codes(decision) == ({"news": ["INCIDENT_OPEN"]} if is_truncated else {})
    params = [dict(reason.params) for rejected in decision.rejected for reason in rejected.reasons]
    assert [p.get("truncated") for p in params] == [True] * is_truncated


async def test_the_gate_opens_again_once_few_enough_are_open(state: Store) -> None:
    rows = [opened(f"o{n}", NOW - DAY, incident_id=f"i{n}", class_="praise") for n in range(MOST_OPEN + 1)]
    await tell(state, [GRANTED, *rows])
    assert await reasons(state) == ["INCIDENT_OPEN"]
    await tell(state, [event("r", "incident.resolved", NOW - HOUR, incident_id="i7")])
    assert await reasons(state) == []


async def test_incidents_that_are_over_count_as_far_as_a_grace_reaches_and_no_further(state: Store) -> None:
    await tell(state, [GRANTED, *over(1, DAY, "outage")])
    assert await reasons(state) == []
    await tell(state, list(over(2, DAY - MINUTE, "outage")))
    assert await reasons(state) == ["INCIDENT_OPEN"]


async def test_of_too_many_that_are_over_none_is_forgotten_while_it_may_deny(state: Store) -> None:
    """An outage two hours ago denies for a day. So many small ones came after it that it is not told apart."""
    later = [row for n in range(MOST_RESOLVED) for row in over(n, 90 * MINUTE)]
    await tell(state, [GRANTED, *later])
    assert await reasons(state) == []
    await tell(state, list(over(99_999, 2 * HOUR, "outage")))
    found = (await propose(state, PLAN)).facts.situation.incidents
    assert len(found.resolved) == MOST_RESOLVED + 1
    assert await reasons(state) == ["INCIDENT_OPEN"]


async def test_the_last_resolution_is_told_however_old_it_is(state: Store) -> None:
    await tell(state, [GRANTED, *over(1, 300 * DAY)])
    assert (await propose(state, PLAN)).facts.situation.incidents.last_resolved_at == NOW - 300 * DAY


@pytest.mark.parametrize(
    "withdrawn",
    [
        {},
        {"purpose": "marketing"},
        {"channel": "web"},
        {"purpose": "marketing", "channel": "web"},
        {"purpose": "*", "channel": "*"},
    ],
    ids=["all", "the-purpose", "the-channel", "both", "stars"],
)
async def test_every_withdrawal_that_covers_what_is_asked_for_counts(state: Store, withdrawn: dict[str, str]) -> None:
    await tell(state, [GRANTED, *FLOODS["withdrawals"]])
    assert await reasons(state) == []
    await tell(state, [event("w", "consent.withdrawn", NOW, customer_id="1", **withdrawn)])
    assert await reasons(state) == ["CONSENT_MISSING"]


async def test_the_heartbeats_that_a_plan_waits_for_are_read(state: Store) -> None:
    feed = Feed(source="crm", max_age=HOUR)
    plan = catalogue(NEWS, policies=replace(GRACES, consent_feed=feed)).plan
    assert {r.feed for r in plan.rules if isinstance(r, ConsentMissing)} == {feed}
    await tell(state, [GRANTED, *FLOODS["heartbeats"]])
    assert await reasons(state, plan) == ["CONSENT_MISSING"]
    await tell(state, [heartbeat("b", "crm")])
    decision = await propose(state, plan)
    assert (codes(decision), decision.facts.situation.feeds) == ({}, {"crm": NOW})


class Explained:
    """A session that notes how the database would go about each question, before it asks it."""

    def __init__(self, session: Session, explain: str) -> None:
        self.cache = session.cache
        self.plans: list[str] = []
        self._session, self._explain = session, explain

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None: ...

    def query(self, *questions: Sql) -> list[list[Row]]:
        plans = self._session.query(*(Sql(f"{self._explain} {text}", values) for text, values in questions))
        self.plans += [str([list(dict(step).values()) for step in plan]) for plan in plans]
        return self._session.query(*questions)

    def execute(self, *statements: Sql) -> None:
        raise AssertionError


async def test_the_last_of_very_many_contacts_is_found_by_index(adapter: str, state: Store) -> None:
    """It is the last of its journey: none is sorted."""
    assert isinstance(state, SqlState)
    await presented(state)

    def many(session: Session) -> None:
        (rows,) = session.query(Sql("SELECT * FROM contacts"))
        for i in range(1, 1000):
            row = {**rows[0], "decision_id": f"x{i}", "presented_at": rows[0]["presented_at"] - i}
            text = f"INSERT INTO contacts ({', '.join(row)}) VALUES {placeholders(row)}"
            session.execute(Sql(text, list(row.values())))

    await state.engine.write(Transaction(many))
    row = of_customer()

    def found(session: Session) -> tuple[Row | FieldFault, str]:
        explained = Explained(session, "EXPLAIN QUERY PLAN" if adapter == "sqlite" else "EXPLAIN")
        contact = LastPresented(explained, ObjectiveWindows(), [row], row.occurred_at).of(row)
        return contact, explained.plans[0]

    contact, plan = await state.engine.read(found)
    assert not isinstance(contact, FieldFault)
    assert contact["decision_id"] == "d1"
    assert "contacts_presented" in plan
    assert "sort" not in plan.lower()
    assert "b-tree" not in plan.lower()
