"""Reads of a customer's incidents those that can still count, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.decision.facts import Incident, OpenIncidents, ResolvedIncident
from service.state.engines.session import Row, from_micros, optional_instant
from service.state.port import IncidentTimes

INCIDENT_COLUMNS = ("customer_id", "incident_id", "opened_at", "resolved_at", "incident_class", "severity")
IS_OPEN = "opened_at IS NOT NULL AND (resolved_at IS NULL OR opened_at > resolved_at)"
"""As the index `incidents_open` has it."""
IS_OVER = "(opened_at IS NULL OR opened_at <= resolved_at)"


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


def incidents_of_situation(open_: Sequence[Row], over: Sequence[Row], last: int | None) -> OpenIncidents:
    """The incidents of a situation, in a bounded number; `last` is when any was last resolved (microseconds)."""
    if not open_ and not over:
        return OpenIncidents(last_resolved_at=optional_instant(last))
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
