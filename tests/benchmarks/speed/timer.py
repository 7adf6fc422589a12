"""Waits on the event loop to some microseconds: loops themselves wake up on whole milliseconds.

Linux alone has these timers (timerfd_create(2)); Python's own names for them came with 3.13.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter

_MONOTONIC, _ABSOLUTE = 1, 1
"""CLOCK_MONOTONIC, which `perf_counter` is on Linux, and TFD_TIMER_ABSTIME."""


class _Times(ctypes.Structure):
    """struct itimerspec: nothing is repeated."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Timer:
    """Of the running loop; one waits at a time."""

    def __init__(self, file: int, libc: ctypes.CDLL) -> None:
        self._file = file
        self._libc = libc

    async def until(self, due: float) -> None:
        """Until `perf_counter` is at `due`. Others get a turn even where that is over already."""
        if due <= perf_counter():
            await asyncio.sleep(0)
            return
        seconds, part = divmod(due, 1.0)
        times = _Times(0, 0, int(seconds), int(part * 1e9))
        if self._libc.timerfd_settime(self._file, _ABSOLUTE, ctypes.byref(times), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        loop = asyncio.get_running_loop()
        rung = loop.create_future()
        loop.add_reader(self._file, _ring, rung)
        try:
            await rung
        finally:
            loop.remove_reader(self._file)
        with suppress(BlockingIOError):
            os.read(self._file, 8)


def _ring(rung: asyncio.Future[None]) -> None:
    if not rung.done():
        rung.set_result(None)


@contextmanager
def timer() -> Iterator[Timer]:
    libc = ctypes.CDLL(None, use_errno=True)
    file = libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if file < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    try:
        yield Timer(file, libc)
    finally:
        os.close(file)
