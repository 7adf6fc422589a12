"""Keeps what moves a customer through a journey, and the place that follows from all of it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from service.state.database import instant, micros
from service.state.fold import JourneyMove, Move, enrolment


def keep_move(db: sqlite3.Connection, customer_id: str, journey_id: str, move: JourneyMove) -> None:
    """Adds a move and folds the customer's place in that journey anew. Two exits of one key are one."""
    db.execute(
        "INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (customer_id, journey_id, micros(move.at), int(move.move), move.row_id, move.stage),
    )
    _fold(db, customer_id, journey_id)


def set_exit(db: sqlite3.Connection, customer_id: str, journey_id: str, at: datetime, cause: str) -> None:
    """Ends a journey for this cause at this time; told again of the same cause, at the new time instead."""
    db.execute(
        "DELETE FROM moves WHERE customer_id = ? AND journey_id = ? AND move = ? AND row_id = ?",
        (customer_id, journey_id, int(Move.EXITED), cause),
    )
    keep_move(db, customer_id, journey_id, JourneyMove(at, Move.EXITED, cause, ""))


def _fold(db: sqlite3.Connection, customer_id: str, journey_id: str) -> None:
    key = (customer_id, journey_id)
    rows = db.execute("SELECT at, move, row_id, stage FROM moves WHERE customer_id = ? AND journey_id = ?", key)
    place = enrolment(journey_id, (JourneyMove(instant(at), Move(m), row, stage) for at, m, row, stage in rows))
    db.execute("DELETE FROM enrolments WHERE customer_id = ? AND journey_id = ?", key)
    if place is not None:
        db.execute("INSERT INTO enrolments VALUES (?, ?, ?, ?)", (*key, place.stage.value, micros(place.since)))
