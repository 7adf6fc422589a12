"""A service whose features are read by a plan needs neither Feast nor what it brings along, from its first start on."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from features.company.kept_registry import FILE
from rumbo.decision.v1 import decision_pb2, events_pb2, row_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.test_command_line import END_S, ROOT, address_of
from tests.e2e.wire import REGULAR, degraded_of, opened, resolved
from tests.fixtures_service import settled_counts

HEAVY = {"feast", "pandas", "pyarrow", "dask"}
IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)


@contextmanager
def serving_with_imports_told(home: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """`rumbo serve`, which writes each module that it imports; processes that it starts do not."""
    command = [sys.executable, "-X", "importtime", "-m", "service.cli", "serve", "--home", str(home), "--port", "0"]
    with log.open("w", encoding="utf-8") as written:
        started = subprocess.Popen(
            command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=written, text=True
        )
    with started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def imported(log: Path) -> set[str]:
    """The packages that were imported."""
    return {name.partition(".")[0] for name in IMPORTED.findall(log.read_text(encoding="utf-8"))}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_serving_process_imports_nothing_heavy_when_it_compiles_its_plan_and_when_it_has_one(
    own_home: Path, tmp_path: Path
) -> None:
    (own_home / FILE).unlink()
    for start, event in (("first", opened()), ("second", resolved())):
        log = tmp_path / f"{start}.log"
        with serving_with_imports_told(own_home, log) as serving:
            address = await asyncio.to_thread(address_of, serving)
            async with grpc.aio.insecure_channel(address) as channel:
                stub = DecisionServiceStub(channel)
                answer = await stub.Decide(decision_pb2.DecideRequest(customer_id=REGULAR, channel="web"))
                told = await stub.RecordEvents(events_pb2.RecordEventsRequest(events=[event]))
            assert told.results[0].status == row_pb2.ROW_STATUS_ACCEPTED
            await settled_counts(own_home)
            serving.send_signal(signal.SIGTERM)
            await asyncio.to_thread(serving.communicate, None, END_S)
        assert "UNAVAILABLE" not in {status for what, status in degraded_of(answer).items() if what != "model"}
        found = imported(log)
        assert "service" in found, "what was imported is in the log"
        assert not found & HEAVY
    assert (own_home / FILE).is_file()
