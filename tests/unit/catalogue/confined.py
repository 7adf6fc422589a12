"""Reads a catalogue in a process of its own, with little memory and time: its crash fails one test and ends none."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from service.catalogue.cases.run import CasesUnreadable, read_cases
from service.catalogue.check.check import check
from service.catalogue.load import CatalogueInvalid, load
from tests.unit.catalogue.check.test_check import NOW, TERMS

MEMORY_BYTES, CPU_S, WAIT_S = 2 * 1024**3, 30, 60
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def checked(folder: Path) -> list[str]:
    """The findings."""
    return [str(finding) for finding in check(folder, TERMS, NOW)]


def loaded(folder: Path) -> list[str]:
    """The faults for which a service refuses it; none if it serves it."""
    try:
        load(folder, TERMS)
    except CatalogueInvalid as error:
        return list(error.problems)
    return []


def checked_and_loaded(folder: Path) -> list[str]:
    return checked(folder) + loaded(folder)


def cases(folder: Path) -> list[str]:
    """The faults of its cases."""
    try:
        read_cases(folder)
    except CasesUnreadable as error:
        return list(error.problems)
    return []


def confined(read: Callable[[Path], list[str]], folder: Path) -> list[str]:
    """What `read` says. Fails if it crashes, or takes more than it has."""
    here, there = _context.Pipe(duplex=False)
    process = _context.Process(target=_tell, args=(read, folder, there))
    process.start()
    there.close()
    told: list[str] | None = None
    try:
        if here.poll(WAIT_S):
            told = here.recv()
    except EOFError:
        pass
    finally:
        process.kill()
        process.join()
    assert told is not None, f"it did not answer, and ended with {process.exitcode}"
    return told


def _tell(read: Callable[[Path], list[str]], folder: Path, there: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    there.send(read(folder))
