"""The servicer: converts, calls, converts back. Every error leaves by one door."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from features.errors import RumboError
from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceServicer
from service.convert import answers, requests
from service.convert.readable import Unreadable
from service.decider import Catalogues, Decider
from service.errors import INTERNAL, STATUS, RequestInvalid
from service.intake import Intake
from service.metrics import Metrics
from service.timing import Stages

log = logging.getLogger(__name__)

DOMAIN = "decision.rumbo"
AWAY = "the state store cannot be asked now; nothing was acknowledged, so ask again"
Context = grpc.aio.ServicerContext[Any, Any]
Call = TypeVar("Call", bound=Callable[..., Awaitable[Any]])


def _answers_errors(method: Call) -> Call:
    """Turns what a method raises into a gRPC status with an ErrorInfo."""

    @functools.wraps(method)
    async def guarded(self: Handler, request: Any, context: Context) -> Any:
        try:
            if isinstance(request, Unreadable):
                raise RequestInvalid("request", "MALFORMED", f"is no message of its kind: {request.why}")
            return await method(self, request, context)
        except Exception as error:  # noqa: BLE001 - the one door: known errors by the table, others INTERNAL
            await self.refuse(method.__name__, error, context)

    return guarded  # type: ignore[return-value]


class Handler(DecisionServiceServicer):
    """`rumbo.decision.v1.DecisionService` over the application."""

    def __init__(
        self,
        *,
        decider: Decider,
        intake: Intake,
        catalogues: Catalogues,
        metrics: Metrics,
        new_id: Callable[[], str],
    ) -> None:
        self._decider = decider
        self._intake = intake
        self._catalogues = catalogues
        self._metrics = metrics
        self._new_id = new_id

    @_answers_errors
    async def Decide(self, request: decision_pb2.DecideRequest, context: Context) -> decision_pb2.DecideResponse:
        stages = Stages()
        question = requests.question(request, self._catalogues.current.plan)
        decision = await self._decider.decide(question, stages)
        is_full = request.explain == decision_pb2.EXPLAIN_FULL
        with stages.of("encode"):
            response = answers.answer(decision, is_full=is_full, locale=request.locale)
        self._metrics.decided(decision, stages, is_dry_run=question.is_dry_run)
        return response

    @_answers_errors
    async def RecordEvents(
        self, request: events_pb2.RecordEventsRequest, context: Context
    ) -> events_pb2.RecordEventsResponse:
        _demand_rows("events", len(request.events))
        rows = [requests.event(f"events[{i}]", e) for i, e in enumerate(request.events)]
        results = await self._intake.record_events(rows)
        self._metrics.recorded("event", results)
        return events_pb2.RecordEventsResponse(results=map(answers.event_result, results))

    @_answers_errors
    async def RecordOutcomes(
        self, request: outcomes_pb2.RecordOutcomesRequest, context: Context
    ) -> outcomes_pb2.RecordOutcomesResponse:
        _demand_rows("outcomes", len(request.outcomes))
        rows = [requests.outcome(f"outcomes[{i}]", o) for i, o in enumerate(request.outcomes)]
        results = await self._intake.record_outcomes(rows)
        self._metrics.recorded("outcome", results)
        return outcomes_pb2.RecordOutcomesResponse(results=map(answers.outcome_result, results))

    @_answers_errors
    async def GetDecision(
        self, request: record_pb2.GetDecisionRequest, context: Context
    ) -> record_pb2.GetDecisionResponse:
        requests.demand_id("decision_id", request.decision_id)
        is_full = request.explain == decision_pb2.EXPLAIN_FULL
        recorded = await self._decider.recorded(request.decision_id, is_full=is_full)
        return answers.record(recorded, is_full=is_full, locale=request.locale)

    async def refuse(self, method: str, error: Exception, context: Context) -> NoReturn:
        """Ends the call with the error's status; what the table does not know is INTERNAL, its cause in the log."""
        code, reason = INTERNAL
        if isinstance(error, RumboError):
            code, reason = STATUS.get(type(error), INTERNAL)
        metadata: dict[str, str] = {}
        text = str(error)
        if isinstance(error, RequestInvalid):
            reason, metadata = error.code, {"field": error.field}
        elif code is grpc.StatusCode.INTERNAL:
            incident = self._new_id()
            log.error("%s failed (%s)", method, incident, exc_info=error)
            text, metadata = f"internal error {incident}", {"error_id": incident}
        elif code is grpc.StatusCode.UNAVAILABLE:
            log.warning("%s could not be answered: %s", method, error)
            text = AWAY
        self._metrics.failed(method, code.name)
        status = Status(code=code.value[0], message=text, details=[_packed(reason, metadata)])
        await context.abort(code, text, (("grpc-status-details-bin", status.SerializeToString()),))


def _demand_rows(field: str, count: int) -> None:
    if not count:
        raise RequestInvalid(field, "EMPTY", "must hold at least one row")


def _packed(reason: str, metadata: dict[str, str]) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))
    return packed
