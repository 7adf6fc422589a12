"""A situation as it is read without any skill: every table whole, and what counts of it picked out in plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from service.decision.facts import (
    ANY,
    MOST_OPEN,
    MOST_RESOLVED,
    Consents,
    Contact,
    Enrolment,
    FactKind,
    Response,
    Situation,
    Use,
)
from service.decision.journey import JourneyKind, Stage
from service.state.engines.session import Session, Sql, from_micros, micros, optional_instant
from service.state.port import SituationQuestion, StateReading
from service.state.rows.incidents import incidents_of_situation, read_incidents
from service.state.rows.pools import pool_key

TABLES = (
    "customers", "incidents", "consents", "contacts", "outcomes", "enrolments", "latest_events",
    "kills", "versions", "pool_uses", "feeds",
)  # fmt: skip
Json = dict[str, Any]
Tables = dict[str, list[Json]]


def read_tables(session: Session) -> Tables:
    found = session.query(*(Sql(f"SELECT * FROM {name}") for name in TABLES))
    return {name: [dict(row) for row in rows] for name, rows in zip(TABLES, found, strict=True)}


def plain_reading(tables: Tables, asked: SituationQuestion) -> StateReading:
    """What is told of one customer."""
    own = {name: [row for row in rows if row.get("customer_id") == asked.customer_id] for name, rows in tables.items()}
    customer = next(iter(own["customers"]), None)
    open_, over = _incidents(own["incidents"], asked)
    heard = [row for row in own["incidents"] if row["incident_id"] in asked.named]
    resolved = [row["resolved_at"] for row in own["incidents"] if row["resolved_at"] is not None]
    listed = read_incidents([*open_, *over, *heard])
    situation = Situation(
        versions={} if customer is None else {kind: customer[f"{kind.value}_version"] for kind in FactKind},
        contacts_version=0 if customer is None else customer["contacts_version"],
        has_events=customer is not None and bool(customer["has_events"]),
        incidents=incidents_of_situation(open_, over, max(resolved, default=None)),
        consents=_consents(own["consents"], asked),
        contacts=tuple(_contacts(own["contacts"], asked)),
        responses=tuple(_responses(own["outcomes"], asked)),
        enrolments={
            row["journey_id"]: Enrolment(
                journey_id=row["journey_id"], stage=Stage(row["stage"]), since=from_micros(row["since"])
            )
            for row in own["enrolments"]
        },
        latest={r["name"]: from_micros(r["at"]) for r in own["latest_events"] if r["name"] in asked.reach.latest},
        kills_version=sum(row["version"] for row in tables["versions"] if row["name"] == "kills"),
        kills={row["target"]: row["why"] for row in tables["kills"]},
        uses=_uses(tables["pool_uses"], asked),
        feeds={
            r["source"]: from_micros(r["heartbeat_at"]) for r in tables["feeds"] if r["source"] in asked.reach.sources
        },
    )
    return StateReading(
        situation=situation, incident_heard_at={i.incident_id: i.heard_at for i in listed}, reach=asked.reach
    )


def _incidents(rows: Sequence[Json], asked: SituationQuestion) -> tuple[list[Json], list[Json]]:
    """The oldest that are open and the latest that are over; one of each more than are told."""
    since = micros(asked.now - asked.reach.grace)
    open_, over = list[Json](), list[Json]()
    for row in rows:
        began, ended = row["opened_at"], row["resolved_at"]
        if began is not None and (ended is None or began > ended):
            open_.append(row)
        elif ended is not None and ended > since:
            over.append(row)
    open_.sort(key=lambda row: (row["opened_at"], row["incident_id"]))
    over.sort(key=lambda row: (-row["resolved_at"], row["incident_id"]))
    return open_[: MOST_OPEN + 1], over[: MOST_RESOLVED + 1]


def _consents(rows: Sequence[Json], asked: SituationQuestion) -> Consents:
    purposes, channels = {ANY, *asked.reach.purposes}, {ANY, *asked.reach.channels}
    covering = [row for row in rows if row["purpose"] in purposes and row["channel"] in channels]

    def times(column: str) -> dict[tuple[str, str], Any]:
        return {(r["purpose"], r["channel"]): from_micros(r[column]) for r in covering if r[column] is not None}

    return Consents(granted_at=times("granted_at"), withdrawn_at=times("withdrawn_at"))


def _contacts(rows: Sequence[Json], asked: SituationQuestion) -> Iterator[Contact]:
    now, since = micros(asked.now), micros(asked.now - asked.reach.contacts)
    for row in sorted(rows, key=lambda row: (row["at"], row["decision_id"], row["journey_id"])):
        is_given_back = row["counts_until"] is not None and row["counts_until"] <= now
        is_in_reach = row["at"] > since or row["reserved_until"] > now
        if row["state"] == "RELEASED" or is_given_back or not is_in_reach:
            continue
        is_presented = row["state"] == "PRESENTED"
        yield Contact(
            decision_id=row["decision_id"],
            journey_id=row["journey_id"],
            kind=JourneyKind(row["kind"]),
            channel=row["channel"],
            at=from_micros(row["at"]),
            counts_until=optional_instant(row["counts_until"]),
            reserved_until=None if is_presented else from_micros(row["reserved_until"]),
            is_presented=is_presented,
            cost=row["cost"],
            decided_at=None if row["decided_at"] == row["at"] else from_micros(row["decided_at"]),
            presented_at=None if row["presented_at"] == row["at"] else optional_instant(row["presented_at"]),
        )


def _responses(rows: Sequence[Json], asked: SituationQuestion) -> list[Response]:
    since = micros(asked.now - asked.reach.responses)
    told: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        if row["at"] > since and row["type"] not in ("PRESENTED", "NOT_PRESENTED"):
            told.setdefault((row["decision_id"], row["journey_id"], row["type"]), []).append(row["at"])
    ends = sorted({(at, *key) for key, times in told.items() for at in (min(times), max(times))})
    return [Response(decision_id=d, journey_id=j, type=t, at=from_micros(at)) for at, d, j, t in ends]


def _uses(rows: Sequence[Json], asked: SituationQuestion) -> dict[str, tuple[Use, ...]]:
    found: dict[str, tuple[Use, ...]] = {}
    for pool in asked.reach.pools:
        mine = [r for r in rows if r["pool_key"] == pool_key(pool) and r["ends_at"] > micros(asked.now) and r["amount"]]
        uses = (Use(ends_at=from_micros(r["ends_at"]), amount=r["amount"]) for r in mine)
        if mine:
            found[pool.pool_id] = tuple(sorted(uses, key=lambda use: use.ends_at))
    return found
