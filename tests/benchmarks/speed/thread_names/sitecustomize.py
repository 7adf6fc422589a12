"""Gives every thread of a measured process the name in /proc that it has in Python, as Python does from 3.14 on.

Python imports a module of this name when it starts.
"""

from __future__ import annotations

import ctypes
import sys
import threading

_SET_NAME = 15
"""PR_SET_NAME of prctl(2): at most fifteen bytes."""

if sys.platform == "linux" and sys.version_info < (3, 14):
    _libc = ctypes.CDLL(None)
    _begin = threading.Thread.run

    def _named(self: threading.Thread) -> None:
        _libc.prctl(_SET_NAME, self.name.encode()[:15])
        _begin(self)

    threading.Thread.run = _named  # type: ignore[method-assign]
