"""How a state store stands and what was deleted from it: as tables, for people, and as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.console import table_console
from service.state.engines.inventory import StoreStatus, TableSize
from service.state.engines.steps import HEAD, steps, to_do
from service.state.upkeep.backup import BackupContents, RestoreResult
from service.state.upkeep.prune import KEPT_WITH, OnPruned
from service.state.upkeep.retention import DAY, Retention

_UNITS = ("B", "kB", "MB", "GB", "TB")


def status_fields(status: StoreStatus, now: datetime) -> dict[str, Any]:
    """The status for programs; sizes in bytes."""
    held = status.inventory
    return {
        "store": status.name,
        "step": status.step,
        "known_step": HEAD,
        "to_do": to_do(status.step),
        "size_bytes": held.size_bytes,
        "tables": {
            name: {"rows": table.rows, "is_exact": table.is_exact, "size_bytes": table.size_bytes}
            for name, table in held.tables.items()
        },
        "outbox": {"waiting": held.waiting, "oldest_age_s": _lag_s(status, now)},
    }


def show_status(status: StoreStatus, now: datetime) -> None:
    console, held = table_console(), status.inventory
    console.print(f"[bold]{status.name}[/]  {_size(held.size_bytes)}", highlight=False, soft_wrap=True)
    stands = "has no tables" if status.step is None else f"stands at step {status.step}"
    console.print(f"{stands}; this program knows {HEAD}", highlight=False)
    if to_do(status.step):
        for step, what in steps():
            if status.step is None or step > status.step:
                console.print(f"  {step}  {what}", highlight=False)
        console.print(f"[bold yellow]{to_do(status.step)}[/]", highlight=False)
    if held.tables:
        console.print(_held(held.tables))
        lag_s = _lag_s(status, now)
        since = "" if lag_s is None else f", the oldest for {lag_s:,.0f} s"
        console.print(f"waiting for the feature store: {held.waiting:,}{since}", highlight=False)


def show_pruned(rows: Mapping[str, int], retention: Retention, *, is_dry_run: bool) -> None:
    table = Table(title="would be deleted" if is_dry_run else "deleted", title_justify="left")
    table.add_column("table")
    table.add_column("kept for", justify="right")
    table.add_column("rows", justify="right")
    for name, count in rows.items():
        kept = getattr(retention, KEPT_WITH.get(name, name))
        table.add_row(name, f"{kept // DAY:,} days", f"{count:,}")
    table.add_section()
    table.add_row("all", "", f"{sum(rows.values()):,}")
    table_console().print(table)


def show_backup(copied: BackupContents, file: Path) -> None:
    click.echo(f"{file}: {_what(copied)}, {_size(copied.size_bytes)}")


def show_restored(restored: RestoreResult, home: Path) -> None:
    """What is there now, and what is no more."""
    copied = restored.copied
    click.echo(f"{home} has {_what(copied)} again")
    if restored.aside is not None:
        click.echo(f"the store that was there is kept: {restored.aside}")
    click.echo("whatever was received later is forgotten: ids that are sent again count again")
    for target, why in restored.kills_before.items():
        if target not in copied.kills:
            click.echo(f"warning: {target} was killed ({why}), and is not on the kill list any more", err=True)
    if to_do(copied.step):
        click.echo(f"its tables stand at step {copied.step}: {to_do(copied.step)}")


def _what(copied: BackupContents) -> str:
    until = "empty" if copied.until is None else f"until {copied.until:%Y-%m-%d %H:%M:%S} UTC"
    return f"the store {copied.store_id or 'without an id'}, {until}"


@contextmanager
def pruning(past: Mapping[str, int]) -> Iterator[OnPruned]:
    """A bar a table on standard error, of those that have rows to go; what is given is told of what went."""
    columns = TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {table: progress.add_task(table, total=rows) for table, rows in past.items() if rows}

        def on_pruned(table: str, rows: int) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(table, total=None)
            progress.advance(tasks[table], rows)

        yield on_pruned


def _held(tables: Mapping[str, TableSize]) -> Table:
    shown, has_sizes = Table(), any(held.size_bytes is not None for held in tables.values())
    shown.add_column("table")
    shown.add_column("rows", justify="right")
    if has_sizes:
        shown.add_column("size", justify="right")
    for name, held in tables.items():
        rows = f"{'' if held.is_exact else '≈ '}{held.rows:,}"
        shown.add_row(name, rows, *([_size(held.size_bytes or 0)] if has_sizes else []))
    return shown


def _size(size_bytes: float) -> str:
    unit = 0
    while size_bytes >= 1000 and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / 1000, unit + 1
    return f"{size_bytes:.0f} {_UNITS[unit]}" if unit == 0 else f"{size_bytes:.1f} {_UNITS[unit]}"


def _lag_s(status: StoreStatus, now: datetime) -> float | None:
    """How long the oldest change has waited."""
    oldest = status.inventory.oldest_waiting_at
    return None if oldest is None else max(0.0, (now - oldest).total_seconds())
