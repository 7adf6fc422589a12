"""The embedded feature store as tests damage it, and what every answer without it must look like."""

from __future__ import annotations

from pathlib import Path

from rumbo.decision.v1 import decision_pb2, reason_pb2
from tests.e2e.wire import HELPING, assert_each_accounted_for, journeys_on, offered, proposals, reasons_of
from tests.example import SCHEMA
from tests.fixtures_features import feast_at

ALL_GONE = {f"features.{view}": "UNAVAILABLE" for view in SCHEMA.by_view}
GARBAGE = b"This is no database. " * 4096
FILE = "online_store.db"


def make_garbage(home: Path) -> None:
    (feast_at(home) / FILE).write_bytes(GARBAGE)


def assert_withheld_for(answer: decision_pb2.DecideResponse, channel: str) -> None:
    """Everything but help is withheld, each journey because something is unknown and never by a lucky guess."""
    assert {j.kind for place in (answer.ranked, answer.eligible) for j in place} <= HELPING
    assert not offered(answer, channel)
    assert_each_accounted_for(answer, journeys_on(channel))
    for proposal in proposals(channel).values():
        if not proposal.is_help:
            gate = reasons_of(answer, proposal.journey_id)["INCIDENT_OPEN"]
            assert gate.kind == reason_pb2.REASON_KIND_UNKNOWN
            assert gate.params["status"].string_value == "UNAVAILABLE"
