"""The console that tables are printed on."""

from __future__ import annotations

from rich.console import Console

_WIDTH = 110
"""Columns of what goes to a file."""


def table_console() -> Console:
    """A console as wide as the terminal, or of a fixed width where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)
