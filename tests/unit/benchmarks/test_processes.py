"""Processes of a run: their costs are read, and none is left."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.speed.processes import ContenderDied, ServerTree, running

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; print('child', flush=True); signal.pause()"])
print("child is", child.pid, flush=True)
child.wait()
"""
BUSY = """
import threading, time
def work():
    while time.thread_time() < 0.2: pass
    print("worked", flush=True)
    threading.Event().wait()
threading.Thread(target=work, name="worker-7", daemon=True).start()
threading.Event().wait()
"""


def started(program: str) -> list[str | Path]:
    return [sys.executable, "-c", program]


def child_of(tree: ServerTree) -> psutil.Process:
    return psutil.Process(int(tree.told(r"child is (\d+)")[1]))


def is_over(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_what_a_process_started_ends_with_it_though_it_was_told_nothing(tmp_path: Path) -> None:
    with running(started(PARENT), tmp_path / "log") as tree:
        child = child_of(tree)
        assert child in tree.processes()
    psutil.wait_procs([child], timeout=20)
    assert is_over(child)


def test_an_error_ends_everything_too(tmp_path: Path) -> None:
    children: list[psutil.Process] = []

    def measure() -> None:
        with running(started(PARENT), tmp_path / "log") as tree:
            children.append(child_of(tree))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure()
    (child,) = children
    psutil.wait_procs([child], timeout=20)
    assert is_over(child)


def test_a_process_that_ends_before_it_is_ready_says_what_it_told(tmp_path: Path) -> None:
    program = "raise SystemExit('no such thing')"
    with running(started(program), tmp_path / "log") as tree, pytest.raises(ContenderDied, match="no such thing"):
        tree.told("ready")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cpu_of_a_thread_is_told_under_its_own_name(tmp_path: Path) -> None:
    """It used 0.2 s; the kernel counts in hundredths."""
    with running(started(BUSY), tmp_path / "log") as tree:
        tree.told("worked")
        by_thread = tree.cpu_s_by_thread()
        whole = tree.cpu_s()
    assert by_thread["worker"] == pytest.approx(0.2, abs=0.03)
    assert whole >= by_thread["worker"]
