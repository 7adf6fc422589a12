"""Where tables are shown."""

from __future__ import annotations

from rich.console import Console

_WIDTH = 110
"""Columns of what goes to a file."""


def table_console(width: int = _WIDTH, *, highlight: bool = True) -> Console:
    """A console as wide as the terminal, or of this width where there is none."""
    console = Console(highlight=highlight)
    return console if console.is_terminal else Console(width=width, highlight=highlight)
