"""The end of a process whose port goes on: others listen there, and no connection is lost on the way.

A socket that stops to listen resets the connections which wait for it, and every call on them fails. So it first takes
no new ones, while those that have begun are let in; who is not answered asks again after a second, and reaches another
process. gRPC gives no access to its sockets, so they are found among the files of this process.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

FIRST_PACKETS_S: Final = 0.25
"""How long a connection may take from its first packet to its third."""
LOOK_EVERY_S: Final = 0.25
SO_ATTACH_FILTER: Final = 26
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_FLAGS, _SYN, _SYN_OR_ACK = 13, 0x02, 0x12
"""Of a packet of TCP: which byte has its flags; those of the first packet, among those that tell it from the rest."""
_NO_FIRST_PACKETS: Final = (
    (_LOAD_BYTE, 0, 0, _FLAGS),
    (_AND, 0, 0, _SYN_OR_ACK),
    (_JUMP_IF_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)
"""A classic BPF program: code, jump if true, jump if false, operand."""


async def stop_listening(port: int) -> None:
    """Takes no new connections on `port`, and loses none; those there are go on."""
    with ExitStack() as opened:
        listeners = [one for one in map(opened.enter_context, _sockets(port)) if _listens(one)]
        for one in listeners:
            _take_no_more(one)
        await asyncio.sleep(FIRST_PACKETS_S)
        for one in listeners:
            with suppress(OSError):  # it says that nobody is connected to it, and has stopped
                one.shutdown(socket.SHUT_RD)


async def until_left(port: int, within_s: float) -> bool:
    """Waits until nobody is connected to `port` of this process. Returns: False if somebody still is."""
    until_s = asyncio.get_running_loop().time() + within_s
    while is_used := _has_connections(port):
        if asyncio.get_running_loop().time() >= until_s:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return not is_used


def _has_connections(port: int) -> bool:
    with ExitStack() as opened:
        return any(_is_connected(one) for one in map(opened.enter_context, _sockets(port)))


def _sockets(port: int) -> Iterator[socket.socket]:
    """Of TCP, on this side of `port`; each to be closed, which leaves the one that it was found by as it is."""
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # some are closed meanwhile
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            one = socket.socket(fileno=os.dup(descriptor))
            if _port(one) == port:
                yield one
            else:
                one.close()


def _port(one: socket.socket) -> int | None:
    """None if it is not of TCP, or nothing any more."""
    if one.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        return int(one.getsockname()[1])
    except OSError:
        return None


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True


def _take_no_more(listener: socket.socket) -> None:
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *line) for line in _NO_FIRST_PACKETS)
    kept = ctypes.create_string_buffer(program)
    address = struct.pack("HP", len(_NO_FIRST_PACKETS), ctypes.addressof(kept))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, address)
