"""Messages to domain values, or an error that names the field."""

from __future__ import annotations

import math
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from features.values import Scalar
from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, value_pb2
from service.application.errors import RequestInvalid
from service.application.question import Question
from service.decision.plan import Channel, Plan
from service.decision.reports.event_types import HEARTBEAT
from service.decision.reports.events import MAX_ID
from service.decision.reports.rows import CustomerEvent, Outcome, RowResult, RowStatus
from service.wire.enums import OUTCOME_OF, from_timestamp
from service.wire.readable import OverfullEvent

MAX_LIMIT = 50
_EMPTY = Timestamp()
MAX_CONTEXT_BYTES = 64 * 1024


def question(request: decision_pb2.DecideRequest, plan: Plan) -> Question:
    """Raises: RequestInvalid that names the field."""
    demand_id("customer_id", request.customer_id)
    if request.channel not in plan.channels:
        raise RequestInvalid(
            "channel", "UNKNOWN_CHANNEL", "not a channel of the catalogue: " + ", ".join(plan.channels)
        )
    has_request_id = request.HasField("request_id") and not request.dry_run
    if has_request_id:
        demand_id("request_id", request.request_id)
    if request.HasField("placement"):
        demand_id("placement", request.placement)
        _demand_placement(request.placement, plan.channels[request.channel])
    if request.HasField("limit") and not 1 <= request.limit <= MAX_LIMIT:
        raise RequestInvalid("limit", "OUT_OF_RANGE", f"must lie in 1 to {MAX_LIMIT}, this is {request.limit}")
    return Question(
        customer_id=request.customer_id,
        channel=request.channel,
        placement=request.placement if request.HasField("placement") else None,
        context=_context(request, plan),
        limit=request.limit if request.HasField("limit") else None,
        request_id=request.request_id if has_request_id else None,
        is_dry_run=request.dry_run,
    )


def _demand_placement(placement: str, channel: Channel) -> None:
    if not channel.has(placement):
        listed = ", ".join(sorted(channel.placements or ()))
        raise RequestInvalid("placement", "UNDECLARED", f"is none of this channel's in the policies: {listed}")


def demand_id(field: str, given: str) -> None:
    """Raises: RequestInvalid unless `given` is an id."""
    if not given:
        raise RequestInvalid(field, "EMPTY", "must not be empty")
    if len(given) > MAX_ID:
        raise RequestInvalid(field, "TOO_LONG", f"must have at most {MAX_ID} characters, this has {len(given)}")
    if "\x00" in given:
        raise RequestInvalid(field, "NUL_IN_TEXT", "must not contain a NUL character")


def _context(request: decision_pb2.DecideRequest, plan: Plan) -> dict[str, Scalar]:
    size = sum(len(name.encode()) + value.ByteSize() for name, value in request.context.items())
    if size > MAX_CONTEXT_BYTES:
        raise RequestInvalid("context", "TOO_LARGE", f"must have at most {MAX_CONTEXT_BYTES} bytes, this has {size}")
    context: dict[str, Scalar] = {}
    for name in sorted(request.context):
        field = f"context.{name[:64]}"
        wanted = plan.context_types.get(name)
        if wanted is None:
            raise RequestInvalid(field, "UNDECLARED", "is not declared in the policies")
        value = scalar(field, request.context[name])
        if isinstance(value, str) and "\x00" in value:
            raise RequestInvalid(field, "NUL_IN_TEXT", "must not contain a NUL character")
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise RequestInvalid(field, "WRONG_TYPE", f"is declared as {wanted.__name__}")
        context[name] = value
    return context


def scalar(field: str, value: value_pb2.Value) -> Scalar:
    """Raises: RequestInvalid if nothing is set, or a number is not finite."""
    kind = value.WhichOneof("kind")
    if kind is None:
        raise RequestInvalid(field, "NOT_SET", "has no value")
    found: Scalar = getattr(value, kind)
    if isinstance(found, float) and not math.isfinite(found):
        raise RequestInvalid(field, "NOT_FINITE", "must be a finite number")
    return found


def event(field: str, message: events_pb2.Event | OverfullEvent) -> CustomerEvent | RowResult:
    """The event, or the rejection of a row whose time or attributes cannot be read.

    Raises: RequestInvalid for what makes the whole call invalid.
    """
    _demand(f"{field}.event_id", message.event_id)
    _demand(f"{field}.type", message.type)
    if message.type != HEARTBEAT:
        _demand(f"{field}.customer_id", message.customer_id)
    if isinstance(message, OverfullEvent):
        return RowResult(row_id=message.event_id, status=RowStatus.REJECTED, field="attributes", code="TOO_MANY")
    try:
        return CustomerEvent(
            event_id=message.event_id,
            customer_id=message.customer_id,
            source=message.source,
            type=message.type,
            occurred_at=_occurred_at(message),
            attributes={n: scalar(f"attributes.{n[:64]}", message.attributes[n]) for n in sorted(message.attributes)},
        )
    except RequestInvalid as error:
        return RowResult(row_id=message.event_id, status=RowStatus.REJECTED, field=error.field, code=error.code)


def outcome(field: str, message: outcomes_pb2.Outcome) -> Outcome | RowResult:
    """As `event`, for an outcome."""
    _demand(f"{field}.outcome_id", message.outcome_id)
    if not message.decision_id and not message.customer_id:
        raise RequestInvalid(f"{field}.decision_id", "EMPTY", "must not be empty where customer_id is not given")
    _demand(f"{field}.journey_id", message.journey_id)
    if message.type == outcomes_pb2.OUTCOME_TYPE_UNSPECIFIED:
        raise RequestInvalid(f"{field}.type", "NOT_SET", "must be set")
    try:
        if message.type not in OUTCOME_OF:
            raise RequestInvalid("type", "UNKNOWN_TYPE", "is not an outcome type")
        return Outcome(
            outcome_id=message.outcome_id,
            decision_id=message.decision_id,
            customer_id=message.customer_id,
            journey_id=message.journey_id,
            type=OUTCOME_OF[message.type],
            value=message.value if message.HasField("value") else None,
            occurred_at=_occurred_at(message),
        )
    except RequestInvalid as error:
        return RowResult(row_id=message.outcome_id, status=RowStatus.REJECTED, field=error.field, code=error.code)


def _demand(field: str, given: str) -> None:
    if not given:
        raise RequestInvalid(field, "EMPTY", "must not be empty")


def _occurred_at(message: events_pb2.Event | outcomes_pb2.Outcome) -> datetime:
    """An empty Timestamp is none: it would stand for the first instant of 1970."""
    at = message.occurred_at
    if at == _EMPTY:
        raise RequestInvalid("occurred_at", "NOT_SET", "must be set")
    if not 0 <= at.nanos < 10**9:
        raise RequestInvalid("occurred_at", "OUT_OF_RANGE", "must have 0 to 999,999,999 nanoseconds")
    try:
        return from_timestamp(at)
    except OverflowError as error:
        raise RequestInvalid("occurred_at", "OUT_OF_RANGE", "is no time of this calendar") from error
