"""The events, outcomes and presented contacts of some customers that rewards may depend on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from service.state.engines.session import Row, Session, Sql, from_micros, micros, placeholders
from service.state.export.rewards import Met, Occurrence, RewardObjective, met_by, met_by_outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """For an event of this type, or an outcome of any contact, from `begins` to `ends`.

    `journey_id`: of what was presented when it begins.
    """

    customer_id: str
    type: str
    begins: int
    ends: int
    journey_id: str | None = None
    is_outcome: bool = False


def happened_at(outcome: Row) -> int:
    """When what an outcome tells took place: not before its decision, nor after it came."""
    return int(min(outcome["at"], outcome["received_at"]))


class History:
    """`events` by customer. What is asked of the others is remembered."""

    def __init__(self, events: Iterable[Row], outcomes: Iterable[Row], contacts: Iterable[Row]) -> None:
        self.events: dict[str, list[Occurrence]] = defaultdict(list)
        self._outcomes: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
        self._answered: set[str] = set()
        self._presented: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        self._met: dict[tuple[str, tuple[str, str]], Sequence[Met]] = {}
        for row in events:
            attributes = json.loads(row["attributes"])
            at = from_micros(min(row["occurred_at"], row["received_at"]))
            happened = Occurrence(type=row["type"], at=at, attributes=attributes)
            self.events[row["customer_id"]].append(happened)
        for row in outcomes:
            told = Occurrence(type=row["type"], at=from_micros(happened_at(row)), value=row["value"])
            self._outcomes[row["customer_id"], row["journey_id"]].append(told)
            self._answered.add(row["customer_id"])
        for row in contacts:
            self._presented[row["customer_id"], row["journey_id"]].append((row["presented_at"], row["decision_id"]))

    @classmethod
    def read(cls, session: Session, waits: Iterable[Wait], now: datetime) -> Self:
        """Reads what decides the windows that are over."""
        over = [wait for wait in waits if wait.ends <= micros(now)]
        parts = (
            _events([wait for wait in over if not wait.is_outcome]),
            _outcomes([wait for wait in over if wait.is_outcome]),
            _contacts([wait for wait in over if wait.journey_id is not None]),
        )
        asked = [question for question in parts if question is not None]
        found = iter(session.query(*asked) if asked else ())
        events, outcomes, contacts = (() if question is None else next(found) for question in parts)
        return cls(events, outcomes, contacts)

    def is_empty(self, customer_id: str) -> bool:
        """Whether nothing of the customer could meet any objective."""
        return not self.events.get(customer_id) and customer_id not in self._answered

    def presented_after(self, customer_id: str, journey_id: str, this: tuple[int, str]) -> datetime | None:
        """When the journey was next presented to the customer; of two at one instant the greater decision id is.

        Args:
            this: when it was presented, and by which decision.
        """
        later = [other for other in self._presented[customer_id, journey_id] if other > this]
        return from_micros(min(later)[0]) if later else None

    def met(self, customer_id: str, key: tuple[str, str], objective: RewardObjective) -> Sequence[Met]:
        """What the customer did that meets an objective, by time. `key` names it: catalogue and journey."""
        found = self._met.get((customer_id, key))
        if found is None:
            found = self._met[customer_id, key] = (
                met_by_outcomes(objective, self._outcomes.get((customer_id, key[1]), ()))
                if objective.event is None
                else met_by(objective, self.events.get(customer_id, ()))
            )
        return found


def _events(over: Sequence[Wait]) -> Sql | None:
    return _told("SELECT customer_id, type, occurred_at, received_at, attributes FROM events", "occurred_at", over)


def _outcomes(over: Sequence[Wait]) -> Sql | None:
    return _told("SELECT customer_id, journey_id, type, value, at, received_at FROM outcomes", "at", over)


def _told(select: str, at: str, over: Sequence[Wait]) -> Sql | None:
    """What happened in the windows: at the earlier of its time and of when it came."""
    if not over:
        return None
    customers, types = sorted({wait.customer_id for wait in over}), sorted({wait.type for wait in over})
    begins, ends = min(wait.begins for wait in over), max(wait.ends for wait in over)
    return Sql(
        f"{select} WHERE customer_id IN {placeholders(customers)} AND {at} >= ? AND received_at >= ?"
        f" AND ({at} <= ? OR received_at <= ?) AND type IN {placeholders(types)}",
        (*customers, begins, begins, ends, ends, *types),
    )


def _contacts(over: Sequence[Wait]) -> Sql | None:
    if not over:
        return None
    customers = sorted({wait.customer_id for wait in over})
    journeys = sorted({wait.journey_id for wait in over if wait.journey_id is not None})
    begins, ends = min(wait.begins for wait in over), max(wait.ends for wait in over)
    return Sql(
        "SELECT customer_id, journey_id, decision_id, presented_at FROM contacts"
        f" WHERE customer_id IN {placeholders(customers)} AND at >= ? AND presented_at BETWEEN ? AND ?"
        f" AND journey_id IN {placeholders(journeys)}",
        (*customers, begins, begins, ends, *journeys),
    )
