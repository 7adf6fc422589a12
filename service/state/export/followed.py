"""What followed some decisions: their contacts and outcomes, and the rewards that these and the events amount to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from service.decision.facts_record import Json
from service.state.engines.session import Row, Session, Sql, from_micros, micros, optional_instant, placeholders
from service.state.export.kept import Objectives, Read
from service.state.export.rewards import (
    STILL_RESERVED,
    UNPRESENTED,
    AsOf,
    Occurrence,
    Presentation,
    Reward,
    RewardObjective,
    reward_of,
)
from service.state.export.rows import ContactResult, happened_at, presented_at
from service.state.port import IMPORTED
from service.state.rows.catalogues import catalogue_source

_MICROSECOND = timedelta(microseconds=1)
Records = Mapping[str, tuple[Row, Json]]
"""By decision id: its row, and the record in it."""


@dataclass(slots=True, kw_only=True)
class _RankedJourney:
    """One ranked journey, with what its reward follows from."""

    decision: Row
    record: Json
    ranked: Json
    contact: Row | None = None
    outcomes: list[Row] = field(default_factory=list)
    objective: RewardObjective | None = None
    attributes: Mapping[str, str] | None = None
    expects: str | None = None

    @property
    def customer_id(self) -> str:
        return str(self.decision["customer_id"])

    @property
    def journey_id(self) -> str:
        return str(self.ranked["journey_id"])

    @property
    def presented_at(self) -> int | None:
        return presented_at(self.contact, self.outcomes)

    @property
    def waits_for(self) -> tuple[int, int] | None:
        """The window of an event that would meet its objective."""
        at, objective = self.presented_at, self.objective
        if at is None or objective is None or objective.event is None:
            return None
        return at, at + objective.within // _MICROSECOND


def followed_by(
    session: Session, records: Records, objectives: Objectives, as_of: AsOf
) -> Mapping[str, Mapping[str, ContactResult]]:
    """What followed on every ranked journey of these decisions, by decision id and journey id."""
    ranked_journeys = {
        (decision_id, ranked["journey_id"]): _RankedJourney(decision=row, record=record, ranked=ranked)
        for decision_id, (row, record) in records.items()
        for ranked in record["output"]["ranked"]
    }
    _read_contacts(session, ranked_journeys, list(records))
    _look_up(session, ranked_journeys.values(), objectives)
    history = _History.read(session, ranked_journeys.values(), as_of.now)
    found: dict[str, dict[str, ContactResult]] = {decision_id: {} for decision_id in records}
    for (decision_id, journey_id), one in ranked_journeys.items():
        reward = _reward(one, history, as_of)
        found[decision_id][journey_id] = ContactResult(
            contact=one.contact,
            outcomes=one.outcomes,
            reward=reward,
            attributes=one.attributes,
            expects=one.expects,
        )
    return found


def _look_up(session: Session, ranked: Iterable[_RankedJourney], objectives: Objectives) -> None:
    """In the catalogues that they were decided by; what was imported says it itself."""
    read: Read = partial(catalogue_source, session)
    for one in ranked:
        if IMPORTED in one.record:
            said = one.record[IMPORTED]
            one.attributes = said.get("attributes", {}).get(one.journey_id)
            one.expects = said.get("expects", {}).get(one.journey_id)
            continue
        version = one.record["input"]["catalogue_version"]
        journey = objectives.journey_of(read, version, one.journey_id)
        if journey is not None:
            one.attributes = journey.attributes
            one.expects = journey.expects.get(one.ranked["action_id"]) or None
        if one.presented_at is not None:
            one.objective = objectives.of(read, version, one.journey_id)


def _read_contacts(session: Session, ranked: Mapping[tuple[str, str], _RankedJourney], ids: Sequence[str]) -> None:
    contacts, outcomes = session.query(
        Sql(f"SELECT * FROM contacts WHERE decision_id IN {placeholders(ids)}", ids),
        Sql(f"SELECT * FROM outcomes WHERE decision_id IN {placeholders(ids)} ORDER BY occurred_at, outcome_id", ids),
    )
    for row in contacts:
        ranked[row["decision_id"], row["journey_id"]].contact = row
    for row in outcomes:
        ranked[row["decision_id"], row["journey_id"]].outcomes.append(row)


def _reward(one: _RankedJourney, history: _History, as_of: AsOf) -> Reward:
    if IMPORTED in one.record:
        amount, is_censored, ends = one.record[IMPORTED]["rewards"][one.journey_id]
        return Reward(amount=amount, is_censored=is_censored, window_ends_at=optional_instant(ends))
    at = one.presented_at
    if at is None or one.objective is None:
        return STILL_RESERVED if _is_reserved(one.contact, as_of.now) else UNPRESENTED
    again_at = history.presented_after(one, at)
    return reward_of(
        one.objective,
        one.ranked["value"],
        Presentation(at=from_micros(at), again_at=again_at),
        [Occurrence(type=o["type"], at=from_micros(happened_at(o)), value=o["value"]) for o in one.outcomes],
        history.events[one.customer_id],
        as_of,
    )


def _is_reserved(contact: Row | None, now: datetime) -> bool:
    return contact is not None and contact["state"] == "RESERVED" and micros(now) < contact["reserved_until"]


class _History:
    """The events and contacts of some customers that rewards may depend on."""

    def __init__(self, events: Iterable[Row], contacts: Iterable[Row]) -> None:
        self.events: dict[str, list[Occurrence]] = defaultdict(list)
        self._presented: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for row in events:
            attributes = json.loads(row["attributes"])
            at = from_micros(min(row["occurred_at"], row["received_at"]))
            happened = Occurrence(type=row["type"], at=at, attributes=attributes)
            self.events[row["customer_id"]].append(happened)
        for row in contacts:
            self._presented[row["customer_id"], row["journey_id"]].append((row["presented_at"], row["decision_id"]))

    @classmethod
    def read(cls, session: Session, ranked: Iterable[_RankedJourney], now: datetime) -> _History:
        """Reads the events and contacts that decide the objectives whose windows are over."""
        waiting = [
            (one, window) for one in ranked if (window := one.waits_for) is not None and window[1] <= micros(now)
        ]
        if not waiting:
            return cls((), ())
        customers, journeys = sorted({o.customer_id for o, _ in waiting}), sorted({o.journey_id for o, _ in waiting})
        types = sorted({o.objective.event for o, _ in waiting if o.objective is not None and o.objective.event})
        during = min(begins for _, (begins, _) in waiting), max(ends for _, (_, ends) in waiting)
        return cls(
            *session.query(
                Sql(
                    "SELECT customer_id, type, occurred_at, received_at, attributes FROM events"
                    f" WHERE customer_id IN {placeholders(customers)} AND occurred_at >= ? AND received_at >= ?"
                    f" AND (occurred_at <= ? OR received_at <= ?) AND type IN {placeholders(types)}",
                    (*customers, during[0], during[0], during[1], during[1], *types),
                ),
                Sql(
                    "SELECT customer_id, journey_id, decision_id, presented_at FROM contacts"
                    f" WHERE customer_id IN {placeholders(customers)} AND at >= ? AND presented_at BETWEEN ? AND ?"
                    f" AND journey_id IN {placeholders(journeys)}",
                    (*customers, during[0], *during, *journeys),
                ),
            )
        )

    def presented_after(self, one: _RankedJourney, at: int) -> datetime | None:
        """When the journey was next presented to the customer; of two at one instant the greater decision id is."""
        this = at, one.decision["decision_id"]
        later = [other for other in self._presented[one.customer_id, one.journey_id] if other > this]
        return from_micros(min(later)[0]) if later else None
