"""Ctrl-C while a command waits for something asynchronous."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, but a signal that comes just before the loop waits is not missed: it wakes the loop by itself.

    Raises: KeyboardInterrupt once `main`, which is cancelled by it, has ended.
    """

    async def interruptible() -> Result:
        task = asyncio.current_task()
        assert task is not None
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        return await main

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
