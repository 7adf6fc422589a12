"""That the fuzz of messages would see a fault: what is kept and not acknowledged, the reverse, and a log that tells."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rumbo.decision.v1 import decision_pb2, events_pb2, journey_pb2, outcomes_pb2, row_pb2
from service.state.engines.steps import sqlite_statements
from tests.fuzz.ledger import Ledger
from tests.fuzz.test_messages import told_of_somebody
from tests.fuzz.values import WHO

ACCEPTED, DUPLICATE, REJECTED = (
    row_pb2.ROW_STATUS_ACCEPTED,
    row_pb2.ROW_STATUS_DUPLICATE,
    row_pb2.ROW_STATUS_REJECTED,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty store in `tmp_path`."""
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as made:
        for statement in sqlite_statements():
            made.execute(statement)
        yield made


def purchase(event_id: str, amount: float = 2.0) -> events_pb2.Event:
    event = events_pb2.Event(event_id=event_id, customer_id="c", source="till", type="purchase")
    event.occurred_at.seconds = 7
    event.attributes["amount"].double_value = amount
    return event


def keep(database: sqlite3.Connection, event_id: str) -> None:
    """As the service keeps `purchase`."""
    values = (event_id, "c", "till", "purchase", 7_000_000, 8_000_000, '{"amount": 2.0}', "")
    database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def told(ledger: Ledger, event: events_pb2.Event, status: row_pb2.RowStatus, code: str = "") -> list[str]:
    result = events_pb2.EventResult(event_id=event.event_id, status=status)
    if code:
        result.rejection.field, result.rejection.code = "event_id", code
    return list(ledger.told(1, [event], [result]))


def test_what_is_kept_and_acknowledged_once_is_no_fault(database: sqlite3.Connection, tmp_path: Path) -> None:
    ledger = Ledger()
    keep(database, "a")
    faults = told(ledger, purchase("a"), DUPLICATE)
    faults += told(ledger, purchase("a"), ACCEPTED)
    faults += told(ledger, purchase("a", 3.0), REJECTED, "ID_REUSED")
    faults += told(ledger, purchase("b"), REJECTED, "OUT_OF_RANGE")
    assert faults + list(ledger.faults(tmp_path)) == []


@pytest.mark.usefixtures("database")
def test_what_is_acknowledged_and_not_kept_is_a_fault(tmp_path: Path) -> None:
    ledger = Ledger()
    told(ledger, purchase("a"), ACCEPTED)
    assert ["not kept" in fault and "'a'" in fault for fault in ledger.faults(tmp_path)] == [True]


def test_what_is_kept_and_not_acknowledged_is_a_fault(database: sqlite3.Connection, tmp_path: Path) -> None:
    keep(database, "a")
    assert ["not acknowledged" in fault and "'a'" in fault for fault in Ledger().faults(tmp_path)] == [True]


def test_what_is_kept_with_other_content_is_a_fault(database: sqlite3.Connection, tmp_path: Path) -> None:
    ledger = Ledger()
    keep(database, "a")
    told(ledger, purchase("a", 3.0), ACCEPTED)
    assert ["other content" in fault for fault in ledger.faults(tmp_path)] == [True]


def test_what_is_accepted_twice_is_a_fault() -> None:
    ledger = Ledger()
    assert told(ledger, purchase("a"), ACCEPTED) == []
    assert len(told(ledger, purchase("a"), ACCEPTED)) == 1


@pytest.mark.parametrize(
    ("amount", "status", "code"), [(3.0, DUPLICATE, ""), (2.0, REJECTED, "ID_REUSED")], ids=["duplicate", "reused"]
)
def test_a_row_that_is_taken_for_another_is_a_fault(
    database: sqlite3.Connection, tmp_path: Path, amount: float, status: row_pb2.RowStatus, code: str
) -> None:
    ledger = Ledger()
    keep(database, "a")
    told(ledger, purchase("a"), ACCEPTED)
    told(ledger, purchase("a", amount), status, code)
    assert len(list(ledger.faults(tmp_path))) == 1


@pytest.mark.usefixtures("database")
def test_a_row_that_cannot_be_read_must_be_rejected(tmp_path: Path) -> None:
    ledger = Ledger()
    rejected = events_pb2.EventResult(event_id="a", status=REJECTED)
    rejected.rejection.field, rejected.rejection.code = "attributes", "TOO_MANY"
    assert list(ledger.told(1, [None], [rejected])) + list(ledger.faults(tmp_path)) == []
    assert len(list(ledger.told(2, [None], [events_pb2.EventResult(event_id="a", status=ACCEPTED)]))) == 1


def sold(outcome_id: str = "a", **whose: str) -> outcomes_pb2.Outcome:
    outcome = outcomes_pb2.Outcome(outcome_id=outcome_id, journey_id="j", type=outcomes_pb2.OUTCOME_TYPE_CONVERTED)
    outcome.occurred_at.seconds = 7
    for name, value in whose.items():
        setattr(outcome, name, value)
    return outcome


def given(ledger: Ledger, outcome: outcomes_pb2.Outcome, status: row_pb2.RowStatus, decision_id: str) -> list[str]:
    """`d` is a decision of the customer `c`."""
    asked = decision_pb2.DecideRequest(customer_id="c")
    assert list(ledger.decided(1, asked, decision_pb2.DecideResponse(decision_id="d"))) == []
    result = outcomes_pb2.OutcomeResult(outcome_id=outcome.outcome_id, status=status, decision_id=decision_id)
    return list(ledger.reported(1, [outcome], [result]))


@pytest.fixture
def kept_outcome(database: sqlite3.Connection) -> None:
    """`a`, as the service keeps it under the decision `d`."""
    database.execute("INSERT INTO decisions VALUES ('d', 'c', 1, 2, '', '{}', 'v')")
    names = "outcome_id, decision_id, journey_id, customer_id, type, occurred_at, at, received_at, late, fingerprint"
    database.execute(f"INSERT INTO outcomes ({names}) VALUES ('a', 'd', 'j', 'c', 'CONVERTED', 7000000, 1, 2, 0, '')")


@pytest.mark.usefixtures("kept_outcome")
@pytest.mark.parametrize("whose", [{"customer_id": "c"}, {"decision_id": "d"}], ids=["customer", "decision"])
def test_an_outcome_that_is_kept_under_the_decision_that_was_told_is_no_fault(
    tmp_path: Path, whose: dict[str, str]
) -> None:
    ledger = Ledger()
    faults = given(ledger, sold(**whose), ACCEPTED, "d") + given(ledger, sold(**whose), DUPLICATE, "d")
    assert faults + list(ledger.faults(tmp_path)) == []


@pytest.mark.usefixtures("kept_outcome")
def test_a_duplicate_that_names_another_decision_is_a_fault(tmp_path: Path) -> None:
    ledger = Ledger()
    other = decision_pb2.DecideResponse(decision_id="e")
    assert list(ledger.decided(1, decision_pb2.DecideRequest(customer_id="c"), other)) == []
    assert given(ledger, sold(customer_id="c"), ACCEPTED, "d") == []
    assert given(ledger, sold(customer_id="c"), DUPLICATE, "e") == []
    assert ["duplicate" in fault for fault in ledger.faults(tmp_path) if fault.startswith("outcomes")] == [True]


@pytest.mark.parametrize(
    ("whose", "decision_id"),
    [({"customer_id": "b"}, "d"), ({"customer_id": "c"}, "e"), ({"decision_id": "e"}, "d")],
    ids=["of another customer", "never decided", "another than it named"],
)
def test_an_outcome_that_was_given_to_a_decision_that_is_not_its_own_is_a_fault(
    whose: dict[str, str], decision_id: str
) -> None:
    assert len(given(Ledger(), sold(**whose), ACCEPTED, decision_id)) == 1


def test_an_answer_for_other_rows_than_were_sent_is_a_fault() -> None:
    result = events_pb2.EventResult(event_id="b", status=ACCEPTED)
    assert len(list(Ledger().told(1, [purchase("a")], [result]))) == 1
    assert len(list(Ledger().told(1, [purchase("b")], [result, result]))) == 1


def test_decisions_that_are_not_what_was_asked_for_are_faults() -> None:
    """A dry run with an id, and a request that has another decision when it is asked again."""
    ledger, asked = Ledger(), decision_pb2.DecideRequest(customer_id="c", request_id="r")
    ranked = [journey_pb2.RankedJourney(journey_id="j")]
    assert list(ledger.decided(1, asked, decision_pb2.DecideResponse(decision_id="d", ranked=ranked))) == []
    assert list(ledger.decided(2, asked, decision_pb2.DecideResponse(decision_id="d", ranked=ranked))) == []
    assert len(list(ledger.decided(3, asked, decision_pb2.DecideResponse(decision_id="e")))) == 1
    dry = decision_pb2.DecideRequest(customer_id="c", dry_run=True)
    assert len(list(ledger.decided(4, dry, decision_pb2.DecideResponse(decision_id="f", ranked=ranked)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "x", "cause": "Traceback (most recent call last)"}',
        f'{{"message": "x", "codes": {{"{WHO}-1": 1}}}}',
        '{"message": "customer 1046 is gone"}',
    ],
)
def test_a_line_of_the_log_that_tells_of_somebody_is_a_fault(line: str) -> None:
    assert list(told_of_somebody([line])) == [line]


def test_a_line_of_the_log_that_tells_of_nobody_is_none() -> None:
    line = '{"at": "2026-11-29T12:14:00.1046", "us": {"commit": 1046}, "decision_id": "018c-1046-7", "ranked": 1046}'
    assert list(told_of_somebody([line])) == []
