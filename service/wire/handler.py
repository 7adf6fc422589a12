"""The methods of the service: convert, call, convert back. Bytes in, bytes out; `door` lets calls in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2
from service.application.decider import CatalogueVersions, Decider
from service.application.intake import Intake
from service.decision.decide import Decision
from service.metrics import Metrics
from service.timing import StepTimes
from service.wire import answers, readable, requests
from service.wire.status import demand_room

Row = TypeVar("Row")
READ_AT_ONCE = 16
"""Rows that are read before others have their turn."""
ADDED_AT_COMMIT_BYTES = 128 * 1024
"""More than the reasons of every ranked journey that another decision may take meanwhile."""


class Handler:
    """`rumbo.decision.v1.DecisionService` over the application."""

    def __init__(self, *, decider: Decider, intake: Intake, catalogues: CatalogueVersions, metrics: Metrics) -> None:
        self._decider = decider
        self._intake = intake
        self._catalogues = catalogues
        self._metrics = metrics

    async def Decide(self, sent: bytes) -> bytes:
        times = StepTimes()
        request = readable.question(sent)
        question = requests.question(request, self._catalogues.current.plan)
        prepared = _PreparedAnswer(request, times)
        decision = await self._decider.decide(
            question, times, prepared.demand, is_long=request.explain == decision_pb2.EXPLAIN_FULL
        )
        response = prepared.of(decision)
        self._metrics.decided(decision, times, is_dry_run=question.is_dry_run)
        return response

    async def RecordEvents(self, sent: bytes) -> bytes:
        rows = await _each(
            "events", readable.event_rows(sent), lambda f, row: requests.event(f, readable.event(f, row))
        )
        results = await self._intake.record_events(rows)
        self._metrics.recorded("event", results)
        return events_pb2.RecordEventsResponse(results=map(answers.event_result, results)).SerializeToString()

    async def RecordOutcomes(self, sent: bytes) -> bytes:
        rows = await _each(
            "outcomes", readable.outcome_rows(sent), lambda f, row: requests.outcome(f, readable.outcome(f, row))
        )
        results = await self._intake.record_outcomes(rows)
        self._metrics.recorded("outcome", results)
        return outcomes_pb2.RecordOutcomesResponse(results=map(answers.outcome_result, results)).SerializeToString()

    async def GetDecision(self, sent: bytes) -> bytes:
        request = readable.recall(sent)
        requests.demand_id("decision_id", request.decision_id)
        is_full = request.explain == decision_pb2.EXPLAIN_FULL
        replayed = await self._decider.replayed(request.decision_id, is_full=is_full)
        return answers.record(replayed, is_full=is_full, locale=request.locale)


class _PreparedAnswer:
    """The response to a request, encoded before the commit: what is too large to send must not be reserved."""

    def __init__(self, request: decision_pb2.DecideRequest, times: StepTimes) -> None:
        self._request = request
        self._times = times
        self._latest: tuple[Decision, bytes] | None = None

    def demand(self, proposed: Decision) -> None:
        """Raises: AnswerTooLarge; what the commit may add has room."""
        response = self.of(proposed)
        self._latest = proposed, response
        demand_room(len(response) + ADDED_AT_COMMIT_BYTES)

    def of(self, decision: Decision) -> bytes:
        if self._latest is not None and self._latest[0] is decision:
            return self._latest[1]
        with self._times.of("encode"):
            is_full = self._request.explain == decision_pb2.EXPLAIN_FULL
            return answers.answer(decision, is_full=is_full, locale=self._request.locale)


async def _each(field: str, sent: Sequence[bytes], read: Callable[[str, bytes], Row]) -> list[Row]:
    """Every row, read in turns with all other calls."""
    rows: list[Row] = []
    for i, row in enumerate(sent):
        if i % READ_AT_ONCE == READ_AT_ONCE - 1:
            await asyncio.sleep(0)
        rows.append(read(f"{field}[{i}]", row))
    return rows
