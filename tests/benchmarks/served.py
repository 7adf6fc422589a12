"""Servers to be measured, each a process of its own.

    python -m tests.benchmarks.served echo BYTES | decide HOME CATALOGUE

Prints the ports once it serves, and ends when its input does. RUMBO_* variables say which store it has.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import uvloop

from features.company.home import places
from service.bootstrap.serve import application
from service.quiet_load import kept_for_good
from service.settings import Settings
from service.wire.server import serving
from tests.fixtures_features import NOW

METHOD = "/bench.Echo/Echo"
NOON = timedelta(hours=5)
"""From the clock of the tests to noon of the customers, when no hours are quiet."""


async def echo(size: int) -> None:
    """The floor: a method that answers so many bytes whatever it is asked."""
    answer = bytes(size)

    async def reply(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return answer

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(reply)
    service, method = METHOD.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _say(port, 0)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


async def decide(home: Path, catalogue: Path) -> None:
    """The service as it is, with a clock that goes on from noon of the day after the data."""
    begins = time.monotonic()

    def clock() -> datetime:
        return NOW + NOON + timedelta(seconds=time.monotonic() - begins)

    settings = Settings(company=places(home=home).company, home=home, catalogue=catalogue, port=0, metrics_port=0)
    async with application(settings, clock) as app, serving(app, settings) as address:
        with kept_for_good():
            _say(address.port, address.metrics_port or 0)
            await asyncio.to_thread(sys.stdin.read)


def _say(port: int, metrics_port: int) -> None:
    sys.stdout.write(f"{port} {metrics_port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    uvloop.run(echo(int(arguments[0])) if what == "echo" else decide(*map(Path, arguments)))
