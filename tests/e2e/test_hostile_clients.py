"""What a client does on its own connections, others do not notice: resets, silence, pings, headers without end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, StreamReset

from rumbo.decision.v1 import decision_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.flood import flood, served
from tests.e2e.hostile import Raw
from tests.fixtures_service import Service, copied, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service for all cases, for none of them changes it."""
    async with running(copied(seeded_home, tmp_path_factory.mktemp("hostile") / "home")) as started:
        yield started


async def assert_answers(service: Service) -> None:
    assert (await service.decide("who behaves", dry_run=True)).counts.candidates


@pytest.mark.slow
@pytest.mark.parametrize("connections", [4, 16])
async def test_calls_begun_and_reset_at_once_leave_the_calls_of_others_alone(
    seeded_home: Path, tmp_path: Path, connections: int
) -> None:
    """For as long as others call: at most one of their calls in a hundred fails."""
    with served(copied(seeded_home, tmp_path / "home")) as port:
        attack = [sys.executable, "-m", "tests.e2e.hostile", str(port), str(connections), "10"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = DecisionServiceStub(channel)

            async def ask(n: int) -> object:
                return await stub.Decide(decision_pb2.DecideRequest(customer_id=f"c{n}", channel="web"), timeout=5)

            await ask(0)
            with subprocess.Popen(attack):
                told = await flood(ask, per_s=15, seconds=9)
    assert told.answered >= 0.99 * told.count, told.by_status


@pytest.mark.slow
async def test_connections_that_say_nothing_are_closed(service: Service) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", service.address.port) for _ in range(200)]
    try:
        async with asyncio.timeout(30):
            for reader, _ in silent:
                while await reader.read(4096):
                    pass
        await assert_answers(service)
    finally:
        for _, writer in silent:
            writer.close()


async def test_a_flood_of_pings_ends_its_connection(service: Service) -> None:
    raw = await Raw.to(service.address.port)
    ended = None
    async with asyncio.timeout(30):
        while ended is None:
            raw.h2.ping(b"are you?")
            await raw.flush()
            events = raw.h2.receive_data(await raw.receive(20))
            ended = next((e for e in events if isinstance(e, ConnectionTerminated)), None)
    raw.close()
    assert ended.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    await assert_answers(service)


async def test_headers_without_end_end_their_own_call(service: Service) -> None:
    raw = await Raw.to(service.address.port)
    stream = raw.begin(("x-endless", "x" * 40_000))
    await raw.flush()
    ended = False
    async with asyncio.timeout(30):
        while not ended:
            events = raw.h2.receive_data(await raw.receive(20))
            ended = any(getattr(e, "stream_id", None) == stream and _is_end(e) for e in events)
    raw.close()
    await assert_answers(service)


def _is_end(event: object) -> bool:
    return isinstance(event, StreamReset) or getattr(event, "stream_ended", None) is not None


async def test_no_more_calls_than_agreed_are_begun_on_one_connection(service: Service) -> None:
    raw = await Raw.to(service.address.port)
    async with asyncio.timeout(30):
        while raw.h2.remote_settings.max_concurrent_streams > 10_000:
            raw.h2.receive_data(await raw.receive(20))
    raw.close()
    assert raw.h2.remote_settings.max_concurrent_streams == 256
