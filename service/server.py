"""The gRPC server: health, reflection, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from features.errors import RumboError
from rumbo.decision.v1 import service_pb2
from service.bootstrap import Application
from service.catalogue_watch import Listener
from service.convert.readable import reader_of
from service.handler import Handler
from service.settings import Settings

log = logging.getLogger(__name__)

_DESCRIPTOR = service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
SERVICE = _DESCRIPTOR.full_name
CATALOGUE = "rumbo.catalogue"
"""Its health: NOT_SERVING while the catalogue on disk is refused and an earlier one stays in force."""
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


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

    Raises: AddressTaken.
    """
    server = grpc.aio.server(options=_OPTIONS)
    _serve_methods(app.handler, server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    except RuntimeError as error:
        raise AddressTaken(f"cannot listen on {settings.host}:{settings.port}") from error
    await server.start()
    for name in ("", SERVICE, CATALOGUE):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    app.watch.listen(_tell_health(checks))
    metrics = None
    if settings.metrics_port is not None:
        metrics, _ = start_http_server(settings.metrics_port, settings.host, app.metrics.registry)
    try:
        metrics_port = None if metrics is None else metrics.server_port
        yield Address(host=settings.host, port=port, metrics_port=metrics_port)
    finally:
        await checks.enter_graceful_shutdown()
        await server.stop(settings.drain_s)
        if metrics is not None:
            await asyncio.to_thread(metrics.shutdown)
            metrics.server_close()


def _serve_methods(handler: Handler, server: grpc.aio.Server) -> None:
    """As the generated code does, but for messages that cannot be read."""
    methods = {
        method.name: grpc.unary_unary_rpc_method_handler(
            getattr(handler, method.name),
            request_deserializer=reader_of(GetMessageClass(method.input_type)),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
        for method in _DESCRIPTOR.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_registered_method_handlers(SERVICE, methods)


def _tell_health(checks: health.aio.HealthServicer) -> Listener:
    async def tell(*, is_valid: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if is_valid else health_pb2.HealthCheckResponse.NOT_SERVING
        await checks.set(CATALOGUE, status)

    return tell


_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
)
