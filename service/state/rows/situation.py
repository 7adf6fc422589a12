"""Reads what is known of one customer, in one round trip over one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import product

from service.decision.facts import (
    ANY,
    Consents,
    Enrolment,
    Response,
    Situation,
)
from service.decision.journey import Stage
from service.decision.reach import Reach
from service.state.engines.session import Row, Session, Sql, from_micros, micros, placeholders
from service.state.port import StateReading
from service.state.rows.contact_row import contact_of_row, contacts_query
from service.state.rows.incidents import (
    incidents_named,
    incidents_of_situation,
    open_incidents_of,
    read_incidents,
    resolved_incidents_of,
)
from service.state.rows.kills import KILLS, VERSIONS, read_versions
from service.state.rows.pools import read_uses, uses_query
from service.state.rows.versions import read_fact_versions

_CUSTOMER = (
    "SELECT c.*, (SELECT max(resolved_at) FROM incidents i WHERE i.customer_id = c.customer_id) AS last_resolved_at"
    " FROM customers c WHERE c.customer_id = ?"
)

STANDING = Sql("SELECT journey_id, stage, count(*) AS customers FROM enrolments GROUP BY journey_id, stage")


def read_situation(
    session: Session, customer_id: str, now: datetime, reach: Reach, named: Collection[str] = ()
) -> StateReading:
    """A customer without rows has a situation of nothing but what concerns everybody: no event, nothing happened.

    `named`: incidents of which it is told when they were last heard of, whether they count or not.

    Raises: PoolsUnknown.
    """
    asked = [incidents_named(customer_id, named)] if named else []
    versions, kills, used, feeds, customers, *own = session.query(
        VERSIONS,
        KILLS,
        uses_query(reach.pools, now),
        _feeds_of(reach.sources),
        Sql(_CUSTOMER, (customer_id,)),
        open_incidents_of(customer_id),
        resolved_incidents_of(customer_id, now - reach.grace),
        _consents_for(customer_id, reach),
        contacts_query(customer_id, now, reach.contacts),
        _responses_of(customer_id, now - reach.responses),
        Sql("SELECT * FROM enrolments WHERE customer_id = ? ORDER BY journey_id", (customer_id,)),
        _latest_of(customer_id, reach.latest),
        *asked,
    )
    open_, over, consents, contacts, responses, enrolments, latest, *heard = own
    everybodys = Situation(
        kills_version=read_versions(versions).kills,
        kills={row["target"]: row["why"] for row in kills},
        uses=read_uses(reach.pools, used),
        feeds={row["source"]: from_micros(row["heartbeat_at"]) for row in feeds},
    )
    if not customers:
        return StateReading(situation=everybodys, incident_heard_at={}, reach=reach)
    (row,) = customers
    situation = replace(
        everybodys,
        versions=read_fact_versions(row),
        contacts_version=row["contacts_version"],
        has_events=bool(row["has_events"]),
        incidents=incidents_of_situation(open_, over, row["last_resolved_at"]),
        consents=read_consents(consents),
        contacts=tuple(map(contact_of_row, contacts)),
        responses=_responses(responses),
        enrolments={row["journey_id"]: _enrolment(row) for row in enrolments},
        latest={row["name"]: from_micros(row["at"]) for row in latest},
    )
    listed = read_incidents([*open_, *over, *(row for rows in heard for row in rows)])
    return StateReading(situation=situation, incident_heard_at={i.incident_id: i.heard_at for i in listed}, reach=reach)


def _responses_of(customer_id: str, since: datetime) -> Sql:
    """What the customer did, the first and the last of a kind to one contact; whether it took place is no response."""
    return Sql(
        "SELECT decision_id, journey_id, type, min(at) AS first_at, max(at) AS last_at FROM outcomes"
        " WHERE customer_id = ? AND at > ? AND type NOT IN ('PRESENTED', 'NOT_PRESENTED')"
        " GROUP BY decision_id, journey_id, type",
        (customer_id, micros(since)),
    )


def _responses(rows: Iterable[Row]) -> tuple[Response, ...]:
    found = {
        Response(decision_id=r["decision_id"], journey_id=r["journey_id"], type=r["type"], at=from_micros(r[at]))
        for r in rows
        for at in ("first_at", "last_at")
    }
    return tuple(sorted(found, key=lambda r: (r.at, r.decision_id, r.journey_id, r.type)))


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(journey_id=row["journey_id"], stage=Stage(row["stage"]), since=from_micros(row["since"]))


def _feeds_of(sources: Iterable[str]) -> Sql:
    """A question for the last heartbeats of these."""
    listed = sorted(sources)
    return Sql(f"SELECT source, heartbeat_at FROM feeds WHERE source IN {placeholders(listed)} ORDER BY source", listed)


def _latest_of(customer_id: str, names: Iterable[str]) -> Sql:
    """A question for when these last happened."""
    listed = sorted(names)
    return Sql(
        f"SELECT name, at FROM latest_events WHERE customer_id = ? AND name IN {placeholders(listed)} ORDER BY name",
        (customer_id, *listed),
    )


def _consents_for(customer_id: str, reach: Reach) -> Sql:
    """A question for what covers one of these purposes on one of these channels, each looked up by its whole key."""
    covering = list(product(sorted({*reach.purposes, ANY}), sorted({*reach.channels, ANY})))
    return Sql(
        f"SELECT c.* FROM (VALUES {', '.join(placeholders(key) for key in covering)}) AS k CROSS JOIN consents c"
        " WHERE c.purpose = k.column1 AND c.channel = k.column2 AND c.customer_id = ?",
        (*(name for key in covering for name in key), customer_id),
    )


def read_consents(rows: Sequence[Row]) -> Consents:
    def times(column: str) -> dict[tuple[str, str], datetime]:
        return {(r["purpose"], r["channel"]): from_micros(r[column]) for r in rows if r[column] is not None}

    return Consents(granted_at=times("granted_at"), withdrawn_at=times("withdrawn_at"))
