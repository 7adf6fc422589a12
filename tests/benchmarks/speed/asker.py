"""The callers' side: some connections to a contender, over which bytes are sent and received as they are.

The client makes no message and reads none, so that it has as much of a core as can be for more calls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

from rumbo.decision.v1 import decision_pb2
from tests.benchmarks.speed.contenders import CHANNEL, Contender

CONNECTIONS = 8
"""As of so many clients: workers that share a port share connections, not calls."""
DEADLINE_S = 30.0
"""Of a call that is only to be measured: a contender that hangs must not hang the run."""
Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


def questions(customers: Sequence[str]) -> list[bytes]:
    return [decision_pb2.DecideRequest(customer_id=one, channel=CHANNEL).SerializeToString() for one in customers]


class Asker:
    """Asks one contender about one customer after another."""

    def __init__(self, methods: Sequence[Method], asked: Sequence[bytes]) -> None:
        self._methods = methods
        self._asked = asked

    async def ask(self, number: int, deadline_s: float = DEADLINE_S) -> bytes:
        method, asked = self._methods[number % len(self._methods)], self._asked[number % len(self._asked)]
        answer: bytes = await method(asked, timeout=deadline_s)
        return answer

    async def decide(self, number: int) -> decision_pb2.DecideResponse:
        return decision_pb2.DecideResponse.FromString(await self.ask(number))

    def about(self, asked: Sequence[bytes]) -> Asker:
        """The same about others."""
        return Asker(self._methods, asked)


@asynccontextmanager
async def asking(contender: Contender, asked: Sequence[bytes]) -> AsyncIterator[Asker]:
    own = (("grpc.use_local_subchannel_pool", 1),)
    target = f"127.0.0.1:{contender.port}"
    async with AsyncExitStack() as opened:
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(target, own)) for _ in range(CONNECTIONS)
        ]
        yield Asker([channel.unary_unary(contender.method) for channel in channels], asked)
