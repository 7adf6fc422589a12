"""The gRPC server: health, reflection, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from prometheus_client import start_http_server

from features.errors import RumboError
from rumbo.decision.v1 import service_pb2
from service.application.intake import Intake
from service.background.catalogue_watch import CatalogueWatch
from service.metrics import Metrics
from service.settings import Settings
from service.wire.door import Context, Door
from service.wire.handler import Handler
from service.wire.readiness import HealthPart, Listener, Readiness
from service.wire.reflected import serve_reflection
from service.wire.status import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

_DESCRIPTOR = service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
SERVICE = _DESCRIPTOR.full_name
CALM_S = 0.25
"""How long new calls wait for their refusal before connections end, so that no client has another one on its way."""
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the server needs: the methods and the door to them, and what to tell about it."""

    handler: Handler
    door: Door
    intake: Intake
    metrics: Metrics
    watch: CatalogueWatch
    readiness: Readiness


class AddressTaken(RumboError):
    """The server cannot listen where it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server listens. `metrics_port` is None when metrics are not served."""

    host: str
    port: int
    metrics_port: int | None


@asynccontextmanager
async def serving(app: Application, settings: Settings) -> AsyncIterator[Address]:
    """Serves until left; then refuses new calls, and gives those under way `drain_s` to end.

    One of several workers shares its port, which its parent has made sure of.

    Raises: AddressTaken.
    """
    server = grpc.aio.server(options=_options(settings), maximum_concurrent_rpcs=_MOST_CALLS)
    _serve_methods(app, server)
    checks = health.aio.HealthServicer()
    _serve_health(checks, app.door, server)
    serve_reflection((SERVICE, health.SERVICE_NAME), app.door, server)
    server.add_generic_rpc_handlers((_NoMethod(app.door),))
    try:
        port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    except RuntimeError as error:
        raise AddressTaken(f"cannot listen on {settings.host}:{settings.port}") from error
    await server.start()
    await checks.set("", SERVING)
    await app.readiness.listen(_tell_health(checks, settings))
    metrics = None
    if settings.metrics_port is not None:
        metrics, _ = start_http_server(settings.metrics_port, settings.host, app.metrics.registry)
    try:
        metrics_port = None if metrics is None else metrics.server_port
        yield Address(host=settings.host, port=port, metrics_port=metrics_port)
    finally:
        await _stop(server, app.door, checks, settings)
        if metrics is not None:
            await asyncio.to_thread(metrics.shutdown)
            metrics.server_close()


def _serve_methods(app: Application, server: grpc.aio.Server) -> None:
    """Serves as the generated code does, except that the door decides when a message is read and how it is counted."""
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        method.name: grpc.stream_unary_rpc_method_handler(
            app.door.call_of(method.name, getattr(app.handler, method.name))
        )
        for method in _DESCRIPTOR.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_registered_method_handlers(SERVICE, methods)


def _serve_health(checks: health.aio.HealthServicer, door: Door, server: grpc.aio.Server) -> None:
    async def asked(method: str, sent: bytes, context: Context) -> health_pb2.HealthCheckRequest:
        return await door.message(method, health_pb2.HealthCheckRequest, sent, context)

    async def check(sent: bytes, context: Context) -> health_pb2.HealthCheckResponse:
        return await checks.Check(await asked("Check", sent, context), context)

    async def watch(sent: bytes, context: Context) -> None:
        await checks.Watch(await asked("Watch", sent, context), context)

    serialize = health_pb2.HealthCheckResponse.SerializeToString
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Check": grpc.unary_unary_rpc_method_handler(check, response_serializer=serialize),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, response_serializer=serialize),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods),))


class _NoMethod(grpc.GenericRpcHandler):
    """Takes every call that nobody else takes, so it comes last."""

    def __init__(self, door: Door) -> None:
        self._handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(door.unknown_call)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return self._handler


def _tell_health(checks: health.aio.HealthServicer, settings: Settings) -> Listener:
    """A service that may answer unrecorded is ready without its state store, which has a health of its own."""

    async def tell(works: Mapping[HealthPart, bool]) -> None:
        for part, is_well in works.items():
            await checks.set(part.value, SERVING if is_well else NOT_SERVING)
        is_ready = works[HealthPart.STATE] or settings.allow_unrecorded
        await checks.set(SERVICE, SERVING if is_ready else NOT_SERVING)

    return tell


async def _stop(server: grpc.aio.Server, door: Door, checks: health.aio.HealthServicer, settings: Settings) -> None:
    """Refuses new calls for a while; then, while none is on its way, ends every connection.

    A call that arrives after gRPC began to stop would be CANCELLED, and nobody could tell what became of it.
    """
    door.close()
    await checks.enter_graceful_shutdown()
    await asyncio.sleep(settings.notice_s)
    door.hold_refusals()
    await asyncio.sleep(min(CALM_S, settings.notice_s))
    stopping = asyncio.create_task(server.stop(settings.drain_s))
    await asyncio.sleep(min(CALM_S, settings.notice_s))
    door.send_refusals()
    await stopping


def _options(settings: Settings) -> tuple[tuple[str, int], ...]:
    # Connections are made anew, so that clients spread over replicas and no leak lasts. gRPC adds 10 % of jitter.
    return (
        *_OPTIONS,
        ("grpc.so_reuseport", int(settings.workers > 1)),
        ("grpc.max_connection_age_ms", round(settings.age_s * 1000)),
    )


_MINUTE_MS = 60_000
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Calls that one connection may have begun. Above what a method works on at once, so that the others are told so,
    # not kept waiting on the client's side; low enough that calls begun and reset at once do not crowd out the rest.
    ("grpc.max_concurrent_streams", 256),
    # Calls that wait until they are looked at, of all connections. Beyond the first number gRPC cancels some by chance,
    # beyond the second all, and would do so to the calls of everybody while a few connections begin and reset theirs.
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 40_000),
    # Who connects must greet, and who is silent must answer a ping, or be disconnected.
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.keepalive_time_ms", _MINUTE_MS),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Clients may look every 10 s whether the service is there, as those behind a NAT must; more often is a flood.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_connection_idle_ms", 10 * _MINUTE_MS),
    ("grpc.max_connection_age_grace_ms", _MINUTE_MS),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
)
_MOST_CALLS = 2048
"""Of all connections together, those included whose message has not come: what keeps memory bounded, whoever calls."""
