"""`rumbo serve --workers 2` as people start it: one port, one page of metrics, and whatever happens to one process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import yaml

from rumbo.decision.v1 import decision_pb2, events_pb2, row_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.flood import CallTally, steadily
from tests.e2e.test_command_line import END_S, address_of, process_with_log, rumbo
from tests.e2e.wire import opened as opened_incident
from tests.fixtures_service import STATE_URL, ask_state

ALONE = (("grpc.use_local_subchannel_pool", 1),)
"""A channel with a connection of its own."""
CALL_S = 30.0


LIMITED, UNITS = "how-can-we-help", 25
"""A journey that everybody is shown, and how often."""


class Workers:
    """A service with two workers, and what its log says."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.address = address_of(process)
        assert process.stdout is not None
        self.metrics_url = process.stdout.readline().removeprefix("metrics on ").strip()

    def lines(self, message: str) -> list[dict[str, object]]:
        """Of the log, those whose message is like this."""
        texts = [text for text in self._log.read_text(encoding="utf-8").splitlines() if text.startswith("{")]
        return [line for line in map(json.loads, texts) if re.fullmatch(message, line["message"])]

    def pids(self) -> list[int]:
        """Of all workers that ever listened, in that order."""
        return [int(str(line["pid"])) for line in self.lines(r"worker \d listens")]

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            assert self.process.poll() is None, self._log.read_text(encoding="utf-8")
            await asyncio.sleep(0.1)

    async def page(self) -> dict[str, float]:
        def read() -> str:
            with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
                return str(answer.read(), "utf-8")

        lines = (await asyncio.to_thread(read)).splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}


@asynccontextmanager
async def two_workers(home: Path, **variables: str) -> AsyncIterator[Workers]:
    """Until both listen. Whatever happens, none is left."""
    log = home.with_name("log")
    variables["CATALOGUE"] = str(home / "catalogue")
    if (home / STATE_URL).is_file():
        variables["STATE_URL"] = (home / STATE_URL).read_text(encoding="utf-8")
    options = ("--home", str(home), "--port", "0", "--metrics-port", "0", "--workers", "2")
    with log.open("w", encoding="utf-8") as file, process_with_log(file, "serve", *options, **variables) as started:
        workers = await asyncio.to_thread(Workers, started, log)
        await workers.until(lambda: len(workers.pids()) == 2)
        yield workers
    await gone(workers.pids())


async def gone(pids: list[int]) -> None:
    """Waits until none of them lives; the test's own timeout ends a wait that is in vain."""
    while [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        await asyncio.sleep(0.1)


def _limit(home: Path, units: int) -> None:
    """The journey that everybody is shown is shown so often a week."""
    (file,) = (home / "catalogue" / "journeys").glob(f"{LIMITED}.yaml")
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(document | {"capacity": {"units": units, "per": "week"}}), encoding="utf-8")


@asynccontextmanager
async def channels(address: str, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    opened = [grpc.aio.insecure_channel(address, ALONE) for _ in range(count)]
    try:
        yield opened
    finally:
        for channel in opened:
            await channel.close()


def asking(
    opened: list[grpc.aio.Channel], answers: list[decision_pb2.DecideResponse] | None = None
) -> Callable[[int], Awaitable[object]]:
    """A recorded decision, by turns over each channel, which is added to `answers`."""

    async def ask(n: int) -> object:
        stub = DecisionServiceStub(opened[n % len(opened)])
        request = decision_pb2.DecideRequest(customer_id=f"c{n}", channel="web")
        answer = await stub.Decide(request, timeout=CALL_S)
        if answers is not None:
            answers.append(answer)
        return answer

    return ask


def deciders(workers: Workers) -> set[object]:
    """The workers that decided something, by their process ids."""
    return {line["pid"] for line in workers.lines("decided")}


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_two_workers_share_a_port_a_cap_and_a_page_of_metrics(stored_home: Path) -> None:
    _limit(stored_home, UNITS)
    async with two_workers(stored_home) as workers, channels(workers.address, 16) as opened:
        told, answers = CallTally(), list[decision_pb2.DecideResponse]()
        await steadily(asking(opened, answers), 16, lambda: told.count >= 150, told)
        page = await workers.page()
        assert told.by_status == {"OK": told.count}
        assert sum(LIMITED in {one.journey_id for one in answer.ranked} for answer in answers) == UNITS
        assert deciders(workers) == set(workers.pids())
        assert page['rumbo_decisions_total{channel="web",kind="recorded"}'] == told.count
        assert (page['rumbo_worker_up{worker="0"}'], page['rumbo_worker_up{worker="1"}']) == (1, 1)
        assert page['rumbo_worker_restarts_total{worker="0"}'] == 0
        assert not [name for name in page if not name.startswith("rumbo_")]
        second = await asyncio.to_thread(
            rumbo, "serve", "--home", str(stored_home), "--workers", "2", "--port", workers.address.rsplit(":", 1)[1]
        )
        assert (second.returncode, second.stderr) == (1, f"Error: cannot listen on {workers.address}\n")
        workers.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(workers.process.wait, END_S) == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_replacing_the_workers_under_load_fails_no_call(own_home: Path) -> None:
    """Half of the callers keep their connections, the others make one for every call."""
    async with (
        two_workers(own_home, CONNECTION_AGE_S="2", DRAIN_S="5") as workers,
        channels(workers.address, 8) as kept,
    ):
        before, told = workers.pids(), CallTally()

        async def ask(n: int) -> object:
            if n % 2:
                return await asking(kept)(n)
            async with channels(workers.address, 1) as fresh:
                return await asking(fresh)(n)

        async def replace() -> None:
            await asyncio.sleep(1.0)
            workers.process.send_signal(signal.SIGUSR2)
            await gone(before)
            await workers.until(lambda: bool(workers.lines("the workers are replaced")))

        replacing = asyncio.create_task(replace())
        await asyncio.gather(steadily(ask, 16, replacing.done, told), replacing)
        assert told.by_status == {"OK": told.count}, told.refusals
        assert len(workers.pids()) == 4
        assert deciders(workers) == set(workers.pids())
        page = await workers.page()
        assert page['rumbo_decisions_total{channel="web",kind="recorded"}'] == told.count
        workers.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(workers.process.wait, END_S) == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_killed_worker_is_started_again_and_nothing_that_was_acknowledged_is_lost(own_home: Path) -> None:
    """It was the one that tells the feature store of events; another one does so then."""
    async with two_workers(own_home) as workers, channels(workers.address, 16) as opened:
        told, answers = CallTally(), list[decision_pb2.DecideResponse]()
        victim = workers.pids()[0]

        async def kill() -> None:
            await workers.until(lambda: told.answered >= 40)
            os.kill(victim, signal.SIGKILL)
            await workers.until(lambda: len(workers.pids()) == 3)

        killing = asyncio.create_task(kill())
        await asyncio.gather(steadily(asking(opened, answers), 16, killing.done, told), killing)
        assert set(told.by_status) <= {"OK", "UNAVAILABLE"}
        assert told.by_status["UNAVAILABLE"] <= 16, "each caller asked the dead one once at most"
        recorded = {one for (one,) in ask_state(own_home, "SELECT decision_id FROM decisions")}
        assert {answer.decision_id for answer in answers} <= recorded
        assert len(recorded) - len(answers) <= 16, "of those that were asked of the dead one"
        await _tell_incidents(opened)
        await workers.until(lambda: not ask_state(own_home, "SELECT * FROM outbox"))
        page = await workers.page()
        assert page['rumbo_worker_restarts_total{worker="0"}'] == 1
        assert page['rumbo_worker_up{worker="0"}'] == 1
        assert workers.lines("worker 0 ended with status -9; another one in 0.5 s")
        workers.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(workers.process.wait, END_S) == 0


async def _tell_incidents(opened: list[grpc.aio.Channel]) -> None:
    """Of a customer over each channel."""
    for n, channel in enumerate(opened):
        request = events_pb2.RecordEventsRequest(events=[opened_incident(f"c{n}")])
        (result,) = (await DecisionServiceStub(channel).RecordEvents(request, timeout=CALL_S)).results
        assert result.status == row_pb2.ROW_STATUS_ACCEPTED


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_every_worker_obeys_a_kill_and_loads_the_catalogue_when_told(own_home: Path) -> None:
    async with two_workers(own_home) as workers, channels(workers.address, 16) as opened:
        killed = await asyncio.to_thread(rumbo, "kill", LIMITED, "--why", "a test", "--home", str(own_home))
        assert killed.returncode == 0, killed.stderr
        told, answers = CallTally(), list[decision_pb2.DecideResponse]()
        await steadily(asking(opened, answers), 16, lambda: told.count >= 50, told)
        assert deciders(workers) == set(workers.pids())
        assert LIMITED not in {one.journey_id for answer in answers for one in answer.ranked}
        workers.process.send_signal(signal.SIGHUP)
        await workers.until(lambda: loaders(workers) == set(workers.pids()))
        workers.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(workers.process.wait, END_S) == 0


def loaders(workers: Workers) -> set[object]:
    """The workers that loaded a catalogue since they began, by their process ids."""
    return {line["pid"] for line in workers.lines("catalogue .* in force")}


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_service_whose_first_worker_cannot_serve_ends_as_it_would_alone(own_home: Path) -> None:
    (own_home / "catalogue" / "policies.yaml").write_text("channels: 1\n", encoding="utf-8")
    options = ("serve", "--home", str(own_home), "--catalogue", str(own_home / "catalogue"), "--port", "0")
    alone = await asyncio.to_thread(rumbo, *options)
    several = await asyncio.to_thread(rumbo, *options, "--workers", "2")
    assert "policies.yaml" in alone.stderr
    assert (several.returncode, several.stdout, _words(several)) == (alone.returncode, alone.stdout, _words(alone))


def _words(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """What people read of what it said, beside the log."""
    return [line for line in ended.stderr.splitlines() if not line.startswith("{")]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_workers_end_with_a_parent_that_was_killed(own_home: Path) -> None:
    async with two_workers(own_home) as workers:
        workers.process.kill()
        await asyncio.to_thread(workers.process.wait, END_S)
        await gone(workers.pids())
