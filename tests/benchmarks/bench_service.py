"""What a decision costs over gRPC, on both stores, beside a method that only answers as many bytes: the floor.

One table and `bench_service.json`: calls a second, the median of lone calls, the 99th percentile at half of the load,
and the mean time of each stage. 50 journeys are candidates; decisions are recorded, and survive a loss of power.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from rumbo.decision.v1 import decision_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.examples.complete_journey.seed import seed_consents
from service.settings import Settings
from tests.benchmarks.load import LoadFigures, lone, measure, warm
from tests.benchmarks.results import tell
from tests.benchmarks.served import METHOD
from tests.fixtures_service import copied
from tests.large_catalogue import write_large_catalogue
from tests.servers.postgres import postgres_server

CHANNEL, JOURNEYS = "app", 50
STAGES = ("hydrate", "constrain", "score", "select", "commit", "encode")
CUSTOMERS = 2400


def test_a_decision_over_grpc_beside_an_echo(trained_home: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    _write_catalogue(catalogue)
    found: dict[str, dict[str, float]] = {}
    home = copied(trained_home, tmp_path / "sqlite")
    answer = _measure_service("sqlite", home, catalogue, None, found)
    with postgres_server(on_disk=True) as server:
        other = copied(trained_home, tmp_path / "postgres")
        _measure_service("postgres", other, catalogue, server.new_database("bench"), found)
    with _process("echo", str(len(answer))) as (port, _):
        found["echo"] = asdict(asyncio.run(_load_echo(port, _request(0).SerializeToString())))
    _tell(found, len(answer))


def _write_catalogue(folder: Path) -> None:
    """So many copies of the example that `JOURNEYS` of them have an action on the channel."""
    size = JOURNEYS
    while True:
        write_large_catalogue(folder, size)
        offered = sum(f"{CHANNEL}" in file.read_text() for file in (folder / "journeys").glob("*.yaml"))
        if offered >= JOURNEYS:
            return
        size += JOURNEYS - offered


def _measure_service(
    name: str, home: Path, catalogue: Path, url: str | None, found: dict[str, dict[str, float]]
) -> bytes:
    """Returns: an answer, for its size."""
    if url is not None:
        os.environ["RUMBO_STATE_URL"] = url
    try:
        asyncio.run(seed_consents(Settings(home=home, catalogue=catalogue)))
        with _process("decide", str(home), str(catalogue)) as (port, metrics_port):
            found[name], answer = asyncio.run(_load_decide(port, metrics_port))
    finally:
        os.environ.pop("RUMBO_STATE_URL", None)
    return answer


@contextmanager
def _process(*arguments: str) -> Iterator[tuple[int, int]]:
    """A server process. Yields: its port, and that of its metrics."""
    command = [sys.executable, "-m", "tests.benchmarks.served", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port, metrics_port = process.stdout.readline().split()
        yield int(port), int(metrics_port)
        process.stdin.close()
        process.wait(60)


def _request(number: int) -> decision_pb2.DecideRequest:
    return decision_pb2.DecideRequest(customer_id=str(1 + number % CUSTOMERS), channel=CHANNEL)


async def _load_decide(port: int, metrics_port: int) -> tuple[dict[str, float], bytes]:
    """The stages are those of the lone calls."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = DecisionServiceStub(channel)

        async def call(number: int) -> object:
            return await stub.Decide(_request(number))

        answer = await stub.Decide(_request(0))
        await warm(call)
        before = _stages(metrics_port)
        lone_us = await lone(call)
        stages = {
            f"{stage}_us": 1e6 * (seconds - before[stage][0]) / (count - before[stage][1])
            for stage, (seconds, count) in _stages(metrics_port).items()
        }
        return {**asdict(await measure(call, lone_us)), **stages}, answer.SerializeToString()


async def _load_echo(port: int, request: bytes) -> LoadFigures:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        echo: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

        async def call(number: int) -> object:
            return await echo(request)

        await warm(call)
        return await measure(call, await lone(call))


def _stages(metrics_port: int) -> dict[str, tuple[float, float]]:
    """By stage: the seconds it took in all decisions until now, and how many those are."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = {
        (sample.name, sample.labels.get("stage")): sample.value for family in families for sample in family.samples
    }
    name = "rumbo_stage_seconds"
    return {stage: (samples[(f"{name}_sum", stage)], samples[(f"{name}_count", stage)]) for stage in STAGES}


def _tell(found: Mapping[str, Mapping[str, float]], answer_bytes: int) -> None:
    for name, row in found.items():
        tell(f"decide, {name}" if name != "echo" else name, **row)
    table = Table("", *found, title=f"Decide with {JOURNEYS} journeys, {answer_bytes} bytes an answer")
    for name in dict.fromkeys(name for row in found.values() for name in row):
        cells = [f"{row[name]:,.0f}" if name in row else "" for row in found.values()]
        table.add_row(name, *cells)
    ratios = [f"{found['echo']['per_s'] / row['per_s']:.1f}" for row in found.values()]
    table.add_row("times the cost of an echo", *ratios)
    with Path("/dev/stdout").open("w", encoding="utf-8") as out:
        Console(file=out, width=100).print(table)
    assert all(pytest.approx(0.0) != row["per_s"] for row in found.values())
