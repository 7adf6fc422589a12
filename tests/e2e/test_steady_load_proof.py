"""A service at 70 % of what it can take, for half an hour: it holds no more memory in the end, and is as quick."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc
import psutil
import pytest

from rumbo.decision.v1 import decision_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.benchmarks.speed.figures import Calls, ms
from tests.benchmarks.speed.load import closed, opened
from tests.benchmarks.speed.timer import timer
from tests.e2e.flood import ServedProcess, served_process

log = logging.getLogger(__name__)

SECONDS, WINDOWS = 1800.0, 30
SAMPLE_S, SAMPLES = 20.0, 4
SHARE, CALLERS = 0.7, 32
SATURATED_S = 10.0
"""Also what fills the caches: memory counts from then on."""
CUSTOMERS = 2400
MEMORY, DRIFT = 1.05, 1.2
"""A window's 99th percentile differs from that of the next by some tenths; the medians of ten windows by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was seen in a part of the time. `rss_mb`: at its end."""

    calls: Calls
    rss_mb: float


@pytest.mark.proof
async def test_half_an_hour_of_load_leaves_memory_and_latency_as_they_were(modelled_home: Path) -> None:
    with served_process(modelled_home) as service:
        windows = await _steady(service, SECONDS, WINDOWS)
    _demand_memory(windows)
    refused, answered = (sum(sum(w.calls.failed.values()) for w in windows), sum(len(w.calls.taken_s) for w in windows))
    assert refused <= answered / 1000
    p99_ms = [ms(window.calls.taken_s, 0.99) for window in windows]
    third = WINDOWS // 3
    assert median(p99_ms[-third:]) <= DRIFT * median(p99_ms[:third]), p99_ms


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_twenty_seconds_of_load_leave_memory_as_it_was(modelled_home: Path) -> None:
    """Enough to see some kilobytes a decision that are not given back."""
    with served_process(modelled_home) as service:
        _demand_memory(await _steady(service, SAMPLE_S, SAMPLES))


async def _steady(service: ServedProcess, seconds: float, windows: int) -> list[Window]:
    """Windows one after another at `SHARE` of what it took before them."""
    numbers, process = itertools.count(), psutil.Process(service.process_id)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = DecisionServiceStub(channel)

        async def decide(number: int) -> object:
            customer = str(1 + number % CUSTOMERS)
            return await stub.Decide(decision_pb2.DecideRequest(customer_id=customer, channel="app"))

        per_s = SHARE * (await closed(decide, numbers, CALLERS, SATURATED_S)).per_s
        found = list[Window]()
        for _ in range(windows):
            with timer() as alarm:
                calls = await opened(decide, numbers, per_s, seconds / windows, alarm.until)
            found.append(Window(calls=calls, rss_mb=process.memory_info().rss / 2**20))
            p99_ms = ms(calls.taken_s, 0.99)
            log.info("%.0f/s of %.0f, p99 %.1f ms, %.1f MB", calls.per_s, per_s, p99_ms, found[-1].rss_mb)
    return found


def _demand_memory(windows: Sequence[Window]) -> None:
    rss_mb = [window.rss_mb for window in windows]
    assert max(rss_mb) <= MEMORY * rss_mb[0], rss_mb
