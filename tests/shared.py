"""What a test session makes once for all of its processes: each asks for it by name, and the first makes it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

WORKER = "PYTEST_XDIST_WORKER"
"""The variable that a process of several has."""


def made_once(session: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the whole session, to be read only; the others wait while `make` fills it.

    What a process left that ended meanwhile is removed, and made again.
    """
    own = session.getbasetemp()
    folder = (own.parent if WORKER in os.environ else own) / "shared" / name
    folder.parent.mkdir(exist_ok=True)
    whole = folder.with_name(f"{name}.whole")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
