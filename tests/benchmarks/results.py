"""What a run of `make bench-parts` or `make bench-learn` found: a line each, and all in a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = Path(os.environ.get("RUMBO_BENCH_OUT", ".")) / "bench_parts.json"
_FOUND: dict[str, dict[str, float]] = {}


def tell(name: str, **row: float) -> None:
    """A row of the table. Whatever another run left in the file is gone."""
    _FOUND[name] = row
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(_FOUND, indent=2) + "\n", encoding="utf-8")
    told = "  ".join(f"{column} {value:,.2f}" for column, value in row.items())
    os.write(1, f"\n{name:<36} {told}\n".encode())
