"""What tests send, and how they read what comes back."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import grpc
import pytest
import yaml
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

from rumbo.decision.v1 import decision_pb2, events_pb2, journey_pb2, outcomes_pb2, reason_pb2, row_pb2, value_pb2
from tests.example import EXAMPLE
from tests.fixtures_features import NOW

CHANNELS = ("web", "app", "sms", "push", "call_center", "store", "email")
HELPING = {journey_pb2.JOURNEY_KIND_SERVICE, journey_pb2.JOURNEY_KIND_RESOLUTION}
REGULAR = "46"
"""A household that many journeys are for: a regular, who opted in to marketing, research and loyalty."""

SECOND_REGULAR = "283"
APOLOGY, OPEN_DOOR = "complaint-apology", "how-can-we-help"

ACCEPTED, DUPLICATE, REJECTED = (
    row_pb2.ROW_STATUS_ACCEPTED,
    row_pb2.ROW_STATUS_DUPLICATE,
    row_pb2.ROW_STATUS_REJECTED,
)

_ids = itertools.count(1)


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


BAD_TIMES = (
    ("too far ahead", "IN_THE_FUTURE", at(NOW + timedelta(minutes=5, seconds=1))),
    ("year 9999", "IN_THE_FUTURE", at(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
    ("beyond the calendar", "OUT_OF_RANGE", Timestamp(seconds=2**62)),
    ("the last second there is", "OUT_OF_RANGE", Timestamp(seconds=2**63 - 1)),
    ("the first second there is", "OUT_OF_RANGE", Timestamp(seconds=-(2**63))),
    ("year 1", "OUT_OF_RANGE", at(datetime(1, 1, 1, tzinfo=UTC))),
    ("more than a second of nanoseconds", "OUT_OF_RANGE", Timestamp(seconds=1, nanos=10**9)),
    ("nanoseconds below 0", "OUT_OF_RANGE", Timestamp(seconds=1, nanos=-1)),
    ("before 1970", "OUT_OF_RANGE", Timestamp(seconds=-1)),
    ("without a time", "NOT_SET", None),
    ("an empty time", "NOT_SET", Timestamp()),
)
"""What neither an event nor an outcome may say about when it happened: in words, the code, the time."""


def value(plain: str | float | bool) -> value_pb2.Value:
    if isinstance(plain, bool):
        return value_pb2.Value(bool_value=plain)
    if isinstance(plain, int):
        return value_pb2.Value(int64_value=plain)
    return value_pb2.Value(double_value=plain) if isinstance(plain, float) else value_pb2.Value(string_value=plain)


def values(**plain: str | float | bool) -> dict[str, value_pb2.Value]:
    return {name: value(one) for name, one in plain.items()}


def event(
    kind: str,
    customer_id: str = REGULAR,
    *,
    ago: timedelta = timedelta(0),
    event_id: str | None = None,
    attributes: Mapping[str, value_pb2.Value] | None = None,
    **plain: str | float | bool,
) -> events_pb2.Event:
    """An event that happened `ago` before the clock of the tests, under an id of its own."""
    return events_pb2.Event(
        event_id=f"event-{next(_ids)}" if event_id is None else event_id,
        customer_id=customer_id,
        source="tests",
        type=kind,
        occurred_at=at(NOW - ago),
        attributes=values(**plain) if attributes is None else attributes,
    )


def opened(
    customer_id: str = REGULAR,
    *,
    ago: timedelta = timedelta(hours=1),
    incident_class: str | None = None,
    severity: str | None = None,
) -> events_pb2.Event:
    said = {"class": incident_class, "severity": severity}
    attributes = {name: value(text) for name, text in said.items() if text is not None}
    return event("incident.opened", customer_id, ago=ago, attributes={"incident_id": value("case-1"), **attributes})


def resolved(customer_id: str = REGULAR, *, ago: timedelta = timedelta(0)) -> events_pb2.Event:
    return event("incident.resolved", customer_id, ago=ago, incident_id="case-1")


def outcome(
    decision_id: str,
    journey_id: str,
    kind: str = "PRESENTED",
    *,
    ago: timedelta = timedelta(0),
    outcome_id: str | None = None,
    amount: float | None = None,
) -> outcomes_pb2.Outcome:
    return outcomes_pb2.Outcome(
        outcome_id=f"outcome-{next(_ids)}" if outcome_id is None else outcome_id,
        decision_id=decision_id,
        journey_id=journey_id,
        type=f"OUTCOME_TYPE_{kind}",
        value=amount,
        occurred_at=at(NOW - ago),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a call failed, as a program sees it."""

    code: grpc.StatusCode
    reason: str
    field: str = ""


async def refusal_of(call: Awaitable[object]) -> Refusal:
    """Fails unless the call fails with one ErrorInfo of the service's domain."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal_in(caught.value)


def refusal_in(error: grpc.aio.AioRpcError) -> Refusal:
    """Fails unless the error has an ErrorInfo of the service's domain, and beside it at most when to ask again."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, error
    detail, *others = status.details
    info, retry = ErrorInfo(), RetryInfo()
    assert detail.Unpack(info)
    assert info.domain == "decision.rumbo"
    assert status.message == error.details()
    pushback = dict(error.trailing_metadata()).get("grpc-retry-pushback-ms")
    assert (len(others) == 1) == (pushback is not None)
    for other in others:
        assert other.Unpack(retry)
        assert abs(retry.retry_delay.ToMilliseconds() - int(pushback or "")) <= 1
        assert retry.retry_delay.ToMilliseconds() > 0
    return Refusal(code=error.code(), reason=info.reason, field=info.metadata.get("field", ""))


def rejection_of(result: events_pb2.EventResult | outcomes_pb2.OutcomeResult) -> tuple[str, str]:
    """The field at fault and the code; fails unless the row was rejected."""
    assert result.status == REJECTED
    return result.rejection.field, result.rejection.code


def invalid(reason: str, field: str = "") -> Refusal:
    return Refusal(code=grpc.StatusCode.INVALID_ARGUMENT, reason=reason, field=field)


def ranked_ids(answer: decision_pb2.DecideResponse) -> list[str]:
    return [journey.journey_id for journey in answer.ranked]


def allowed_ids(answer: decision_pb2.DecideResponse) -> set[str]:
    """What is ranked or eligible."""
    return {*ranked_ids(answer), *(journey.journey_id for journey in answer.eligible)}


def reasons_of(answer: decision_pb2.DecideResponse, journey_id: str) -> dict[str, reason_pb2.Reason]:
    """Why a journey is withheld, by code."""
    (found,) = (rejected for rejected in answer.rejected if rejected.journey_id == journey_id)
    return {reason.code: reason for reason in found.reasons}


def degraded_of(answer: decision_pb2.DecideResponse) -> dict[str, str]:
    """Status by what is degraded."""
    prefix = "FEATURE_STATUS_"
    return {d.what: decision_pb2.FeatureStatus.Name(d.status).removeprefix(prefix) for d in answer.degraded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The first action of a journey's first stage on one channel, read from the YAML and nothing else."""

    journey_id: str
    action_id: str
    is_offer: bool
    is_help: bool


@cache
def proposals(channel: str) -> Mapping[str, Proposal]:
    """By journey, what a customer who is in no journey may be proposed on the channel."""
    found = {}
    for file in (EXAMPLE / "journeys").glob("*.yaml"):
        journey = yaml.safe_load(file.read_text(encoding="utf-8"))
        action = next((a for a in journey["stages"][0]["actions"] if channel in a["channels"]), None)
        if action is not None:
            is_offer = action.get("offer", False)
            found[journey["journey"]] = Proposal(
                journey_id=journey["journey"],
                action_id=action["id"],
                is_offer=is_offer,
                is_help=journey["kind"] in ("service", "resolution") and not is_offer,
            )
    return found


@cache
def journeys_on(channel: str) -> frozenset[str]:
    """The journeys with an action on the channel, at any stage: each is a candidate, away from its stage denied."""
    listed = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (EXAMPLE / "journeys").glob("*.yaml"))
    return frozenset(
        j["journey"] for j in listed if any(channel in a["channels"] for s in j["stages"] for a in s["actions"])
    )


def offered(answer: decision_pb2.DecideResponse, channel: str) -> set[str]:
    """The journeys that are ranked or eligible with an offer."""
    return {journey_id for journey_id in allowed_ids(answer) if proposals(channel)[journey_id].is_offer}


def assert_each_accounted_for(answer: decision_pb2.DecideResponse, expected: Iterable[str]) -> None:
    """Every candidate is in exactly one place, with a reason, and the counts say so."""
    places = [journey.journey_id for place in (answer.ranked, answer.eligible, answer.rejected) for journey in place]
    assert sorted(places) == sorted(expected)
    assert answer.counts.candidates == len(places)
    assert (answer.counts.eligible, answer.counts.rejected) == (len(answer.eligible), len(answer.rejected))
    assert all(journey.reasons for place in (answer.ranked, answer.eligible, answer.rejected) for journey in place)
