"""Processes that are measured: a contender is a tree of them, and what it costs is read from /proc.

Each runs in a session of its own, so that all of it is ended with it, whatever it started.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
READY_S, END_S = 180.0, 20.0
THREAD_NAMES = Path(__file__).with_name("thread_names")
"""On the path of Python it gives every thread the name in /proc that it has in Python."""


Command = Sequence[str | Path]


class ContenderDied(RuntimeError):
    """A process ended before it was ready, or did not become so in time. Holds the end of what it told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of a tree of processes: `rss_mb` counts what they share once for each, `pss_mb` once in all."""

    rss_mb: float
    pss_mb: float


class ProcessTree:
    """A process and all that it started."""

    def __init__(self, process_id: int) -> None:
        self._main = psutil.Process(process_id)
        self._beside: list[ProcessTree] = []

    def adopt(self, others: Sequence[ProcessTree]) -> None:
        """From now on they count as a part of this one."""
        self._beside.extend(others)

    def processes(self) -> list[psutil.Process]:
        beside = [process for tree in self._beside for process in tree.processes()]
        with suppress(psutil.NoSuchProcess):
            return [self._main, *self._main.children(recursive=True), *beside]
        return beside

    def cpu_s(self) -> float:
        """Seconds of CPU until now, also of those that ended meanwhile and were waited for."""
        return sum(_cpu_s(Path(f"/proc/{process.pid}/stat"), with_ended=True) for process in self.processes())

    def cpu_s_by_thread(self) -> dict[str, float]:
        """By the names of the threads; what belongs together differs by a number alone."""
        found: dict[str, float] = {}
        for process in self.processes():
            for task in Path(f"/proc/{process.pid}/task").glob("*/stat"):
                with suppress(OSError):
                    name = _plain((task.parent / "comm").read_text().strip())
                    found[name] = found.get(name, 0.0) + _cpu_s(task)
        return found

    def memory(self) -> Memory:
        """Of all of it."""
        each = [_memory(process.pid) for process in self.processes()]
        return Memory(rss_mb=sum(one.rss_mb for one in each), pss_mb=sum(one.pss_mb for one in each))

    def memory_of_first(self) -> Memory:
        """Of the process itself, without what it started."""
        return _memory(self._main.pid)


class ServerTree(ProcessTree):
    """A running command of the run itself. What it tells is in a file."""

    def __init__(self, command: subprocess.Popen[bytes], log: Path) -> None:
        super().__init__(command.pid)
        self._command = command
        self._log = log

    @staticmethod
    def patience() -> float:
        """Until when it must be ready."""
        return time.monotonic() + READY_S

    def told(self, pattern: str) -> re.Match[str]:
        """What it has told, once it has. Raises: ContenderDied."""
        until_s = self.patience()
        while (found := re.search(pattern, self._text())) is None:
            self.demand_life(until_s)
            time.sleep(0.01)
        return found

    def demand_life(self, until_s: float) -> None:
        """Raises: ContenderDied, also when it is past `until_s`."""
        if self._command.poll() is not None or time.monotonic() > until_s:
            raise ContenderDied(f"{self._command.args!r}: {self._text()[-2000:]}")

    def end(self) -> None:
        """As an operator would; then whatever is left of it, by its number."""
        self._beside.clear()
        processes = self.processes()
        with suppress(ProcessLookupError):
            self._command.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._command.wait(END_S)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._command.wait(END_S)

    def _text(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def running(command: Command, log: Path, variables: Mapping[str, str] | None = None) -> Iterator[ServerTree]:
    """The command until left, ended also by errors. What it tells goes to the file `log`."""
    path = os.pathsep.join(filter(None, (str(THREAD_NAMES), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path, **(variables or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
    tree = ServerTree(process, log)
    try:
        yield tree
    finally:
        tree.end()


def module(name: str, *arguments: str | Path) -> Command:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"tests.benchmarks.speed.{name}", *arguments]


def _cpu_s(file: Path, *, with_ended: bool = False) -> float:
    """User and system time of a stat file; `with_ended`: and of the children that it waited for. 0 of one that is gone.

    Source: proc_pid_stat(5), fields 14 to 17; the second one, a name in brackets, may hold anything.
    """
    try:
        fields = file.read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / TICKS_A_SECOND


def _memory(process_id: int) -> Memory:
    """Nothing of one that is gone."""
    try:
        rolled = Path(f"/proc/{process_id}/smaps_rollup").read_text()
    except OSError:
        return Memory(rss_mb=0.0, pss_mb=0.0)
    return Memory(rss_mb=_kb("Rss", rolled) / 1024, pss_mb=_kb("Pss", rolled) / 1024)


def _plain(name: str) -> str:
    """Without the number of a thread among its like."""
    return re.sub(r"[-_ ]?\d+( \(.*)?$", "", name) or name


def _kb(name: str, rolled: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", rolled, re.M)
    return int(found[1]) if found else 0
