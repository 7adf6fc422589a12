"""Customers of whom little is known, and others with thousands of contacts or events.

The events of one are told to the service, contacts are rows of the store; then both are there again for others.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc

from rumbo.decision.v1 import events_pb2, row_pb2, value_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.benchmarks.speed.contenders import Contender
from tests.benchmarks.speed.grocer import Grocer, repeat_features

FEW, CONTACTS, EVENTS = 10, 5_000, 10_000
ALIKE = 40
"""Customers of each kind, so that none is asked about so often that nothing may be shown any more."""
DAYS = 300
QUIET_DAYS = 10
"""So long ago the latest is: no limit is reached by what was, and no incident is in its time of grace."""
AT_ONCE = 500
KINDS = ("purchase", "incident.opened", "incident.resolved", "consent.granted", "journey.entered")
CONSENT = {"purpose": "marketing", "channel": "app"}
ENTERED = {"journey_id": "pantry-mailer", "stage": "select"}
BY_CUSTOMER = ("consents", "incidents", "moves", "enrolments", "latest_events", "customers", "events", "contacts")
"""The tables of what is known of one; of events the id is their own, of contacts that of the decision."""
OWN_IDS = {"events": "event_id", "contacts": "decision_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Customers alike, who differ from others in what happened to them alone."""

    name: str
    contacts: int
    events: int

    @property
    def first(self) -> str:
        return self.customers[0]

    @property
    def customers(self) -> list[str]:
        return [f"{self.name}-{n}" for n in range(ALIKE)]


FEW_OF_ALL = Kind(name="few", contacts=FEW, events=FEW)
KINDS_OF_CUSTOMERS = (
    FEW_OF_ALL,
    Kind(name="contacts", contacts=CONTACTS, events=FEW),
    Kind(name="events", contacts=FEW, events=EVENTS),
)


async def busy(contender: Contender, grocer: Grocer) -> None:
    """Makes them beside a running service, from one customer of the source who has given every consent."""
    with closing(sqlite3.connect(grocer.state_file)) as database:
        base = _with_consents(database)
    firsts = [kind.first for kind in KINDS_OF_CUSTOMERS]
    repeat_features(grocer, base, firsts)
    repeat_state(grocer, base, firsts)
    for kind in KINDS_OF_CUSTOMERS:
        await _tell_events(contender, kind)
    with closing(sqlite3.connect(grocer.state_file)) as database:
        until_s = contender.tree.patience()
        while database.execute("SELECT count(*) FROM outbox").fetchone() != (0,):
            contender.tree.demand_life(until_s)
            await asyncio.sleep(0.1)
    for kind in KINDS_OF_CUSTOMERS:
        _add_contacts(grocer, kind)
        repeat_state(grocer, kind.first, kind.customers[1:])
        repeat_features(grocer, kind.first, kind.customers[1:])


def _with_consents(database: sqlite3.Connection) -> str:
    question = (
        "SELECT customer_id FROM consents WHERE customer_id NOT LIKE 'copy-%' AND granted_at IS NOT NULL"
        " GROUP BY customer_id ORDER BY count(*) DESC, customer_id LIMIT 1"
    )
    (found,) = database.execute(question).fetchone()
    return str(found)


async def _tell_events(contender: Contender, kind: Kind) -> None:
    """In batches, the earliest first."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{contender.port}") as channel:
        stub = DecisionServiceStub(channel)
        rows = list(_events(kind))
        for first in range(0, len(rows), AT_ONCE):
            sent = events_pb2.RecordEventsRequest(events=rows[first : first + AT_ONCE])
            told = await stub.RecordEvents(sent, timeout=60.0)
            refused = [result for result in told.results if result.status != row_pb2.ROW_STATUS_ACCEPTED]
            assert not refused, refused[0]


def _events(kind: Kind) -> Iterator[events_pb2.Event]:
    now = datetime.now(UTC)
    for n in range(kind.events):
        ago = DAYS - (DAYS - QUIET_DAYS) * n / kind.events
        event = events_pb2.Event(
            event_id=f"{kind.name}-{n}",
            customer_id=kind.first,
            source="bench",
            type=KINDS[n % len(KINDS)],
            attributes=_attributes(n),
        )
        event.occurred_at.FromDatetime(now - timedelta(days=ago))
        yield event


def _attributes(n: int) -> dict[str, value_pb2.Value]:
    match KINDS[n % len(KINDS)]:
        case "purchase":
            return {"amount": value_pb2.Value(double_value=20.0)}
        case "incident.opened":
            return {"incident_id": value_pb2.Value(string_value=f"i{n}")}
        case "incident.resolved":
            return {"incident_id": value_pb2.Value(string_value=f"i{n - 1}")}
        case "consent.granted":
            return {name: value_pb2.Value(string_value=text) for name, text in CONSENT.items()}
    return {name: value_pb2.Value(string_value=text) for name, text in ENTERED.items()}


def _add_contacts(grocer: Grocer, kind: Kind) -> None:
    """Presented, over the days before the quiet ones. Their decisions are not kept, as after a retention."""
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    day_us = 86_400_000_000
    columns = (
        "decision_id, journey_id, customer_id, kind, channel, stage, at, decided_at, presented_at, reserved_until,"
        " counts_until, state, cost, displaces"
    )
    rows = []
    for n in range(kind.contacts):
        at = now_us - QUIET_DAYS * day_us - n * (DAYS - QUIET_DAYS) * day_us // kind.contacts
        own = (f"{kind.name}-{n}", "pantry-mailer", kind.first, "promotional", "app", "select")
        rows.append((*own, at, at, at, at + day_us // 96, None, "PRESENTED", 0.0, "[]"))
    marks = ", ".join("?" * len(rows[0]))
    with closing(sqlite3.connect(grocer.state_file)) as database, database:
        database.executemany(f"INSERT INTO contacts ({columns}) VALUES ({marks})", rows)


def repeat_state(grocer: Grocer, one: str, others: Sequence[str]) -> None:
    """All that the store knows of one, for others too."""
    with closing(sqlite3.connect(grocer.state_file)) as database, database:
        for table in BY_CUSTOMER:
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "customer_id"]
            own = OWN_IDS.get(table)
            taken = ", ".join(f":other || '-' || {name}" if name == own else name for name in names)
            database.executemany(
                f"INSERT INTO {table} (customer_id, {', '.join(names)}) SELECT :other, {taken} FROM {table}"
                " WHERE customer_id = :one",
                [{"other": other, "one": one} for other in others],
            )
        database.execute("ANALYZE")
