"""Sends calls, several at a time, and holds every answer to what the service promises of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2, row_pb2
from service.wire import readable
from tests.fuzz.ledger import Ledger, Result
from tests.fuzz.messages import CALLERS, REQUESTS, SERVICE, Call, Decided, Known, call

ANSWER_S = 60.0
ENOUGH_FAULTS = 5
TOLD_EVERY_S = 60.0
MAX_BYTES = 4 * 2**20
SIZES = (("grpc.max_send_message_length", 2**26), ("grpc.max_receive_message_length", 2**26))
EXPECTED = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
Row = TypeVar("Row", events_pb2.Event, outcomes_pb2.Outcome)
log = logging.getLogger("fuzz")


@dataclass(slots=True, kw_only=True)
class Seen:
    """How often each method was answered with each status, and calls and rows were refused for each reason.

    `rows`: those that were not refused too, by their status; `OF_CUSTOMER`, the outcomes that were given to a decision.
    """

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    ranked: int = 0

    @property
    def reached(self) -> set[str]:
        answered = {f"{method.removeprefix(SERVICE)}:OK" for method, status in self.statuses if status == "OK"}
        return answered | self.reasons.keys() | {row for row, times in self.rows.items() if times}


class Play:
    """Calls 0 to `count` of a seed to the service at an address. `faults` are to be none."""

    def __init__(self, seed: str, count: int, address: str) -> None:
        self.seed, self.count, self.address = seed, count, address
        self.ledger, self.seen = Ledger(), Seen()
        self.faults: list[str] = []
        self._now_s, self._done = time.time(), 0
        self._begun_s = self._told_s = time.monotonic()

    async def run(self, after: Callable[[int], None] = lambda done: None) -> None:
        """Ends early after some faults. `after` hears how many calls were answered."""
        async with grpc.aio.insecure_channel(self.address, SIZES) as channel:
            await asyncio.gather(*(self._caller(channel, n, after) for n in range(CALLERS)))

    async def _caller(self, channel: grpc.aio.Channel, first: int, after: Callable[[int], None]) -> None:
        known = Known(now_s=self._now_s)
        for number in range(first, self.count, CALLERS):
            if len(self.faults) >= ENOUGH_FAULTS:
                return
            sent = call(self.seed, number, known)
            faults = await self._asked(channel, sent, known)
            self.faults += [f"seed {self.seed!r}, {sent}\n=> {fault}" for fault in faults]
            self._done += 1
            after(self._done)
            self._tell()

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            pace = self._done / (now_s - self._begun_s)
            log.info("%d of %d messages, %d faults, %.0f/s", self._done, self.count, len(self.faults), pace)

    async def _asked(self, channel: grpc.aio.Channel, sent: Call, known: Known) -> list[str]:
        has_one = len(sent.sent) == 1
        asking: Any = channel.unary_unary(sent.method) if has_one else channel.stream_unary(sent.method)
        asked = sent.sent[0] if has_one else iter(sent.sent)
        compression = grpc.Compression.Gzip if sent.is_compressed else None
        try:
            answer: bytes = await asking(asked, timeout=ANSWER_S, compression=compression)
        except grpc.aio.AioRpcError as error:
            self.seen.statuses[sent.method, error.code().name] += 1
            return list(self._refused(sent, error))
        self.seen.statuses[sent.method, "OK"] += 1
        return list(self._answered(sent, answer, known)) if sent.is_told_to_service else []

    def _refused(self, sent: Call, error: grpc.aio.AioRpcError) -> Iterator[str]:
        """Yields: faults. gRPC itself gives no details, of a message that is too large and of the health of nothing."""
        code, is_ours = error.code(), not sent.method.startswith("/grpc.")
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and sum(map(len, sent.sent)) > MAX_BYTES:
            return
        if code.name not in EXPECTED or (code is grpc.StatusCode.UNIMPLEMENTED and sent.method in REQUESTS):
            yield f"{code.name}: {error.details()}"
        info = _info(error)
        if info is None and (is_ours or code is not grpc.StatusCode.NOT_FOUND):
            yield f"{code.name} without an ErrorInfo: {error.details()}"
        self.seen.reasons["" if info is None else info.reason] += 1
        if info is not None and info.reason == "DECISION_UNKNOWN":
            asked = record_pb2.GetDecisionRequest.FromString(sent.sent[0])
            if asked.decision_id in self.ledger.rows["decisions"]:
                yield "there is such a decision"

    def _answered(self, sent: Call, answer: bytes, known: Known) -> Iterator[str]:
        """Yields: faults. What is understood of a message is what Protocol Buffers make of its bytes."""
        (method, number), asked = (sent.method.removeprefix(SERVICE), sent.number), sent.sent[0]
        if method == "Decide":
            response = decision_pb2.DecideResponse.FromString(answer)
            question = decision_pb2.DecideRequest.FromString(asked)
            yield from self.ledger.decided(number, question, response)
            self.seen.ranked += len(response.ranked)
            ranked = [journey.journey_id for journey in response.ranked]
            if response.decision_id and (ranked or number % 10 == 0):
                decided = Decided(decision_id=response.decision_id, customer_id=question.customer_id, journeys=ranked)
                known.decisions.append(decided)
        elif method == "RecordEvents":
            results = events_pb2.RecordEventsResponse.FromString(answer).results
            self.seen.rows.update(map(_code, results))
            events = [_row(events_pb2.Event, row) for row in readable.event_rows(asked)]
            yield from self.ledger.told(number, events, results)
        elif method == "RecordOutcomes":
            became = outcomes_pb2.RecordOutcomesResponse.FromString(answer).results
            self.seen.rows.update(map(_code, became))
            outcomes = [_row(outcomes_pb2.Outcome, row) for row in readable.outcome_rows(asked)]
            self.seen.rows["OF_CUSTOMER"] += sum(map(_is_given, outcomes, became))
            yield from self.ledger.reported(number, outcomes, became)
        else:
            recorded = record_pb2.GetDecisionResponse.FromString(answer)
            if recorded.decision_id != record_pb2.GetDecisionRequest.FromString(asked).decision_id:
                yield f"another was asked for than {recorded.decision_id}"
            yield from self.ledger.recorded(recorded)


def _row(kind: type[Row], sent: bytes) -> Row | None:
    """None if it cannot be read: so much may be in an event that the service does not look at the rest of it."""
    try:
        return kind.FromString(sent)
    except DecodeError:
        return None


def _is_given(outcome: outcomes_pb2.Outcome | None, result: outcomes_pb2.OutcomeResult) -> bool:
    """Whether an outcome that named its customer was given to a decision."""
    return outcome is not None and bool(outcome.customer_id) and bool(result.decision_id)


def _code(result: Result) -> str:
    return result.rejection.code or row_pb2.RowStatus.Name(result.status)


def _info(error: grpc.aio.AioRpcError) -> ErrorInfo | None:
    status, info = rpc_status.from_call(error), ErrorInfo()  # type: ignore[arg-type]
    has_info = status is not None and any(detail.Unpack(info) for detail in status.details)
    return info if has_info and info.domain == "decision.rumbo" and info.reason else None
