"""SIGTERM while calls pour in: each is answered, or told that the service ends. None is left without an answer."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import grpc
import pytest

from rumbo.decision.v1 import decision_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from tests.e2e.flood import CallTally, flood, steadily
from tests.e2e.test_command_line import END_S, address_of, process
from tests.e2e.wire import Refusal, refusal_in

SHUTTING_DOWN = Refusal(code=grpc.StatusCode.UNAVAILABLE, reason="SHUTTING_DOWN")
NOBODY_THERE = "failed to connect to all addresses"
"""What a client says by itself of calls that it could not even send."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_calls_sent_just_before_the_end_are_answered_or_told_that_the_service_ends(own_home: Path) -> None:
    with process("serve", "--home", str(own_home), "--port", "0") as serving:
        address = await asyncio.to_thread(address_of, serving)
        told = await _load_until_it_is_gone(serving, address)
        assert serving.returncode == 0
    assert told.answered > 20
    refused = [error for error in told.refusals if NOBODY_THERE not in str(error.details())]
    assert {refusal_in(error) for error in refused} == {SHUTTING_DOWN}


async def _load_until_it_is_gone(serving: subprocess.Popen[str], address: str) -> CallTally:
    """Callers who ask again at once, and others who ask at their time, on connections of their own."""
    once = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(address) as one, grpc.aio.insecure_channel(address, once) as other:

        async def ask(n: int) -> object:
            stub = DecisionServiceStub(one if n % 2 else other)
            return await stub.Decide(decision_pb2.DecideRequest(customer_id=f"c{n}", channel="web"), timeout=30)

        async def end() -> None:
            await asyncio.sleep(2.0)
            serving.send_signal(signal.SIGTERM)
            await asyncio.to_thread(serving.communicate, None, END_S)

        told = CallTally()
        ending = asyncio.create_task(end())
        await asyncio.gather(steadily(ask, 16, ending.done, told), flood(ask, 40, 8, told), ending)
        return told
