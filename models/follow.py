"""Keeps the pointer of a home as its registry has it, whoever moved an alias: MLflow's pages, another machine.

    python -P -m models.follow

A process of its own beside a service, for MLflow costs seconds and 200 MB. It reads the registry as one line of JSON
from its input and ends with that input, which is to say with whoever started it. It prints a line of JSON for its first
look, and for each that ends otherwise than the one before: {"fault": null}, or what is in the way.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from features.errors import RumboError
from models.registry import point, stamp_of
from models.tracking import Registry

LOOK_EVERY_S: Final = 0.5
ASK_EVERY_S: Final = 2.0
"""A server; a database in a file is asked when the file changed, and now and then."""
ASK_AT_LATEST_S: Final = 60.0
AGAIN_AFTER_S: Final = 1.0
NICENESS: Final = 10
"""Decisions go first."""
UNTOLD: Final = ""


def request(registry: Registry) -> bytes:
    """What the process is told. It may hold a password, so no argument, which everybody on the machine may read."""
    return json.dumps({**asdict(registry), "home": str(registry.home)}).encode() + b"\n"


def command() -> tuple[str, ...]:
    """What starts the process."""
    return (sys.executable, "-P", "-m", "models.follow")


def follow(
    ask: Callable[[], object],
    stamp: Callable[[], Hashable],
    tell: Callable[[str | None], None],
    *,
    at_latest_s: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Asks when the stamp changed, and `at_latest_s` after it did before; goes on for ever.

    `tell` is told what is in the way, or None, whenever that changes. Once the registry could be asked, a single
    failure is not told: somebody may be writing.
    """
    told: str | None = UNTOLD
    failures = 0
    while True:
        seen = stamp()
        fault = _fault(ask)
        failures = 0 if fault is None else failures + 1
        if fault != told and (fault is None or told is UNTOLD or failures > 1):
            tell(fault)
            told = fault
        due_s = monotonic() + (at_latest_s if fault is None else AGAIN_AFTER_S)
        sleep(LOOK_EVERY_S)
        while monotonic() < due_s and stamp() == seen:
            sleep(LOOK_EVERY_S)


def _fault(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except RumboError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next look may end otherwise
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return None


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _tell(fault: str | None) -> None:
    print(json.dumps({"fault": fault}), flush=True)  # noqa: T201 - this is what the process is for


def main() -> None:
    os.nice(NICENESS)
    said: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    registry = Registry(**{**said, "home": Path(said["home"])})
    at_latest_s = ASK_EVERY_S if registry.database is None else ASK_AT_LATEST_S
    follow(partial(point, registry), partial(stamp_of, registry), _tell, at_latest_s=at_latest_s)


if __name__ == "__main__":
    main()
