"""How long the run measures, by BENCH_* variables: a short one says whether it works, a full one makes the figures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """`seconds`: of each load. `rounds`: in which all contenders take turns. `folder`: for what is prepared; None: none
    is kept. `only`: which contenders, None: all. `out`: where the figures and the picture go."""

    seconds: float
    rounds: int
    folder: Path | None
    only: frozenset[str] | None
    out: Path

    @classmethod
    def of_environment(cls) -> Self:
        folder, only = os.environ.get("BENCH_FOLDER"), os.environ.get("BENCH_ONLY")
        return cls(
            seconds=float(os.environ.get("BENCH_SECONDS", "4")),
            rounds=int(os.environ.get("BENCH_ROUNDS", "5")),
            folder=Path(folder).resolve() if folder else None,
            only=frozenset(only.split(",")) if only else None,
            out=Path(os.environ.get("RUMBO_BENCH_OUT", ".")).resolve(),
        )

    def includes(self, name: str) -> bool:
        return self.only is None or name in self.only
