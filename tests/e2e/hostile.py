"""Clients that do not keep to what a client should do, made of frames of HTTP/2 over a plain socket.

python -m tests.e2e.hostile PORT CONNECTIONS SECONDS        begins calls and resets them at once
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from time import perf_counter

from google.protobuf.message import Message
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, PingAckReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

WAIT_S = 30.0
SERVICE = "/rumbo.decision.v1.DecisionService/"
HEADERS = (
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "127.0.0.1"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


class Raw:
    """One connection whose greeting is done."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._reader, self._writer = reader, writer
        self.h2.initiate_connection()

    @classmethod
    async def to(cls, port: int) -> Raw:
        made = cls(*await asyncio.open_connection("127.0.0.1", port))
        await made.flush()
        return made

    async def flush(self) -> None:
        self._writer.write(self.h2.data_to_send())
        await self._writer.drain()

    async def receive(self, seconds: float) -> bytes:
        """What comes next; b"" at the end of the connection. Raises: TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self._reader.read(65536)

    async def until(self, kind: type[Event], count: int = 1) -> None:
        """So many events of this kind have come from now on. Raises: TimeoutError; ConnectionError at the end."""
        async with asyncio.timeout(WAIT_S):
            while count > 0:
                data = await self._reader.read(65536)
                if not data:
                    raise ConnectionError
                count -= sum(isinstance(one, kind) for one in self.h2.receive_data(data))
                await self.flush()

    async def until_read(self) -> None:
        """The service has read everything that was sent to it."""
        self.h2.ping(b"all read")
        await self.flush()
        await self.until(PingAckReceived)

    async def is_closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def begin(self, *more: tuple[str, str], method: str = "Decide") -> int:
        """A call whose message does not come."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":path", SERVICE + method), *HEADERS, *more])
        return stream

    def send(self, stream: int, message: Message, *, is_whole: bool = True) -> None:
        """The message of a call, or all of it but the last byte."""
        sent = message.SerializeToString()
        framed = b"\x00" + len(sent).to_bytes(4, "big") + sent
        self.h2.send_data(stream, framed if is_whole else framed[:-1], end_stream=is_whole)

    def take_nothing(self) -> None:
        """From now on no answer of more than no bytes may be sent here."""
        self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})

    def close(self) -> None:
        self._writer.close()


async def reset_rapidly(port: int, seconds: float) -> int:
    """Begins calls and resets them at once, for so long, also if it is thrown out. Returns: how many were begun."""
    ends, begun = perf_counter() + seconds, 0
    while perf_counter() < ends:
        with contextlib.suppress(ConnectionError, ProtocolError, TimeoutError):
            raw = await Raw.to(port)
            try:
                begun += await _resets(raw, ends)
            finally:
                raw.close()
    return begun


async def _resets(raw: Raw, ends: float) -> int:
    begun = 0
    while perf_counter() < ends and raw.h2.highest_outbound_stream_id < 2**20:
        for _ in range(50):
            raw.h2.reset_stream(raw.begin(), ErrorCodes.CANCEL)
            begun += 1
        await raw.flush()
        with contextlib.suppress(TimeoutError):
            came = await raw.receive(0.001)
            if not came:
                return begun
            raw.h2.receive_data(came)
    return begun


async def _reset_from(port: int, connections: int, seconds: float) -> None:
    await asyncio.gather(*(reset_rapidly(port, seconds) for _ in range(connections)))


if __name__ == "__main__":
    asyncio.run(_reset_from(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
