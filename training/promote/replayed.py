"""Whether the challenger would ever have shown what a constraint denies: the company's own decisions, decided again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models.bundle import Bundle
from models.scorer import Scorer
from service.bootstrap.replays import Replayed, replayed_by
from training.promote.verdict import Check, Checked

SHOWN = 3
"""Violations that are named."""


def constraints_kept(company: Path, home: Path, bundle: Bundle, since: datetime) -> Checked:
    """Raises: as `replayed_by`."""
    found = replayed_by(company, home, Scorer(bundle), since)
    if found is None:
        told = "no decision was made here to be replayed; in the log every choice lies in the row's eligible set"
        return Checked(check=Check.CONSTRAINTS, is_passed=True, told=told)
    return _checked(found)


def _checked(found: Replayed) -> Checked:
    told = f"{found.decisions:,} decisions were decided again"
    if found.violations:
        named = ", ".join(f"{journey} in {decision}" for decision, journey in found.violations[:SHOWN])
        told += f": {len(found.violations)} picks are denied by a rule ({named})"
    elif found.unscored:
        told += f": in {found.unscored} the model failed to score"
    else:
        told += ": no pick is denied by any rule"
    return Checked(check=Check.CONSTRAINTS, is_passed=not (found.violations or found.unscored), told=told)
