"""Reads what is known of one customer, in one round trip over one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from service.decision.facts import (
    Consents,
    Enrolment,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
)
from service.decision.journey import Stage
from service.decision.reach import Reach
from service.state.contact_rows import contact_of_row, contacts_of
from service.state.kill_rows import KILLS, VERSIONS, read_versions
from service.state.pool_rows import read_uses, uses_of
from service.state.port import IncidentTimes, StateReading
from service.state.session import Row, Session, Sql, instant, micros, optional_instant
from service.state.version_rows import read_fact_versions

_FEEDS = Sql("SELECT source, heartbeat_at FROM feeds ORDER BY source")

STANDING = Sql("SELECT journey_id, stage, count(*) AS customers FROM enrolments GROUP BY journey_id, stage")


def read_situation(session: Session, customer_id: str, now: datetime, reach: Reach) -> StateReading:
    """A customer without rows has a situation of nothing but what concerns everybody: no event, nothing happened.

    Raises: PoolsUnknown.
    """
    versions, kills, used, feeds, customers, incidents, consents, contacts, responses, enrolments = session.ask(
        VERSIONS,
        KILLS,
        uses_of(reach.pools, now),
        _FEEDS,
        Sql("SELECT * FROM customers WHERE customer_id = ?", (customer_id,)),
        incidents_of(customer_id),
        consents_of(customer_id),
        contacts_of(customer_id, now, reach.contacts),
        _responses_of(customer_id, now - reach.responses),
        Sql("SELECT * FROM enrolments WHERE customer_id = ? ORDER BY journey_id", (customer_id,)),
    )
    everybodys = Situation(
        kills_version=read_versions(versions).get("kills", 0),
        kills={row["target"]: row["why"] for row in kills},
        uses=read_uses(reach.pools, used),
        feeds={row["source"]: instant(row["heartbeat_at"]) for row in feeds},
    )
    if not customers:
        return StateReading(situation=everybodys, incident_heard_at={})
    (row,), times = customers, read_incidents(incidents)
    situation = replace(
        everybodys,
        versions=read_fact_versions(row),
        contacts_version=row["contacts_version"],
        has_events=bool(row["has_events"]),
        incidents=_open_and_resolved(times),
        consents=read_consents(consents),
        contacts=tuple(map(contact_of_row, contacts)),
        responses=tuple(map(_response, responses)),
        enrolments={row["journey_id"]: _enrolment(row) for row in enrolments},
        last_purchase_at=optional_instant(row["last_purchase_at"]),
    )
    return StateReading(situation=situation, incident_heard_at={i.incident_id: i.heard_at for i in times})


def _responses_of(customer_id: str, since: datetime) -> Sql:
    """What the customer did; whether a contact took place at all is no response."""
    return Sql(
        "SELECT decision_id, journey_id, type, at FROM outcomes WHERE customer_id = ? AND at > ?"
        " AND type NOT IN ('PRESENTED', 'NOT_PRESENTED') ORDER BY at, outcome_id",
        (customer_id, micros(since)),
    )


def _response(row: Row) -> Response:
    return Response(
        decision_id=row["decision_id"],
        journey_id=row["journey_id"],
        type=row["type"],
        at=instant(row["at"]),
    )


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(journey_id=row["journey_id"], stage=Stage(row["stage"]), since=instant(row["since"]))


def incidents_of(customer_id: str) -> Sql:
    """Every incident of the customer, open or not."""
    return Sql("SELECT * FROM incidents WHERE customer_id = ? ORDER BY incident_id", (customer_id,))


def read_incidents(rows: Iterable[Row]) -> list[IncidentTimes]:
    return [
        IncidentTimes(
            incident_id=row["incident_id"],
            opened_at=optional_instant(row["opened_at"]),
            resolved_at=optional_instant(row["resolved_at"]),
            incident_class=row["incident_class"],
            severity=row["severity"],
        )
        for row in rows
    ]


def _open_and_resolved(incidents: Sequence[IncidentTimes]) -> OpenIncidents:
    return OpenIncidents(
        known=tuple(
            Incident(
                incident_id=i.incident_id,
                opened_at=i.opened_at,
                incident_class=i.incident_class,
                severity=i.severity,
            )
            for i in incidents
            if i.opened_at is not None and i.is_open
        ),
        resolved=tuple(
            ResolvedIncident(incident_class=i.incident_class, severity=i.severity, resolved_at=i.resolved_at)
            for i in incidents
            if i.resolved_at is not None and not i.is_open
        ),
        last_resolved_at=max((i.resolved_at for i in incidents if i.resolved_at is not None), default=None),
    )


def consents_of(customer_id: str) -> Sql:
    return Sql("SELECT * FROM consents WHERE customer_id = ?", (customer_id,))


def read_consents(rows: Sequence[Row]) -> Consents:
    def times(column: str) -> dict[tuple[str, str], datetime]:
        return {(r["purpose"], r["channel"]): instant(r[column]) for r in rows if r[column] is not None}

    return Consents(granted_at=times("granted_at"), withdrawn_at=times("withdrawn_at"))
