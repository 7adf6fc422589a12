"""Messages to domain values: every field that may be wrong, and the path and code by which the caller is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, value_pb2
from service.application.errors import RequestInvalid
from service.application.question import Question
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType, RowResult, RowStatus
from service.wire import requests
from tests.builders import NOW, catalogue

PLAN = catalogue().plan
"""Channels email, web and app; the context key `basket`, a double."""
DECLARED = {"web": frozenset({"home", "cart"}), "app": frozenset({"start"})}
WITH_PLACEMENTS = replace(PLAN, channels={n: replace(c, placements=DECLARED.get(n)) for n, c in PLAN.channels.items()})
Value = value_pb2.Value
AT = Timestamp(seconds=int(NOW.timestamp()), nanos=123_456_789)
DECIDE = decision_pb2.DecideRequest(customer_id="1", channel="web")
EVENT = events_pb2.Event(
    event_id="e1",
    customer_id="1",
    source="till",
    type="purchase",
    occurred_at=AT,
    attributes={"amount": Value(double_value=9.5), "store": Value(int64_value=3), "gift": Value(bool_value=True)},
)
OUTCOME = outcomes_pb2.Outcome(
    outcome_id="o1",
    decision_id="d1",
    journey_id="news",
    type=outcomes_pb2.OUTCOME_TYPE_CONVERTED,
    value=0.0,
    occurred_at=AT,
)


def decide(**fields: object) -> decision_pb2.DecideRequest:
    """A valid request with some fields changed."""
    request = decision_pb2.DecideRequest()
    request.CopyFrom(DECIDE)
    request.MergeFrom(decision_pb2.DecideRequest(**fields))  # type: ignore[arg-type]
    return request


def context(**values: value_pb2.Value) -> decision_pb2.DecideRequest:
    return decide(context=values)


def refusal(read: Callable[[], object]) -> tuple[str, str]:
    """(field, code) of the error that reading raises."""
    with pytest.raises(RequestInvalid) as caught:
        read()
    assert str(caught.value).startswith(caught.value.field + ": ")
    return caught.value.field, caught.value.code


def test_the_smallest_request_asks_for_the_channels_slots_and_is_not_idempotent() -> None:
    assert requests.question(DECIDE, PLAN) == Question(customer_id="1", channel="web", context={})


def test_a_request_is_taken_over_field_by_field() -> None:
    request = decide(request_id="r1", placement="home", context={"basket": Value(double_value=1.5)}, limit=50)
    assert requests.question(request, PLAN) == Question(
        customer_id="1", channel="web", placement="home", context={"basket": 1.5}, limit=50, request_id="r1"
    )


@pytest.mark.parametrize("placement", ["home", "cart"])
def test_where_a_channel_declares_its_placements_those_may_be_named(placement: str) -> None:
    assert requests.question(decide(placement=placement), WITH_PLACEMENTS).placement == placement
    assert requests.question(DECIDE, WITH_PLACEMENTS).placement is None


@pytest.mark.parametrize("placement", ["Home", "hoome", "start"])
def test_where_a_channel_declares_its_placements_no_other_may_be_named(placement: str) -> None:
    """`start` is one of the app, and on email any may be named."""
    read = decide(placement=placement)
    assert refusal(lambda: requests.question(read, WITH_PLACEMENTS)) == ("placement", "UNDECLARED")
    elsewhere = decide(placement=placement, channel="email")
    assert requests.question(elsewhere, WITH_PLACEMENTS).placement == placement


def test_a_dry_run_ignores_the_request_id() -> None:
    found = requests.question(decide(request_id="r1", dry_run=True), PLAN)
    assert (found.request_id, found.is_dry_run) == (None, True)


def test_a_whole_number_stands_for_a_double() -> None:
    found = requests.question(context(basket=Value(int64_value=3)), PLAN).context
    assert (found, type(found["basket"])) == ({"basket": 3.0}, float)


@pytest.mark.parametrize(
    ("request_", "field", "code"),
    [
        (decision_pb2.DecideRequest(channel="web"), "customer_id", "EMPTY"),
        (decision_pb2.DecideRequest(customer_id="c" * 129, channel="web"), "customer_id", "TOO_LONG"),
        (decision_pb2.DecideRequest(customer_id="\x00", channel="web"), "customer_id", "NUL_IN_TEXT"),
        (decision_pb2.DecideRequest(customer_id="1"), "channel", "UNKNOWN_CHANNEL"),
        (decision_pb2.DecideRequest(customer_id="1", channel="fax"), "channel", "UNKNOWN_CHANNEL"),
        (decision_pb2.DecideRequest(customer_id="1", channel="Web"), "channel", "UNKNOWN_CHANNEL"),
        (decide(request_id=""), "request_id", "EMPTY"),
        (decide(request_id="r" * 129), "request_id", "TOO_LONG"),
        (decide(placement=""), "placement", "EMPTY"),
        (decide(placement="p\x00"), "placement", "NUL_IN_TEXT"),
        (decide(limit=0), "limit", "OUT_OF_RANGE"),
        (decide(limit=-1), "limit", "OUT_OF_RANGE"),
        (decide(limit=51), "limit", "OUT_OF_RANGE"),
        (decide(limit=10**9), "limit", "OUT_OF_RANGE"),
        (context(weather=Value(string_value="cold")), "context.weather", "UNDECLARED"),
        (context(**{"w" * 100: Value(string_value="cold")}), "context." + "w" * 64, "UNDECLARED"),
        (context(basket=Value()), "context.basket", "NOT_SET"),
        (context(basket=Value(double_value=math.nan)), "context.basket", "NOT_FINITE"),
        (context(basket=Value(double_value=math.inf)), "context.basket", "NOT_FINITE"),
        (context(basket=Value(double_value=-math.inf)), "context.basket", "NOT_FINITE"),
        (context(basket=Value(string_value="3")), "context.basket", "WRONG_TYPE"),
        (context(basket=Value(bool_value=True)), "context.basket", "WRONG_TYPE"),
        (context(basket=Value(string_value="x" * 65536)), "context", "TOO_LARGE"),
        (context(basket=Value(string_value="x" * 2**20)), "context", "TOO_LARGE"),
        (context(**{f"k{i:05}": Value(string_value="x" * 90) for i in range(700)}), "context", "TOO_LARGE"),
    ],
)
def test_a_bad_field_of_a_question_is_named_with_a_code(
    request_: decision_pb2.DecideRequest, field: str, code: str
) -> None:
    assert refusal(lambda: requests.question(request_, PLAN)) == (field, code)


def test_an_event_is_taken_over_with_its_time_to_the_microsecond() -> None:
    assert requests.event("events[0]", EVENT) == CustomerEvent(
        event_id="e1",
        customer_id="1",
        source="till",
        type="purchase",
        occurred_at=NOW.replace(microsecond=123_456),
        attributes={"amount": 9.5, "gift": True, "store": 3},
    )


@pytest.mark.parametrize(
    ("absent", "field"), [("event_id", "event_id"), ("customer_id", "customer_id"), ("type", "type")]
)
def test_an_event_without_id_customer_or_type_makes_the_whole_call_invalid(absent: str, field: str) -> None:
    message = events_pb2.Event()
    message.CopyFrom(EVENT)
    message.ClearField(absent)
    assert refusal(lambda: requests.event("events[3]", message)) == (f"events[3].{field}", "EMPTY")


def test_a_heartbeat_needs_no_customer() -> None:
    beat = events_pb2.Event(event_id="e1", type="feed.heartbeat", source="ticketing", occurred_at=AT)
    assert isinstance(requests.event("events[0]", beat), CustomerEvent)


YEAR_10000 = 253_402_300_800
"""Seconds from 1970 to 10000-01-01T00:00:00Z."""


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (None, "NOT_SET"),
        (Timestamp(), "NOT_SET"),
        (Timestamp(seconds=YEAR_10000), "OUT_OF_RANGE"),
        (Timestamp(seconds=2**63 - 1), "OUT_OF_RANGE"),
        (Timestamp(seconds=-(2**63)), "OUT_OF_RANGE"),
        (Timestamp(seconds=-62_135_596_801), "OUT_OF_RANGE"),
    ],
    ids=["absent", "empty", "year-10000", "largest", "smallest", "before-year-1"],
)
def test_a_time_that_cannot_be_read_rejects_that_row_alone(at: Timestamp | None, code: str) -> None:
    event, outcome = events_pb2.Event(), outcomes_pb2.Outcome()
    event.CopyFrom(EVENT)
    outcome.CopyFrom(OUTCOME)
    for message in (event, outcome):
        message.ClearField("occurred_at")
        if at is not None:
            message.occurred_at.CopyFrom(at)
    for row_id, found in (("e1", requests.event("e", event)), ("o1", requests.outcome("o", outcome))):
        assert found == RowResult(row_id=row_id, status=RowStatus.REJECTED, field="occurred_at", code=code)


def test_the_last_instant_of_the_year_9999_can_be_read() -> None:
    event = events_pb2.Event()
    event.CopyFrom(EVENT)
    event.occurred_at.CopyFrom(Timestamp(seconds=YEAR_10000 - 1, nanos=999_999_999))
    found = requests.event("e", event)
    assert isinstance(found, CustomerEvent)
    assert found.occurred_at == datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "field", "code"),
    [
        ("amount", Value(), "attributes.amount", "NOT_SET"),
        ("amount", Value(double_value=math.nan), "attributes.amount", "NOT_FINITE"),
        ("n" * 200, Value(double_value=-math.inf), "attributes." + "n" * 64, "NOT_FINITE"),
    ],
)
def test_an_attribute_that_cannot_be_read_rejects_that_row_alone(
    name: str, value: value_pb2.Value, field: str, code: str
) -> None:
    event = events_pb2.Event()
    event.CopyFrom(EVENT)
    event.attributes[name].CopyFrom(value)
    assert requests.event("e", event) == RowResult(row_id="e1", status=RowStatus.REJECTED, field=field, code=code)


def test_an_outcome_is_taken_over_and_a_value_of_zero_is_a_value() -> None:
    assert requests.outcome("outcomes[0]", OUTCOME) == Outcome(
        outcome_id="o1",
        decision_id="d1",
        journey_id="news",
        type=OutcomeType.CONVERTED,
        value=0.0,
        occurred_at=NOW.replace(microsecond=123_456),
    )


def test_an_outcome_without_value_has_none() -> None:
    message = outcomes_pb2.Outcome()
    message.CopyFrom(OUTCOME)
    message.ClearField("value")
    found = requests.outcome("outcomes[0]", message)
    assert isinstance(found, Outcome)
    assert found.value is None


@pytest.mark.parametrize(
    ("absent", "code"),
    [("outcome_id", "EMPTY"), ("decision_id", "EMPTY"), ("journey_id", "EMPTY"), ("type", "NOT_SET")],
)
def test_an_outcome_without_id_decision_journey_or_type_makes_the_whole_call_invalid(absent: str, code: str) -> None:
    message = outcomes_pb2.Outcome()
    message.CopyFrom(OUTCOME)
    message.ClearField(absent)
    assert refusal(lambda: requests.outcome("outcomes[7]", message)) == (f"outcomes[7].{absent}", code)


def test_an_outcome_may_name_its_customer_in_place_of_a_decision() -> None:
    message = outcomes_pb2.Outcome()
    message.CopyFrom(OUTCOME)
    message.ClearField("decision_id")
    message.customer_id = "1"
    found = requests.outcome("outcomes[0]", message)
    assert isinstance(found, Outcome)
    assert (found.decision_id, found.customer_id) == ("", "1")


def test_an_outcome_that_names_both_is_read_and_left_to_be_rejected_alone() -> None:
    message = outcomes_pb2.Outcome()
    message.CopyFrom(OUTCOME)
    message.customer_id = "1"
    found = requests.outcome("outcomes[0]", message)
    assert isinstance(found, Outcome)
    assert (found.decision_id, found.customer_id) == (OUTCOME.decision_id, "1")


def test_an_outcome_type_of_a_later_version_rejects_that_row_alone() -> None:
    """Enums of proto3 are open: a caller may send a number that this program does not know."""
    message = outcomes_pb2.Outcome.FromString(OUTCOME.SerializeToString() + b"\x20\x63")
    found = requests.outcome("outcomes[0]", message)
    assert found == RowResult(row_id="o1", status=RowStatus.REJECTED, field="type", code="UNKNOWN_TYPE")
