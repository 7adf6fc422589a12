"""A small blocking client for the command line and the demo. Errors of the service become texts for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from features.errors import RumboError
from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2, service_pb2, value_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub

TIMEOUT_S = 30.0
SERVES_S = 2.0
SERVICE = service_pb2.DESCRIPTOR.services_by_name["DecisionService"].full_name


class CallFailed(RumboError):
    """The service refused the call or could not be reached."""


class ContextUnreadable(RumboError):
    """A context value on the command line is not NAME=VALUE."""


class Client:
    """One connection to a service, to be closed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel = grpc.insecure_channel(address)
        self._stub = DecisionServiceStub(self._channel)

    def decide(self, request: decision_pb2.DecideRequest) -> decision_pb2.DecideResponse:
        """Raises: CallFailed."""
        try:
            return self._stub.Decide(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise self._failed(error) from error

    def record_events(self, events: Iterable[events_pb2.Event]) -> events_pb2.RecordEventsResponse:
        """Raises: CallFailed."""
        try:
            return self._stub.RecordEvents(events_pb2.RecordEventsRequest(events=events), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise self._failed(error) from error

    def record_outcomes(self, outcomes: Iterable[outcomes_pb2.Outcome]) -> outcomes_pb2.RecordOutcomesResponse:
        """Raises: CallFailed."""
        try:
            return self._stub.RecordOutcomes(outcomes_pb2.RecordOutcomesRequest(outcomes=outcomes), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise self._failed(error) from error

    def get_decision(self, request: record_pb2.GetDecisionRequest) -> record_pb2.GetDecisionResponse:
        """Raises: CallFailed."""
        try:
            return self._stub.GetDecision(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise self._failed(error) from error

    def _failed(self, error: Any) -> CallFailed:
        """`error` is an RpcError that is also the Call it ended, which its type does not say."""
        status = rpc_status.from_call(error)
        if status is not None:
            return CallFailed(status.message)
        code = error.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            return CallFailed(f"no service answers at {self._address}: start one with `rumbo serve`")
        return CallFailed(f"the call failed: {code}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


def serves(address: str) -> bool:
    """Whether a service of Rumbo answers there, well or not."""
    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            stub.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=SERVES_S)
        except grpc.RpcError:
            return False
    return True


def context_values(pairs: Iterable[str]) -> dict[str, value_pb2.Value]:
    """NAME=VALUE as typed values: true, false, a number such as 7 or 0.5, else text. Raises: ContextUnreadable."""
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise ContextUnreadable(f"'{pair}' is not NAME=VALUE")
        values[name] = _value(text)
    return values


_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def _value(text: str) -> value_pb2.Value:
    if text in ("true", "false"):
        return value_pb2.Value(bool_value=text == "true")
    if _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return value_pb2.Value(int64_value=int(text))
    if _NUMBER.fullmatch(text):
        return value_pb2.Value(double_value=float(text))
    return value_pb2.Value(string_value=text)
