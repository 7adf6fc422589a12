"""A client that shares the event loop of who plays a company: domain values out, domain values back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, row_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.decision.reports.rows import CustomerEvent, Outcome
from service.wire.enums import OUTCOME, scalar, timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an answer says of itself."""

    decision_id: str
    ranked: tuple[str, ...]
    model_version: str
    catalogue_version: str


class Calls:
    """One connection to a service, closed when it is left. Every call raises grpc.aio.AioRpcError."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target)
        self._stub: Any = DecisionServiceStub(self._channel)

    async def decide(self, customer_id: str, channel: str, *, is_dry_run: bool = False) -> Answered:
        request = decision_pb2.DecideRequest(customer_id=customer_id, channel=channel, dry_run=is_dry_run)
        answer: decision_pb2.DecideResponse = await self._stub.Decide(request)
        return Answered(
            decision_id=answer.decision_id,
            ranked=tuple(journey.journey_id for journey in answer.ranked),
            model_version=answer.model_version,
            catalogue_version=answer.catalogue_version,
        )

    async def record_events(self, events: Sequence[CustomerEvent]) -> list[str]:
        """Returns: the ids of those that were not accepted."""
        request = events_pb2.RecordEventsRequest(events=map(_event, events))
        return _refused((await self._stub.RecordEvents(request)).results, [event.event_id for event in events])

    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """As `record_events`."""
        request = outcomes_pb2.RecordOutcomesRequest(outcomes=map(_outcome, outcomes))
        return _refused((await self._stub.RecordOutcomes(request)).results, [one.outcome_id for one in outcomes])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()


def _refused(results: Sequence[Any], ids: Sequence[str]) -> list[str]:
    accepted = row_pb2.ROW_STATUS_ACCEPTED
    return [one for one, result in zip(ids, results, strict=True) if result.status != accepted]


def _event(event: CustomerEvent) -> events_pb2.Event:
    return events_pb2.Event(
        event_id=event.event_id,
        customer_id=event.customer_id,
        source=event.source,
        type=event.type,
        occurred_at=timestamp(event.occurred_at),
        attributes={name: scalar(value) for name, value in event.attributes.items()},
    )


def _outcome(outcome: Outcome) -> outcomes_pb2.Outcome:
    return outcomes_pb2.Outcome(
        outcome_id=outcome.outcome_id,
        decision_id=outcome.decision_id,
        customer_id=outcome.customer_id,
        journey_id=outcome.journey_id,
        type=OUTCOME[outcome.type],
        value=outcome.value,
        occurred_at=timestamp(outcome.occurred_at),
    )
