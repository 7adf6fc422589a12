"""What the tables hold of customers: each table is asked once about all of them, and about none who has nothing in it.

A customer's row has a version for each kind of facts, raised with every row of that kind: while it is 0 there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from service.decision.facts import ANY, ConsentKey, Consents, Contact, Enrolment, OpenIncidents, Response
from service.decision.journey import Stage
from service.decision.reach import Reach
from service.state.engines.session import Row, Session, Sql, cells, from_micros, micros
from service.state.port import IncidentTimes
from service.state.rows.contact_row import contact_of
from service.state.rows.incidents import incidents_of_situation, read_incidents
from service.state.rows.situation_queries import (
    consents_of,
    contacts_of,
    enrolments_of,
    incidents_named,
    incidents_of,
    latest_of,
    responses_of,
)

Read = TypeVar("Read")
Cells = Sequence[Any]
_CONSENT = itemgetter("purpose", "channel", "granted_at", "withdrawn_at")
_IN_ORDER = attrgetter("at", "decision_id", "journey_id")
_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a batch, in which the same is asked once. `place`: its number, which its rows carry."""

    place: int
    customer_id: str
    now: datetime
    reach: Reach
    named: tuple[str, ...]

    def since(self, back: timedelta) -> int:
        return micros(self.now - back)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRows:
    """The rows by the place of the question they are about, or by customer where they are alike for all of hers."""

    contacts: Mapping[int, Sequence[Cells]]
    responses: Mapping[int, Sequence[Cells]]
    incidents: Mapping[int, Sequence[Row]]
    heard: Mapping[int, Sequence[Row]]
    consents: Mapping[str, Sequence[Cells]]
    enrolments: Mapping[str, Sequence[Cells]]
    latest: Mapping[str, Sequence[Cells]]

    def contacts_of(self, asked: Asked) -> tuple[Contact, ...]:
        rows = self.contacts.get(asked.place)
        return _contacts(rows) if rows else ()

    def responses_of(self, asked: Asked) -> tuple[Response, ...]:
        rows = self.responses.get(asked.place)
        if not rows:
            return ()
        told = sorted(
            (at, decision_id, journey_id, type_)
            for _, decision_id, journey_id, type_, first, last in rows
            for at in ((first,) if first == last else (first, last))
        )
        return tuple(
            Response(decision_id=decision_id, journey_id=journey_id, type=type_, at=from_micros(at))
            for at, decision_id, journey_id, type_ in told
        )

    def incidents_of(self, asked: Asked, last_resolved_at: int | None) -> OpenIncidents:
        rows = self.incidents.get(asked.place, ())
        open_, over = ([row for row in rows if row["is_open"] == is_open] for is_open in (1, 0))
        return incidents_of_situation(open_, over, last_resolved_at)

    def incident_times(self, asked: Asked) -> list[IncidentTimes]:
        """Of those that count, and of those that were asked for by their ids."""
        return read_incidents([*self.incidents.get(asked.place, ()), *self.heard.get(asked.place, ())])

    def consents_of(self, asked: Asked) -> Consents:
        rows = self.consents.get(asked.customer_id)
        covers = asked.reach.covers
        return _consents(row[1:] for row in rows if covers(row[1], row[2])) if rows else Consents()

    def enrolments_of(self, asked: Asked) -> dict[str, Enrolment]:
        rows = self.enrolments.get(asked.customer_id, ())
        return {
            journey_id: Enrolment(journey_id=journey_id, stage=_STAGES[stage], since=from_micros(since))
            for _, journey_id, stage, since in sorted(map(tuple, rows))
        }

    def latest_of(self, asked: Asked) -> dict[str, datetime]:
        rows = self.latest.get(asked.customer_id, ())
        return {name: from_micros(at) for _, name, at in sorted(map(tuple, rows)) if name in asked.reach.latest}


def read_own(session: Session, known: Sequence[tuple[Asked, Row]]) -> OwnRows:
    """Of those who have a row of their own, which comes with each."""

    def having(column: str) -> list[Asked]:
        return [asked for asked, row in known if row[column]]

    with_incidents = having("incidents_version")
    contacts, responses, incidents, heard, consents, enrolments, latest = answers(
        session,
        _contacts_of(having("contacts_version")),
        _responses_of(having("outcomes_version")),
        _incidents_of(with_incidents),
        _heard_of(with_incidents),
        _consents_of(having("consents_version")),
        _enrolments_of(having("places_version")),
        _latest_of(having("has_events")),
    )
    return OwnRows(
        contacts=_by_first(contacts),
        responses=_by_first(responses),
        incidents=_by_place(incidents),
        heard=_by_place(heard),
        consents=_by_first(consents),
        enrolments=_by_first(enrolments),
        latest=_by_first(latest),
    )


def answers(session: Session, *questions: Sql | None) -> list[Sequence[Row]]:
    """The rows of each question; None is not asked, and finds nothing."""
    given = [question for question in questions if question is not None]
    found = iter(session.query(*given) if given else ())
    return [() if question is None else next(found) for question in questions]


def read_contacts(session: Session, customer_id: str, now: datetime, back: timedelta) -> tuple[Contact, ...]:
    """Those that count at this time, as a situation has them."""
    (rows,) = session.query(contacts_of([(0, customer_id, micros(now - back), micros(now))]))
    return _contacts(cells(rows))


def read_consents(rows: Iterable[Row]) -> Consents:
    return _consents(map(_CONSENT, rows))


def _contacts_of(asked: Sequence[Asked]) -> Sql | None:
    keys = [(one.place, one.customer_id, one.since(one.reach.contacts), micros(one.now)) for one in asked]
    return contacts_of(keys) if keys else None


def _responses_of(asked: Sequence[Asked]) -> Sql | None:
    keys = [(one.place, one.customer_id, one.since(one.reach.responses)) for one in asked]
    return responses_of(keys) if keys else None


def _incidents_of(asked: Sequence[Asked]) -> Sql | None:
    keys = [(one.place, one.customer_id, one.since(one.reach.grace)) for one in asked]
    return incidents_of(keys) if keys else None


def _heard_of(asked: Sequence[Asked]) -> Sql | None:
    keys = [(one.place, one.customer_id, incident_id) for one in asked for incident_id in one.named]
    return incidents_named(keys) if keys else None


def _consents_of(asked: Sequence[Asked]) -> Sql | None:
    keys = dict.fromkeys((one.customer_id, channel) for one in asked for channel in (*one.reach.channels, ANY))
    purposes = {ANY}.union(*(one.reach.purposes for one in asked))
    return consents_of(list(keys), sorted(purposes)) if keys else None


def _enrolments_of(asked: Sequence[Asked]) -> Sql | None:
    customers = list(dict.fromkeys(one.customer_id for one in asked))
    return enrolments_of(customers) if customers else None


def _latest_of(asked: Sequence[Asked]) -> Sql | None:
    customers = list(dict.fromkeys(one.customer_id for one in asked if one.reach.latest))
    names = {name for one in asked for name in one.reach.latest}
    return latest_of(customers, sorted(names)) if customers else None


def _contacts(rows: Iterable[Cells]) -> tuple[Contact, ...]:
    return tuple(sorted([contact_of(*row) for _, *row in rows], key=_IN_ORDER))


def _consents(rows: Iterable[Cells]) -> Consents:
    granted: dict[ConsentKey, datetime] = {}
    withdrawn: dict[ConsentKey, datetime] = {}
    for purpose, channel, granted_at, withdrawn_at in rows:
        if granted_at is not None:
            granted[purpose, channel] = from_micros(granted_at)
        if withdrawn_at is not None:
            withdrawn[purpose, channel] = from_micros(withdrawn_at)
    return Consents(granted_at=granted, withdrawn_at=withdrawn)


def _by_first(rows: Sequence[Row]) -> Mapping[Any, Sequence[Cells]]:
    found: dict[Any, list[Cells]] = {}
    for row in cells(rows):
        found.setdefault(row[0], []).append(row)
    return found


def _by_place(rows: Sequence[Row]) -> Mapping[int, Sequence[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["place"], []).append(row)
    return found
