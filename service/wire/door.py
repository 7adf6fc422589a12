"""The way of every call: admitted or refused at once, its message read, its answer sent, any error made a status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

import grpc
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
STORE_AWAY = "the state store cannot be asked now; nothing was acknowledged, so ask again"
LARGE_BYTES = 64 * 1024
"""Calls with a larger message share a limit of their own, so that bulk loads leave room for everybody else."""
READ_S = 10.0
"""How long a call that has begun may take to send its message."""

Context = grpc.aio.ServicerContext[Any, Any]
ReadMessage = TypeVar("ReadMessage", bound=Message)
Method = Callable[[bytes], Awaitable[bytes]]


class Door:
    """Wraps the methods of the service.

    It ends in three steps: `close` refuses new calls, `hold_refusals` lets them wait for that, `send_refusals` tells
    those that wait.
    """

    def __init__(
        self,
        shares: Mapping[str, Share],
        large: Share,
        metrics: Metrics,
        new_id: Callable[[], str],
        on_away: Callable[[], None] = lambda: None,
    ) -> None:
        """`shares` limits the calls under way by method, `large` those of any method whose message is large.

        `on_away` is called whenever a call finds the state store away.
        """
        self._shares = shares
        self._large = large
        self._metrics = metrics
        self._new_id = new_id
        self._on_away = on_away
        self._is_closing = False
        self._may_refuse = asyncio.Event()
        self._may_refuse.set()

    def call_of(self, name: str, method: Method) -> Callable[[object, Context], Awaitable[bytes]]:
        """What gRPC is given for a method: it leaves the one message of a call to be read here."""

        async def call(_: object, context: Context) -> bytes:
            try:
                return await self._answer(self._shares[name], method, context)
            except Exception as error:  # noqa: BLE001 - the one door: known errors by the table, others INTERNAL
                await self._refuse(name, error, context)

        return call

    async def _answer(self, share: Share, method: Method, context: Context) -> bytes:
        if self._is_closing:
            await self._may_refuse.wait()
            raise ShuttingDown("the service ends", SHORTEST_PAUSE_S)
        share.demand(context.time_remaining())
        sent = await _message(context)
        with (self._large if len(sent) > LARGE_BYTES else share).place(context.time_remaining()):
            answer = await method(sent)
        demand_room(len(answer))
        return answer

    async def message(self, method: str, kind: type[ReadMessage], sent: bytes, context: Context) -> ReadMessage:
        """The message that was sent to a method of a library. Ends the call with INVALID_ARGUMENT if it is no such one.

        gRPC itself would answer UNKNOWN, and put a traceback into the log.
        """
        try:
            return readable.message(kind, sent)
        except RequestInvalid as error:
            await self._refuse(method, error, context)

    async def unknown_call(self, _: object, context: Context) -> NoReturn:
        """What gRPC is given for every other method. All are counted under one name, for callers choose theirs."""
        await self._refuse("unknown", MethodUnknown("there is no such method"), context)

    def close(self) -> None:
        """From now on every call is refused; those that were admitted go on."""
        self._is_closing = True

    def hold_refusals(self) -> None:
        """From now on refused calls wait for their answer, so that no client sends another one meanwhile."""
        self._may_refuse.clear()

    def send_refusals(self) -> None:
        """Answers the refused calls that wait."""
        self._may_refuse.set()

    async def _refuse(self, method: str, error: Exception, context: Context) -> NoReturn:
        """Ends the call with the error's status; what the table does not know is INTERNAL, its cause in the log."""
        code, reason = INTERNAL
        if isinstance(error, RumboError):
            code, reason = STATUS.get(type(error), INTERNAL)
        if isinstance(error, CallRefused):
            self._metrics.shed(method, reason)
            await context.abort(code, str(error), _shed(code, reason, str(error), round(error.retry_after_s * 1000)))
        self._metrics.failed(method, code.name)
        info = ErrorInfo(reason=reason, domain=DOMAIN)
        text = self._public_text(method, error, code, info)
        await context.abort(code, text, (_details(code, text, info),))

    def _public_text(self, method: str, error: Exception, code: grpc.StatusCode, info: ErrorInfo) -> str:
        """The text for the caller, whose details go into `info`; a cause that is not the caller's goes into the log."""
        if isinstance(error, RequestInvalid):
            info.reason = error.code
            info.metadata["field"] = error.field
        elif code is grpc.StatusCode.INTERNAL:
            error_id = self._new_id()
            log.error("%s failed (%s)", method, error_id, exc_info=error)
            info.metadata["error_id"] = error_id
            return f"internal error {error_id}"
        elif isinstance(error, StateUnavailable):
            log.warning("%s could not be answered: %s", method, error)
            self._on_away()
            return STORE_AWAY
        return str(error)


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


@lru_cache(maxsize=1024)
def _shed(code: grpc.StatusCode, reason: str, text: str, retry_ms: int) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata of a call that was refused. Kept, for under a flood every refusal is a repeated one."""
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(retry_ms)
    details = _details(code, text, ErrorInfo(reason=reason, domain=DOMAIN), retry)
    return (("grpc-retry-pushback-ms", str(retry_ms)), details)


def _details(code: grpc.StatusCode, text: str, *details: Message) -> tuple[str, bytes]:
    status = Status(code=code.value[0], message=text)
    for detail in details:
        status.details.add().Pack(detail)
    return ("grpc-status-details-bin", status.SerializeToString())
