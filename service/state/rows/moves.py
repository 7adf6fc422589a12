"""Keeps what moves a customer through a journey, and the place that follows from all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from service.state.engines.session import Session, Sql, from_micros, micros
from service.state.rows.fold import JourneyMove, Move, enrolment

Place = tuple[str, str]
"""(customer id, journey id)"""


class Moves:
    """The moves of some customers through some journeys; changes are told to the store in the end, each place once."""

    def __init__(self, session: Session, places: Iterable[Place]) -> None:
        listed = sorted(set(places))
        found = session.query(*(_moves_of(place) for place in listed))
        self._session = session
        self._moves = {
            place: {JourneyMove(from_micros(r["at"]), Move(r["move"]), r["row_id"], r["stage"]) for r in rows}
            for place, rows in zip(listed, found, strict=True)
        }
        self._moved: dict[Place, None] = {}

    def keep(self, place: Place, move: JourneyMove) -> None:
        """Adds a move. Two of one key are one."""
        known = self._moves[place]
        if any((m.at, m.move, m.row_id) == (move.at, move.move, move.row_id) for m in known):
            return
        known.add(move)
        self._moved[place] = None
        self._session.execute(
            Sql(
                "INSERT INTO moves (customer_id, journey_id, at, move, row_id, stage) VALUES (?, ?, ?, ?, ?, ?)",
                (*place, micros(move.at), int(move.move), move.row_id, move.stage),
            )
        )

    def keep_first(self, place: Place, move: JourneyMove) -> None:
        """Adds a move. Several of one kind and row id are one move, of which the earliest stays."""
        self._keep_one(place, move, min)

    def keep_last(self, place: Place, move: JourneyMove) -> None:
        """Adds a move, as `keep_first`; the latest stays."""
        self._keep_one(place, move, max)

    def _keep_one(self, place: Place, move: JourneyMove, of: Callable[[Iterable[JourneyMove]], JourneyMove]) -> None:
        same = {m for m in self._moves[place] if (m.move, m.row_id) == (move.move, move.row_id)}
        if same and of((move, *same)) in same:
            return
        self._moves[place] -= same
        if same:
            self._session.execute(
                Sql(
                    "DELETE FROM moves WHERE customer_id = ? AND journey_id = ? AND move = ? AND row_id = ?",
                    (*place, int(move.move), move.row_id),
                )
            )
        self.keep(place, move)

    def tell(self) -> None:
        """The customer's place in each journey that was moved, folded anew."""
        for place in self._moved:
            self._session.execute(Sql("DELETE FROM enrolments WHERE customer_id = ? AND journey_id = ?", place))
            found = enrolment(place[1], self._moves[place])
            if found is not None:
                self._session.execute(
                    Sql(
                        "INSERT INTO enrolments (customer_id, journey_id, stage, since) VALUES (?, ?, ?, ?)",
                        (*place, found.stage.value, micros(found.since)),
                    )
                )


def _moves_of(place: Place) -> Sql:
    return Sql("SELECT at, move, row_id, stage FROM moves WHERE customer_id = ? AND journey_id = ?", place)
