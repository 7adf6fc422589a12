"""Long work beside the event loop, which shares one interpreter lock and one garbage collector with it."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_GIVES_WAY_AFTER_S = 0.0005
_one_at_a_time = Lock()
atexit.register(gc.unfreeze)  # at the end of a process everything is taken apart in its order


@contextmanager
def collecting_later() -> Iterator[None]:
    """Many objects that stay are made within: the collector would look for garbage among them again and again."""
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_collecting:
            gc.enable()


@contextmanager
def kept_for_good() -> Iterator[None]:
    """A service is up: no collection within, each of which stops every request, looks through what is there now."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def in_background() -> Iterator[None]:
    """What runs within holds requests up as little as can be: they get the lock within half a millisecond each time.

    What was made is left out of every later collection: looking through so many objects stops every thread. They are
    freed all the same once nothing refers to them, unless they form a cycle.

    To be entered in a thread of its own, never on the event loop.
    """
    with _one_at_a_time:
        interval = sys.getswitchinterval()
        gc.collect(1)  # of what requests left behind lately, so that it is not kept with the rest
        sys.setswitchinterval(_GIVES_WAY_AFTER_S)
        try:
            with collecting_later():
                yield
                gc.freeze()
        finally:
            sys.setswitchinterval(interval)
