"""A port that is this service's own although several of its processes listen on it (SO_REUSEPORT).

Linux lets sockets of one user share a port if all say so. The one that holds it here says so only once it is known
that nobody else has it, and never listens, so no caller is sent to it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from service.settings import ANY_HOST
from service.wire.server import AddressTaken


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Yields: the port, also where `port` is 0 for any free one; until left, only processes of this user that share it
    can listen there, and a second service is refused.

    Raises: AddressTaken.
    """
    with ExitStack() as held:
        try:
            for family, address in _addresses(host):
                port = _hold(held, family, address, port)
        except OSError as error:
            raise AddressTaken(f"cannot listen on {host}:{port}") from error
        yield port


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """What gRPC listens on where it is told `host`: for all addresses, one socket of IPv6 that takes IPv4 too."""
    if host in ANY_HOST and socket.has_dualstack_ipv6():
        return [(socket.AF_INET6, "::")]
    found = socket.getaddrinfo(host.strip("[]"), 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0])) for family, _, _, _, address in found]


def _hold(held: ExitStack, family: socket.AddressFamily, address: str, port: int) -> int:
    """Two sockets, for only one that listens alone is known to be alone, and only one that never listens may stay."""
    with _socket(family, address) as alone:
        alone.bind((address, port))
        alone.listen()
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder = held.enter_context(_socket(family, address))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(alone.getsockname())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # who does not share it is refused
    return int(holder.getsockname()[1])


def _socket(family: socket.AddressFamily, address: str) -> socket.socket:
    one = socket.socket(family)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may not be over yet
    if address == "::":
        with suppress(OSError):  # where there is no IPv4
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return one
