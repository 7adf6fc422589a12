"""The gate of `rumbo promote`, asked each week; its verdicts are kept in the registry as that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from pathlib import Path

from models.tracking import Registry
from service.bootstrap.in_process import Home
from training.promote.contest import contest_of
from training.promote.judge import Contender, judge
from training.promote.kept import keep
from training.promote.verdict import Result, Verdict, failed


class Ruling(StrEnum):
    """What the gate made of a challenger."""

    FIRST = "first"  # there was no champion
    PROMOTED = "promoted"
    HELD_BACK = "held back"  # nothing is proven
    REFUSED = "refused"  # it is worse, or breaks what must hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """`difference`, with its interval, a decision; None where there was nothing to judge by. `why` in words."""

    ruling: Ruling
    why: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    decisions: int = 0


def rule(home: Home, registry: Registry, log: Path, challenger: Contender, champion: Contender) -> Ruled:
    """Raises: as `judge`."""
    contest = contest_of(home.company, registry, log, challenger, champion)
    verdict = judge(contest, lambda stage: None)
    keep(registry, verdict, datetime.now(UTC))
    return _ruled(verdict)


def _ruled(verdict: Verdict) -> Ruled:
    rulings = {
        Result.BETTER: Ruling.PROMOTED,
        Result.NOT_ENOUGH_EVIDENCE: Ruling.HELD_BACK,
        Result.REFUSED: Ruling.REFUSED,
    }
    found, told = verdict.difference, failed(verdict.checks)
    return Ruled(
        ruling=rulings[verdict.result],
        why="; ".join(f"{one.check.value}: {one.told}" for one in told),
        difference=None if found is None else found.value,
        low=None if found is None or not isfinite(found.low) else found.low,
        high=None if found is None or not isfinite(found.high) else found.high,
        decisions=verdict.decisions,
    )
