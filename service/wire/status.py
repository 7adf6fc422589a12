"""What a caller may be told: one table from error to gRPC status, reason and public text."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from features.errors import RumboError
from service.application.errors import (
    DecisionExpired,
    DecisionImported,
    DecisionRevoked,
    DecisionUnknown,
    RequestInvalid,
    RequestReused,
)
from service.state.port import RecordFormatUnknown, StateUnavailable
from service.wire.admission import DeadlineUnreachable, MethodOverloaded, ShuttingDown

MAX_MESSAGE_BYTES = 4 * 1024 * 1024


class AnswerTooLarge(RumboError):
    """The answer would be larger than a message may be."""


def demand_room(size: int) -> None:
    """Raises: AnswerTooLarge unless an answer of so many bytes is a message."""
    if size > MAX_MESSAGE_BYTES:
        raise AnswerTooLarge(
            f"the answer has about {size} bytes, a message at most {MAX_MESSAGE_BYTES}: ask for the summary"
        )


class MessageLate(RumboError):
    """A call was begun, and its message did not come."""


class MethodUnknown(RumboError):
    """No service here has the method that was called."""


INTERNAL = (grpc.StatusCode.INTERNAL, "INTERNAL")

STATUS: Mapping[type[RumboError], tuple[grpc.StatusCode, str]] = {
    RequestInvalid: (grpc.StatusCode.INVALID_ARGUMENT, ""),
    RequestReused: (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED"),
    DecisionExpired: (grpc.StatusCode.FAILED_PRECONDITION, "DECISION_EXPIRED"),
    DecisionRevoked: (grpc.StatusCode.FAILED_PRECONDITION, "DECISION_REVOKED"),
    DecisionUnknown: (grpc.StatusCode.NOT_FOUND, "DECISION_UNKNOWN"),
    DecisionImported: (grpc.StatusCode.FAILED_PRECONDITION, "DECISION_IMPORTED"),
    RecordFormatUnknown: (grpc.StatusCode.FAILED_PRECONDITION, "RECORD_FORMAT_UNKNOWN"),
    StateUnavailable: (grpc.StatusCode.UNAVAILABLE, "STATE_UNAVAILABLE"),
    MethodOverloaded: (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    DeadlineUnreachable: (grpc.StatusCode.RESOURCE_EXHAUSTED, "DEADLINE_UNREACHABLE"),
    ShuttingDown: (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"),
    AnswerTooLarge: (grpc.StatusCode.FAILED_PRECONDITION, "ANSWER_TOO_LARGE"),
    MessageLate: (grpc.StatusCode.DEADLINE_EXCEEDED, "MESSAGE_LATE"),
    MethodUnknown: (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN"),
}
"""The gRPC status of each error and the `reason` of its ErrorInfo. RequestInvalid brings its own reason.

Anything else is INTERNAL: the caller gets an id, the log the cause.
"""
