"""Where every call comes in and goes out: admitted or refused at once, read, answered; every error leaves here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from features.errors import RumboError
from service.application.errors import RequestInvalid
from service.metrics import Metrics
from service.state.port import StateUnavailable
from service.wire import readable
from service.wire.admission import SHORTEST_PAUSE_S, CallRefused, Share, ShuttingDown
from service.wire.status import INTERNAL, STATUS, MessageLate, MethodUnknown, demand_room

log = logging.getLogger(__name__)

DOMAIN = "decision.rumbo"
AWAY = "the state store cannot be asked now; nothing was acknowledged, so ask again"
LARGE_BYTES = 64 * 1024
"""A message of more is worked on beside few others like it, so that those who load in bulk leave room for all."""
READ_S = 10.0
"""How long the message of a call may take to come, once the call was begun."""

Context = grpc.aio.ServicerContext[Any, Any]
Read = TypeVar("Read", bound=Message)
Method = Callable[[bytes], Awaitable[Message]]


class Door:
    """Wraps the methods of the service. `close`, then `hold`, then `let_go`, is how it ends."""

    def __init__(
        self,
        shares: Mapping[str, Share],
        large: Share,
        metrics: Metrics,
        new_id: Callable[[], str],
        on_away: Callable[[], None] = lambda: None,
    ) -> None:
        """`shares`: the calls of each method that may be under way; `large`: those of all with a large message.

        `on_away` hears of each call that found no store.
        """
        self._shares = shares
        self._large = large
        self._metrics = metrics
        self._new_id = new_id
        self._on_away = on_away
        self._is_closing = False
        self._is_open = asyncio.Event()
        self._is_open.set()

    def leading_to(self, name: str, method: Method) -> Callable[[object, Context], Awaitable[bytes]]:
        """What gRPC calls for a method whose one message is not read yet."""

        async def call(_: object, context: Context) -> bytes:
            try:
                return await self._answer(self._shares[name], method, context)
            except Exception as error:  # noqa: BLE001 - the one door: known errors by the table, others INTERNAL
                await self._refuse(name, error, context)

        return call

    async def _answer(self, share: Share, method: Method, context: Context) -> bytes:
        if self._is_closing:
            await self._is_open.wait()
            raise ShuttingDown("the service ends", SHORTEST_PAUSE_S)
        share.demand(context.time_remaining())
        sent = await _message(context)
        with (self._large if len(sent) > LARGE_BYTES else share).place(context.time_remaining()):
            answer = (await method(sent)).SerializeToString()
        demand_room(len(answer))
        return answer

    async def message(self, method: str, kind: type[Read], sent: bytes, context: Context) -> Read:
        """What was sent to a method of a library; ends the call as any other if it is no such message.

        gRPC itself would answer UNKNOWN, and put a traceback into the log.
        """
        try:
            return readable.message(kind, sent)
        except RequestInvalid as error:
            await self._refuse(method, error, context)

    async def leading_nowhere(self, _: object, context: Context) -> NoReturn:
        """What gRPC calls for a method that nobody knows; whatever it is called, it is counted under one name."""
        await self._refuse("unknown", MethodUnknown("there is no such method"), context)

    def close(self) -> None:
        """From now on every call is refused; those that were admitted go on."""
        self._is_closing = True

    def hold(self) -> None:
        """Refused calls wait for their answer, so that no client has another one on its way."""
        self._is_open.clear()

    def let_go(self) -> None:
        """Answers those that wait."""
        self._is_open.set()

    async def _refuse(self, method: str, error: Exception, context: Context) -> NoReturn:
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
        elif isinstance(error, StateUnavailable):
            log.warning("%s could not be answered: %s", method, error)
            self._on_away()
            text = AWAY
        details, trailing = [_packed(ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))], dict[str, Any]()
        if isinstance(error, CallRefused):
            details.append(_packed(_retry_info(error)))
            trailing["grpc-retry-pushback-ms"] = str(round(error.retry_after_s * 1000))
            self._metrics.shed(method, reason)
        else:
            self._metrics.failed(method, code.name)
        status = Status(code=code.value[0], message=text, details=details)
        trailing["grpc-status-details-bin"] = status.SerializeToString()
        await context.abort(code, text, tuple(trailing.items()))


async def _message(context: Context) -> bytes:
    """The one message of a call. Raises: MessageLate, RequestInvalid if there is none."""
    try:
        async with asyncio.timeout(READ_S):
            sent = await context.read()
    except TimeoutError as error:
        raise MessageLate(f"the message did not come within {READ_S:g} s") from error
    if not isinstance(sent, bytes):
        raise RequestInvalid("request", "MALFORMED", "the call has no message")
    return sent


def _retry_info(error: CallRefused) -> RetryInfo:
    delay = Duration()
    delay.FromMicroseconds(round(error.retry_after_s * 1e6))
    return RetryInfo(retry_delay=delay)


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
