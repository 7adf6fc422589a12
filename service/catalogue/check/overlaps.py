"""Quiet hours that say twice of one channel that it is silent: one of them was meant for other hours. A warning."""

from __future__ import annotations

from itertools import combinations

from service.catalogue.check.quiet import quiet_minutes
from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems, Severity

_DAY_MINUTES = 24 * 60


def check_overlaps(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    """Of rules for journeys of the same kinds: hours hold on every day, weekends and holidays only add to them."""
    for (_, earlier), (i, later) in combinations(enumerate(catalogue.policies.quiet), 2):
        channels = sorted(earlier.channels & later.channels)
        both = frozenset(quiet_minutes(earlier.rule)) & frozenset(quiet_minutes(later.rule))
        if channels and both and earlier.kinds & later.kinds:
            text = f"these hours overlap those of `{earlier.rule.quiet_id}` {_told(both)} on {', '.join(channels)}"
            path = ("quiet_hours", i, "from")
            problems.add(POLICIES, path, FaultClass.OVERLAP, text, None, Severity.WARNING)


def _told(minutes: frozenset[int]) -> str:
    """From the first minute on whose predecessor is not among them."""
    begins = next((m for m in sorted(minutes) if (m - 1) % _DAY_MINUTES not in minutes), 0)
    ends = next((begins + n for n in range(_DAY_MINUTES) if (begins + n) % _DAY_MINUTES not in minutes), begins)
    return f"from {_clock(begins)} to {_clock(ends % _DAY_MINUTES)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
