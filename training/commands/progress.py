"""A bar on standard error, where that is a terminal, that says what is being done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def announcing(stages: int) -> Iterator[Callable[[str], None]]:
    """What is yielded is told what begins, `stages` times in all."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("loading libraries", total=stages + 1)

        def announce(stage: str) -> None:
            progress.update(task, description=stage, advance=1)

        yield announce
        progress.update(task, description="done", completed=stages + 1)


@contextmanager
def counting(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """The first of what is yielded is told how many rows there are, the second how many more are done."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("loading libraries", total=None)
        yield (
            lambda rows: progress.update(task, description=what, total=rows),
            lambda rows: progress.advance(task, rows),
        )
