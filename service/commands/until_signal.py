"""A process that serves until SIGTERM or Ctrl-C. Heavy imports stay inside, so that `--help` is quick."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


def run(serving: Coroutine[Any, Any, int], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> int:
    """Returns: its status; 0 where a signal ended the start, while there was nothing to drain."""
    import asyncio

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_cancelled_by_signal(serving))


async def _cancelled_by_signal(serving: Coroutine[Any, Any, int]) -> int:
    import asyncio
    import signal

    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, this.cancel)
    try:
        return await serving
    except asyncio.CancelledError:
        return 0


def told_to_end() -> asyncio.Event:
    """From now on a signal sets this, and no longer ends the start."""
    import asyncio
    import signal

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
