"""Reads of a customer's incidents those that can still count, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from service.decision.facts import MOST_OPEN, MOST_RESOLVED, Incident, OpenIncidents, ResolvedIncident
from service.state.engines.session import Row, Sql, from_micros, micros, optional_instant, placeholders
from service.state.port import IncidentTimes

_OPEN = "opened_at IS NOT NULL AND (resolved_at IS NULL OR opened_at > resolved_at)"
"""As the index `incidents_open` has it."""


def open_incidents_of(customer_id: str) -> Sql:
    """The oldest, and one more than are told."""
    return Sql(
        f"SELECT * FROM incidents WHERE customer_id = ? AND {_OPEN} ORDER BY opened_at, incident_id LIMIT ?",
        (customer_id, MOST_OPEN + 1),
    )


def resolved_incidents_of(customer_id: str, since: datetime) -> Sql:
    """The latest that are over since then, and one more than are told apart."""
    return Sql(
        "SELECT * FROM incidents WHERE customer_id = ? AND resolved_at > ?"
        " AND (opened_at IS NULL OR opened_at <= resolved_at) ORDER BY resolved_at DESC, incident_id LIMIT ?",
        (customer_id, micros(since), MOST_RESOLVED + 1),
    )


def incidents_named(customer_id: str, ids: Iterable[str]) -> Sql:
    """The query for the incidents of these ids, open or not."""
    listed = sorted(ids)
    return Sql(
        f"SELECT * FROM incidents WHERE customer_id = ? AND incident_id IN {placeholders(listed)}",
        (customer_id, *listed),
    )


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


def incidents_of_situation(open_: Iterable[Row], over: Iterable[Row], last: int | None) -> OpenIncidents:
    """The incidents of a situation, in a bounded number; `last` is when any was last resolved (microseconds)."""
    found = OpenIncidents(
        known=tuple(
            Incident(
                incident_id=row["incident_id"],
                opened_at=from_micros(row["opened_at"]),
                incident_class=row["incident_class"],
                severity=row["severity"],
            )
            for row in open_
        ),
        resolved=tuple(
            ResolvedIncident(
                incident_class=row["incident_class"],
                severity=row["severity"],
                resolved_at=from_micros(row["resolved_at"]),
            )
            for row in sorted(over, key=lambda row: str(row["incident_id"]))
        ),
        last_resolved_at=optional_instant(last),
    )
    return found.bounded()
