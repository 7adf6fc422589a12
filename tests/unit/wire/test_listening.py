"""A process stops to listen on a port that another one goes on with: whoever calls meanwhile is answered."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from errno import EINPROGRESS
from select import select
from typing import Any

import grpc

from service.wire.listening import stop_listening, until_left

METHOD = "/test.Echo/Echo"
SHARED = (("grpc.so_reuseport", 1),)
AGES = (*SHARED, ("grpc.max_connection_age_ms", 500))
ALONE = (("grpc.use_local_subchannel_pool", 1),)


class Echo:
    """`answered`: how often it was asked."""

    def __init__(self, options: tuple[tuple[str, int], ...]) -> None:
        self.answered = 0
        self.server = grpc.aio.server(options=options)
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._reply)
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": handler}),))

    async def _reply(self, request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await asyncio.sleep(0.002)
        self.answered += 1
        return request


async def asked(channel: grpc.aio.Channel) -> object:
    method: Any = channel.unary_unary(METHOD)
    return await method(b"x", timeout=20)


async def test_no_call_fails_while_one_of_two_stops_to_listen_and_everybody_leaves_it() -> None:
    """Both servers lie in this process, so both stop to listen, one after another, and a third one goes on."""
    first = Echo(AGES)
    port = first.server.add_insecure_port("127.0.0.1:0")
    await first.server.start()
    second, is_over = Echo(SHARED), asyncio.Event()

    async def call(n: int) -> None:
        kept = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=ALONE)
        while not is_over.is_set():
            assert await asked(kept) == b"x"
            if n % 2:
                await kept.close()
                kept = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=ALONE)
        await kept.close()

    async def hand_over() -> None:
        while first.answered < 100:
            await asyncio.sleep(0.01)
        await stop_listening(port)
        second.server.add_insecure_port(f"127.0.0.1:{port}")
        await second.server.start()
        while second.answered < 100:
            await asyncio.sleep(0.01)
        answered = first.answered
        await first.server.stop(0)
        assert first.answered == answered, "nobody was there any more"
        is_over.set()

    await asyncio.gather(*(call(n) for n in range(16)), hand_over())
    await second.server.stop(0)
    assert await until_left(port, 20.0)


async def test_connections_that_have_begun_are_let_in_and_others_reach_who_goes_on() -> None:
    with closing(_listener(0)) as first:
        address = first.getsockname()
        waiting = [socket.create_connection(address, 5) for _ in range(5)]
        stopping = asyncio.create_task(stop_listening(address[1]))
        await asyncio.sleep(0)
        late = socket.socket()
        late.setblocking(False)
        assert late.connect_ex(address) == EINPROGRESS
        let_in = [first.accept()[0] for _ in waiting]
        with closing(_listener(address[1])) as second:
            await stopping
            assert await asyncio.to_thread(select, [second], [], [], 20) == ([second], [], [])
            reached, caller = second.accept()
            assert caller == late.getsockname()
            for one, other in zip(waiting, let_in, strict=True):
                other.sendall(b"x")
                assert one.recv(1) == b"x"
        for one in (late, reached, *waiting, *let_in):
            one.close()


def _listener(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    one.listen()
    return one


async def test_who_stays_is_waited_for_no_longer_than_said() -> None:
    echo = Echo(())
    port = echo.server.add_insecure_port("127.0.0.1:0")
    await echo.server.start()
    assert await until_left(port, 0.0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=ALONE) as channel:
        await asked(channel)
        assert not await until_left(port, 0.0)
    assert await until_left(port, 20.0)
    await echo.server.stop(0)
