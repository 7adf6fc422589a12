"""What people read of a back-fill: what was filled in, and what was served beside the history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from features.console import table_console

if TYPE_CHECKING:
    from training.backfill.parity import FeatureParity
    from training.backfill.run import BackFilled

_WIDTH = 130
_NUMBERS = frozenset({"rows", "PRESENT", "NULL", "NOT_FOUND", "STALE", "replaced", "equal", "one null", "largest"})
_STATUSES = ("PRESENT", "NULL", "NOT_FOUND", "STALE")


def print_back_filled(done: BackFilled, out: Path | None) -> None:
    """`out`: where the copy is, if there is one."""
    console = table_console(_WIDTH, highlight=False)
    if out is not None:
        console.print(_filled(done) if done.filled else "Filled in: nothing, no row lacks a feature.")
    console.print(_parity(done))
    for notice in done.notices:
        console.print(f"notice: {escape(notice)}", soft_wrap=True)
    asked = f"{done.rows:,} rows, {done.pairs:,} pairs of customer and instant"
    console.print(f"Compared {asked}." if out is None else f"Wrote {escape(str(out))}: {asked}.", soft_wrap=True)


def _filled(done: BackFilled) -> Table:
    table = _table("Filled in, rows by status", "feature", *_STATUSES, "replaced")
    for name, counts in sorted(done.filled.items()):
        cells = [f"{counts[status]:,}" if status in counts else "" for status in _STATUSES]
        table.add_row(name, *cells, f"{done.replaced[name]:,}" if name in done.replaced else "")
    return table


def _parity(done: BackFilled) -> Table:
    headings = ("feature", "view", "rows", "equal", "one null", "largest", "unit", "verdict")
    table = _table("As served beside the history", *headings)
    for found in done.parity:
        table.add_row(*map(escape, _cells(found)))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        justify: JustifyMethod = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, justify=justify, no_wrap=heading not in ("view", "unit"))
    return table


def _cells(found: FeatureParity) -> tuple[str, ...]:
    return (
        found.feature,
        found.view,
        f"{found.rows:,}",
        _share(found.share_equal),
        _share(found.share_one_null),
        "" if found.largest is None else f"{found.largest:.6g}",
        found.unit,
        found.verdict.value,
    )


def _share(share: float | None) -> str:
    """Never rounded to all, or to none, of them."""
    if share is None:
        return ""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share, 0.0001), 0.9999):.2%}"
