"""Facts from sets of rows: whatever the order in which they came, the same set gives the same facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from service.decision.facts import Enrolment
from service.decision.journey import Stage
from service.decision.reports.event_types import Move as Move


@dataclass(frozen=True, slots=True, order=True)
class JourneyMove:
    """One event or outcome that concerns a customer's place in a journey. Compared by time, then kind, then id."""

    at: datetime
    move: Move
    row_id: str
    stage: str


def enrolment(journey_id: str, moves: Iterable[JourneyMove]) -> Enrolment | None:
    """Where the customer is in this journey after all its moves; None when not in it.

    PRESENTED enters who was not in it; ENTERED and ADVANCED set the stage; EXITED ends it.
    """
    stage: str | None = None
    since: datetime | None = None
    for move in sorted(moves):
        if move.move is Move.EXITED:
            stage = since = None
        elif stage is None:
            stage, since = move.stage, move.at
        elif move.move is not Move.PRESENTED:
            stage = move.stage
    if stage is None or since is None:
        return None
    return Enrolment(journey_id=journey_id, stage=Stage(stage), since=since)
