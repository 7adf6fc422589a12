"""A reserved port: for those who share it, and nobody else."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from service.bootstrap.workers.port import reserved
from service.wire.server import AddressTaken

HOSTS = ("127.0.0.1", "localhost", "0.0.0.0", "[::]")


def listener(port: int, *, shares: bool) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
    try:
        one.bind(("127.0.0.1", port))
        one.listen()
    except OSError:
        one.close()
        raise
    return one


@pytest.mark.parametrize("host", HOSTS)
def test_those_who_share_it_listen_and_are_all_who_answer(host: str) -> None:
    with reserved(host, 0) as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        with closing(listener(port, shares=True)) as one, closing(listener(port, shares=True)) as other:
            for waiting in (one, other):
                waiting.setblocking(False)
            made = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(64)]
            taken = [_accepted(one), _accepted(other)]
            assert sum(taken) == 64
            assert min(taken) > 0, "the chance of this is 2 in 2 ** 64"
            for connection in made:
                connection.close()


def _accepted(listening: socket.socket) -> int:
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.parametrize("host", HOSTS)
def test_nobody_else_can_have_it(host: str) -> None:
    with reserved(host, 0) as port:
        for other in HOSTS:
            with pytest.raises(AddressTaken, match=f":{port}$"), reserved(other, port):
                pass
        with pytest.raises(OSError, match="in use"):
            listener(port, shares=False)
    with reserved(host, port) as again:
        assert again == port


@pytest.mark.parametrize("shares", [False, True])
def test_a_port_that_somebody_has_is_refused_also_to_those_who_would_share_it(shares: bool) -> None:
    """A worker whose parent is gone has it until it ends."""
    with closing(listener(0, shares=shares)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressTaken, match=f"cannot listen on 127.0.0.1:{port}"), reserved("127.0.0.1", port):
            pass


def test_connections_of_before_do_not_keep_it() -> None:
    with closing(listener(0, shares=False)) as before:
        port = before.getsockname()[1]
        asking = socket.create_connection(("127.0.0.1", port), timeout=5)
        answering, _ = before.accept()
        answering.close()  # who closes first waits for what may still be on its way
        assert asking.recv(1) == b""
        asking.close()
    with reserved("127.0.0.1", port) as again:
        assert again == port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressTaken, match=r"cannot listen on 192\.0\.2\.1:0"), reserved("192.0.2.1", 0):
        pass
