"""A running service follows the champion: no call fails, no answer mixes two models, what is broken changes nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
import yaml

from models.bundle import Bundle
from models.pointer import read_pointer
from models.registry import point, promote, rollback
from rumbo.decision.v1 import decision_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.wire import REGULAR, SECOND_REGULAR, degraded_of
from tests.fixtures_features import registry_at
from tests.fixtures_service import records_in, running
from tests.promoted import CHALLENGER, CHAMPION, HIGH, LOW, add_version, aliases, client_of, with_two_versions

if TYPE_CHECKING:
    from rumbo.decision.v1.service_pb2_grpc import DecisionServiceAsyncStub

ROOT = Path(__file__).parents[2]
CALLERS = 32
FOLLOWED_S = 5.0
SHOWN_ALL, SHOWN_SOME = (REGULAR, SECOND_REGULAR), ("7", "13", "1364", "unknown")
"""Customers of dry runs, and of decisions that use up what they may be shown."""

pytestmark = pytest.mark.timeout(300)


class Callers:
    """Each asks again as soon as it is answered; every second question is a dry run over all that is allowed."""

    def __init__(self, address: str, p_of: dict[str, float]) -> None:
        self._address = address
        self._p_of = p_of
        self._latest = [""] * CALLERS
        self._is_over = False
        self.scored = Counter[str]()
        self.degraded: set[str] = set()

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Ends well only if every call did."""
        async with grpc.aio.insecure_channel(self._address) as channel, asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(self._call(DecisionServiceStub(channel), number))
            try:
                yield
            finally:
                self._is_over = True

    async def all_have(self, version: str, within_s: float | None) -> None:
        """Until the latest answer to each caller names this version."""
        async with asyncio.timeout(within_s):
            while set(self._latest) != {version}:
                await asyncio.sleep(0.01)

    async def _call(self, stub: DecisionServiceAsyncStub, number: int) -> None:
        draw = random.Random(number)
        while not self._is_over:
            is_dry = draw.random() < 0.5
            customer = draw.choice(SHOWN_ALL if is_dry else SHOWN_SOME)
            question = decision_pb2.DecideRequest(
                customer_id=customer, channel="web", dry_run=is_dry, limit=50 if is_dry else 3
            )
            answer = await stub.Decide(question, timeout=60)
            self._check(answer)
            self._latest[number] = answer.model_version

    def _check(self, answer: decision_pb2.DecideResponse) -> None:
        self.degraded |= degraded_of(answer).keys()
        scores = [j.p_outcome for j in answer.ranked if "RANKED_BY_MODEL" in {r.code for r in j.reasons}]
        self.scored[answer.model_version] += len(scores)
        assert scores == pytest.approx([self._p_of[answer.model_version]] * len(scores), abs=1e-12)


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[str]:
    """The address of a server of this home, a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.served", "decide", str(home), str(home / "catalogue")]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        ports = (await process.stdout.readline()).split()
        assert ports, "the server did not begin"
        yield f"127.0.0.1:{int(ports[0])}"
    finally:
        process.kill()
        await process.wait()


def with_pages(home: Path, number: str) -> None:
    """As somebody does in MLflow's pages."""
    registry = registry_at(home)
    client_of(registry).set_registered_model_alias(registry.model, "champion", number)


def by_command(home: Path, number: str) -> None:
    promote(registry_at(home), number, datetime.now(UTC))


def back(home: Path, number: str) -> None:
    assert rollback(registry_at(home), datetime.now(UTC))[0] == number


Move = Callable[[Path, str], None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moves", "within_s"),
    [
        pytest.param((by_command, back), FOLLOWED_S, id="promote and rollback"),
        pytest.param((with_pages, with_pages), None, id="MLflow's pages"),
    ],
)
async def test_under_load_every_caller_has_the_new_champion_soon_and_no_call_fails(
    modelled_home: Path, moves: tuple[Move, Move], within_s: float | None
) -> None:
    low, high = with_two_versions(modelled_home)
    async with served(modelled_home) as address:
        callers = Callers(address, {low.version: LOW, high.version: HIGH})
        async with callers.calling():
            await callers.all_have(low.version, 60.0)
            await asyncio.to_thread(moves[0], modelled_home, CHALLENGER)
            await callers.all_have(high.version, within_s)
            await asyncio.to_thread(moves[1], modelled_home, CHAMPION)
            await callers.all_have(low.version, within_s)
    assert set(callers.scored) == {low.version, high.version}
    assert min(callers.scored.values()) > CALLERS
    assert callers.degraded == set()


async def awaited(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await look():
            await asyncio.sleep(0.05)


async def test_a_promoted_champion_is_followed_and_a_broken_one_leaves_it_and_is_told(
    modelled_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    low, high = with_two_versions(modelled_home)
    async with running(modelled_home) as service:
        assert (await service.preview(REGULAR)).model_version == low.version
        promote(registry_at(modelled_home), CHALLENGER, datetime.now(UTC))

        async def is_followed() -> bool:
            return (await service.preview(REGULAR)).model_version == high.version

        await awaited(is_followed)
        decided = await service.decide(REGULAR)
        broken = replace(low, history=frozenset({"another"}))
        add_version(modelled_home, broken, "champion")
        (registry_at(modelled_home).folder / "artifacts" / broken.version / "bundle" / "model.txt").write_text("cut")
        point(registry_at(modelled_home))

        async def is_told() -> bool:
            return any("stays in force" in record.message for record in caplog.records)

        await awaited(is_told)
        assert (await service.preview(REGULAR)).model_version == high.version
        told = [record.message for record in caplog.records if "stays in force" in record.message]
        again = await service.recall(decided.decision_id)
    assert len(told) == 1
    assert told[0].startswith(f"model {high.version} stays in force: model bundle: model.txt")
    assert again.model_version == high.version


@pytest.mark.parametrize("arms", [{"challenger": 0.5}, {"shadow": True}], ids=["shown", "shadow"])
async def test_the_challenger_is_shown_to_its_share_or_scored_in_the_shadow_and_replay_says_the_same(
    modelled_home: Path, arms: dict[str, float]
) -> None:
    low, high = with_two_versions(modelled_home)
    policies = modelled_home / "catalogue" / "policies.yaml"
    said = yaml.safe_load(policies.read_text(encoding="utf-8"))
    policies.write_text(yaml.safe_dump({**said, "arms": {"salt": "e2e", **arms}}, allow_unicode=True), encoding="utf-8")
    versions: dict[str, set[str]] = {}
    async with running(modelled_home) as service:

        async def is_scored() -> bool:
            """The start waits for the champion; the challenger is in force a moment later."""
            decided = await service.decide(REGULAR)
            records = records_in(modelled_home, f"decision_id = '{decided.decision_id}'")
            return "other" in records[decided.decision_id]["input"]

        await awaited(is_scored)
        for customer in (REGULAR, SECOND_REGULAR, *(str(n) for n in range(60, 75))):
            answer = await service.decide(customer, "app")
            p_of = {low.version: LOW, high.version: HIGH}[answer.model_version]
            told = {j.p_outcome for j in answer.ranked if "RANKED_BY_MODEL" in {r.code for r in j.reasons}}
            assert all(p == pytest.approx(p_of) for p in told)
            versions.setdefault(answer.arm, set()).add(answer.model_version)
            again = await service.recall(answer.decision_id)
            assert again.model_version == answer.model_version
    shown = {"CHAMPION": {low.version}, "CHALLENGER": {high.version}}
    assert versions == (shown if "challenger" in arms else {"": {low.version}})


async def test_an_alias_that_was_taken_away_leaves_what_serves(modelled_home: Path) -> None:
    low, _ = with_two_versions(modelled_home)
    registry = registry_at(modelled_home)
    client_of(registry).delete_registered_model_alias(registry.model, "champion")
    async with running(modelled_home) as service:
        assert (await service.preview(REGULAR)).model_version == low.version


def whole_pointer(home: Path, low: Bundle, high: Bundle) -> str:
    """The number of the champion that is pointed to."""
    pointer = read_pointer(registry_at(home).folder)
    assert pointer is not None
    assert pointer.champion is not None
    versions = {CHAMPION: low.version, CHALLENGER: high.version}
    assert pointer.champion.version == versions[pointer.champion.number]
    return pointer.champion.number


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=[pytest.mark.proof, pytest.mark.timeout(0)])])
def test_kill_9_in_the_middle_of_promotion_leaves_one_champion(modelled_home: Path, rounds: int) -> None:
    """Whatever was killed when: the pointer is whole, and the registry brings it to what holds."""
    low, high = with_two_versions(modelled_home)
    draw = random.Random(14)
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.promoted", str(modelled_home)], cwd=ROOT, stdout=subprocess.PIPE
        ) as promoting:
            assert promoting.stdout is not None
            for _ in range(draw.randint(1, 4)):
                assert promoting.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                promoting.wait(draw.uniform(0.0, 0.2))
            os.kill(promoting.pid, signal.SIGKILL)
        whole_pointer(modelled_home, low, high)
        found = aliases(modelled_home)
        assert found["champion"] in (CHAMPION, CHALLENGER)
        assert found["previous"] in (CHAMPION, CHALLENGER)
        point(registry_at(modelled_home))
        assert whole_pointer(modelled_home, low, high) == found["champion"]
