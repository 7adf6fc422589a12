"""What a run of `make bench` found: a line each as it comes, and all of it in one JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = Path(os.environ.get("RUMBO_BENCH_OUT", ".")) / "bench.json"
_FOUND: dict[str, dict[str, float]] = {}


def tell(name: str, **row: float) -> None:
    """A row of the table. Whatever another run left in the file is gone."""
    _FOUND[name] = row
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(_FOUND, indent=2) + "\n", encoding="utf-8")
    told = "  ".join(f"{column} {value:,.2f}" for column, value in row.items())
    os.write(1, f"\n{name:<36} {told}\n".encode())
