"""A server for tests from a wheel's own program: our child process, in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

READY_S = 30.0


class ServerProcess:
    """Runs while it is started, and writes its log to the folder. `ends_by`: the signal that it ends at."""

    def __init__(self, folder: Path, ends_by: signal.Signals) -> None:
        self._log = folder / "log"
        self._ends_by = ends_by
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """To be asked while it is started alone."""
        assert self._running is not None
        return self._running

    def start(self, command: Sequence[str | Path], is_ready: Callable[[], bool], **options: Any) -> None:
        """Returns once it is ready. `options`: as of `Popen`. Raises: RuntimeError with the end of its log."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
            )
        until_s = time.monotonic() + READY_S
        while not is_ready():
            if self._running.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(self._log.read_text()[-2000:])
            time.sleep(0.005)

    def stop(self) -> None:
        """Ends it as an operator would; does nothing if it is ended."""
        if self._running is not None:
            self._running.send_signal(self._ends_by)
            self.wait()

    def wait(self) -> None:
        """Until it is ended, by whatever means."""
        self.running.wait(READY_S)
        self._running = None


class Server(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


@contextmanager
def temporary_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A folder with a short path, removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def started(server: Server) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()


def folder_of_wheel(package: str) -> Path:
    """Of an installed package, which is not imported: some look after servers by themselves from then on."""
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])
