"""A pooler between a PostgreSQL server and its clients, as PgBouncer is one: in session mode or in transaction mode.

It logs in with settings of its own, as poolers do: what a client sends with the start of its connection is dropped.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

PROTOCOL, SSL, GSS = 196608, 80877103, 80877104
AUTHENTICATED = b"R" + struct.pack(">ii", 8, 0)
KEY = b"K" + struct.pack(">iii", 12, 4711, 4711)
READY = b"Z" + struct.pack(">i", 5) + b"I"
ASKED_FOR_READY = (b"Q", b"S")


class Mode(StrEnum):
    SESSION = "session"
    TRANSACTION = "transaction"


class Frames:
    """Messages of the protocol out of bytes as they come."""

    def __init__(self) -> None:
        self._left = b""

    def of(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The kind of each message that is complete, and the whole message."""
        self._left += data
        while len(self._left) >= 5:
            size = 1 + int.from_bytes(self._left[1:5])
            if len(self._left) < size:
                return
            message, self._left = self._left[:size], self._left[size:]
            yield message[:1], message


class Pool:
    """At most `size` sessions of the server, given to whoever asks: the last that came back, or each in its turn."""

    def __init__(self, folder: Path, database: str, size: int, *, in_turn: bool) -> None:
        self._folder = folder
        self._database = database
        self._size = size
        self._in_turn = in_turn
        self._idle: list[socket.socket] = []
        self._made = 0
        self._changed = threading.Condition()
        first, self.welcome = self._log_in()
        self._idle.append(first)
        self._made = 1

    def fill(self) -> None:
        while self._made < self._size:
            self._idle.append(self._log_in()[0])
            self._made += 1

    def take(self) -> socket.socket:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._made < self._size)
            if self._idle:
                return self._idle.pop(0 if self._in_turn else -1)
            self._made += 1
        return self._log_in()[0]

    def give_back(self, session: socket.socket) -> None:
        with self._changed:
            self._idle.append(session)
            self._changed.notify()

    def end(self, session: socket.socket) -> None:
        session.close()
        with self._changed:
            self._made -= 1
            self._changed.notify()

    def close(self) -> None:
        for session in self._idle:
            session.close()

    def _log_in(self) -> tuple[socket.socket, bytes]:
        """A session, and what the server tells of its settings."""
        session = socket.socket(socket.AF_UNIX)
        session.connect(str(self._folder / ".s.PGSQL.5432"))
        named = f"user\0postgres\0database\0{self._database}\0client_encoding\0UTF8\0\0".encode()
        session.sendall(struct.pack(">ii", 8 + len(named), PROTOCOL) + named)
        told, frames, is_ready = b"", Frames(), False
        while not is_ready:
            for kind, message in frames.of(session.recv(65536)):
                told += message if kind == b"S" else b""
                is_ready = is_ready or kind == b"Z"
        return session, told


class Client:
    """One client's connection, and the session of the server that serves it now."""

    def __init__(self, connection: socket.socket, pool: Pool, mode: Mode) -> None:
        self._connection = connection
        self._pool = pool
        self._mode = mode
        self._session: socket.socket | None = None
        self._asked, self._answered = Frames(), Frames()
        self._open = 0

    def serve(self) -> None:
        """Until one of both sides is gone."""
        with suppress(OSError), self._connection:
            self._greet()
            while self._pass_on():
                pass
        if self._session is not None:
            self._pool.end(self._session)

    def _greet(self) -> None:
        code = 0
        while code != PROTOCOL:
            size, code = struct.unpack(">ii", _exactly(self._connection, 8))
            _exactly(self._connection, size - 8)
            if code in (SSL, GSS):
                self._connection.sendall(b"N")
        self._connection.sendall(AUTHENTICATED + self._pool.welcome + KEY + READY)

    def _pass_on(self) -> bool:
        """What one side says, to the other. Returns: whether both are there."""
        sides = [self._connection] if self._session is None else [self._connection, self._session]
        for side in select.select(sides, [], [])[0]:
            data = side.recv(65536)
            if not data:
                return False
            if side is self._connection:
                self._ask(data)
            else:
                self._answer(data)
        return True

    def _ask(self, data: bytes) -> None:
        if self._session is None:
            self._session = self._pool.take()
        self._open += sum(kind in ASKED_FOR_READY for kind, _ in self._asked.of(data))
        self._session.sendall(data)

    def _answer(self, data: bytes) -> None:
        status = b""
        for kind, message in self._answered.of(data):
            if kind == b"Z":
                self._open -= 1
                status = message[-1:]
        if self._mode is Mode.TRANSACTION and self._open == 0 and status == b"I" and self._session is not None:
            self._pool.give_back(self._session)
            self._session = None
        self._connection.sendall(data)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


@contextmanager
def pooler(
    folder: Path, database: str, mode: Mode, *, size: int = 20, is_full: bool = False, in_turn: bool = False
) -> Iterator[str]:
    """The URL of the database of the server in this folder, behind a pooler.

    `size`: how many sessions it keeps at most; `is_full`: that many from the start.
    """
    pool = Pool(folder, database, size, in_turn=in_turn)
    if is_full:
        pool.fill()
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    clients.append(connection)
                    threading.Thread(target=Client(connection, pool, mode).serve, daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"postgresql://postgres@127.0.0.1:{listening.getsockname()[1]}/{database}"
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
    pool.close()
