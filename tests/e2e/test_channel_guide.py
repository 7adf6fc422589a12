"""The channel engineer's guide is run as it stands: its requests, its contract, its client's service config."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from types import ModuleType

import grpc
import pytest

from features.reading import CustomerByCustomer, FeatureReading
from rumbo.decision.v1 import row_pb2
from service.application.hydrate import PROBE
from tests.documents import GUIDES, blocks
from tests.e2e.wire import REGULAR
from tests.fixtures_service import Clock, Service, row_counts, running

GUIDE = GUIDES / "channel-engineer.md"
BIN = Path(sys.executable).parent
PUSHBACK_S = 0.5
"""Ten times what the client would wait by itself."""


@pytest.fixture
async def service(own_home: Path) -> AsyncIterator[Service]:
    """A service of today, for the clients of the guide go by the clock."""
    async with running(own_home, Clock(datetime.now(UTC))) as started:
        yield started


def block(language: str, word: str) -> str:
    """The block of the guide, of one language, that has this word."""
    (found,) = [code for code in blocks(GUIDE, language) if word in code]
    return found


async def run(command: str, place: Path, address: str = "") -> str:
    """What a shell prints at this place, in which the service of the guide is the one under test."""
    shell = await asyncio.create_subprocess_exec(
        "sh",
        "-euc",
        command.replace("127.0.0.1:50051", address),
        cwd=place,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await shell.communicate())[0].decode()
    assert shell.returncode == 0, said
    return said


def written(place: Path) -> Path:
    """The client of the guide and its service config, as files. Returns: the client."""
    (place / "service_config.json").write_text(block("json", "methodConfig"), encoding="utf-8")
    client = place / "ask.py"
    client.write_text(block("python", "def decide"), encoding="utf-8")
    return client


def address_of(service: Service) -> str:
    return f"{service.address.host}:{service.address.port}"


async def test_buf_curl_is_answered(service: Service, tmp_path: Path) -> None:
    said = await run(block("sh", "buf curl"), tmp_path, address_of(service))
    assert re.search(r'"decisionId": *"[0-9a-f-]{36}"', said)
    assert row_counts(service.home)["requests"] == 1


async def test_the_contract_is_written_and_compiled_and_the_client_asks_and_reports(
    service: Service, tmp_path: Path
) -> None:
    steps = block("sh", "rumbo protos").splitlines()
    assert steps[0].startswith("pip install ")
    await run("\n".join(steps[1:]), tmp_path)
    written(tmp_path)
    told = await run(f"python ask.py 127.0.0.1:50051 {REGULAR} web", tmp_path, address_of(service))
    assert re.match(r"1 [a-z-]+ [a-z-]+ \w+", told)
    assert "not taken" not in told
    assert (tmp_path / "rumbo/decision/v1/service_pb2_grpc.py").is_file()
    assert row_counts(service.home)["outcomes"] == len(told.splitlines()) > 0


async def test_an_error_is_told_by_its_reason(service: Service, tmp_path: Path) -> None:
    written(tmp_path)
    told = await run(f"python ask.py 127.0.0.1:50051 {REGULAR} fax || true", tmp_path, address_of(service))
    assert told == "nothing to show: INVALID_ARGUMENT UNKNOWN_CHANNEL\n"


@pytest.fixture
def client(tmp_path: Path) -> ModuleType:
    """The client of the guide as a module of this process."""
    spec = importlib.util.spec_from_file_location("ask", written(tmp_path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_what_is_sent_again_gets_the_same_decision_and_is_counted_once(
    service: Service, client: ModuleType
) -> None:
    rumbo = client.connect(address_of(service))
    first, again = [await asyncio.to_thread(client.decide, rumbo, REGULAR, "web", "a page") for _ in range(2)]
    assert again == first
    shown = first.ranked[0].journey_id
    told = [await asyncio.to_thread(client.report_presented, rumbo, first, shown) for _ in range(2)]
    assert told[0].status == row_pb2.ROW_STATUS_ACCEPTED
    assert row_counts(service.home)["outcomes"] == 1


async def test_a_shop_that_knows_no_decision_reports_and_is_told_which_it_was_given_to(
    service: Service, client: ModuleType, tmp_path: Path
) -> None:
    rumbo = client.connect(address_of(service))
    decision = await asyncio.to_thread(client.decide, rumbo, REGULAR, "web", "a page")
    shown = decision.ranked[0].journey_id
    (tmp_path / "shop.py").write_text(block("python", "def report_sale"), encoding="utf-8")
    sold_at = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    report = f"python shop.py 127.0.0.1:50051 {REGULAR} {shown} 12.50 till-7-0042 {sold_at}"
    assert await run(report, tmp_path, address_of(service)) == "NO_CONTACT\n"
    await asyncio.to_thread(client.report_presented, rumbo, decision, shown)
    for _ in range(2):
        assert await run(report, tmp_path, address_of(service)) == f"{decision.decision_id}\n"
    assert row_counts(service.home)["outcomes"] == 2


class Gate(CustomerByCustomer):
    """A feature store that reads nobody until it is opened. `is_asked`: somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_open, self.is_asked = threading.Event(), asyncio.Event()
        self._loop = loop

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        if customer_id != PROBE:
            self._loop.call_soon_threadsafe(self.is_asked.set)
            assert self.is_open.wait(30)
        return FeatureReading(values={}, degraded=(), has_any_row=False)


@pytest.fixture
async def gate() -> Gate:
    return Gate(asyncio.get_running_loop())


@pytest.fixture
async def narrow(own_home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service that works on one question at once, and tells others to wait for `PUSHBACK_S`."""
    monkeypatch.setenv("RUMBO_MAX_CALLS_DECIDE", "1")
    monkeypatch.setattr("service.wire.admission.SHORTEST_PAUSE_S", PUSHBACK_S)
    async with running(own_home, features=gate, metrics_port=0) as started:
        yield started
        gate.is_open.set()


async def refusals(service: Service) -> float:
    """How many questions were refused before they were begun."""

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.address.metrics_port}/metrics") as answer:
            return str(answer.read().decode())

    found = re.findall(r'^rumbo_shed_total\{method="Decide".*\} (\S+)$', await asyncio.to_thread(metrics), re.MULTILINE)
    return sum(map(float, found))


async def until_refused(service: Service, times: float) -> None:
    async with asyncio.timeout(30):
        while await refusals(service) < times:
            await asyncio.sleep(0.01)


async def test_the_client_asks_again_when_the_service_says_so_and_is_answered(
    narrow: Service, gate: Gate, client: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rumbo = client.connect(address_of(narrow))
    monkeypatch.setattr(client, "DEADLINE_S", 20.0)
    first = asyncio.create_task(narrow.decide("who came first"))
    await gate.is_asked.wait()
    begun = perf_counter()
    second = asyncio.create_task(asyncio.to_thread(client.decide, rumbo, REGULAR, "web", "a page"))
    await until_refused(narrow, 1)
    gate.is_open.set()
    answers = await asyncio.gather(first, second)
    assert perf_counter() - begun >= PUSHBACK_S
    assert all(answer.decision_id for answer in answers)
    assert await refusals(narrow) == 1


async def test_after_its_deadline_the_client_gets_the_decision_under_the_same_request_id(
    narrow: Service, gate: Gate, client: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rumbo = client.connect(address_of(narrow))
    monkeypatch.setattr(client, "DEADLINE_S", 0.2)
    with pytest.raises(grpc.RpcError) as raised:
        await asyncio.to_thread(client.decide, rumbo, REGULAR, "web", "a page")
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    gate.is_open.set()
    monkeypatch.setattr(client, "DEADLINE_S", 20.0)
    answer = await asyncio.to_thread(client.decide, rumbo, REGULAR, "web", "a page")
    assert answer.decision_id
    assert row_counts(narrow.home)["decisions"] == 1
