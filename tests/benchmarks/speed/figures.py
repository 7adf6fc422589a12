"""The arithmetic of the run: rounds of calls in, figures out. Nothing here measures anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Figures = dict[str, float]
"""Figures by name; a name ends with its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What became of calls over `seconds`. `taken_s`: of each that was answered, `late_s`: of each that was sent.

    In an open loop `taken_s` is counted from when the call was due, whenever it was sent, and `late_s` is how much
    later than that it was sent: what the generator itself adds.
    """

    seconds: float
    taken_s: Sequence[float]
    late_s: Sequence[float] = ()
    failed: Mapping[str, int]

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.taken_s) / self.seconds

    @property
    def failed_share(self) -> float:
        """Of all calls: a server that is stopped for a moment refuses some of those that came meanwhile."""
        failed = sum(self.failed.values())
        return failed / max(failed + len(self.taken_s), 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all is not above: one that was seen, never one between two.

    Of no values it is NaN, so that nothing is claimed.
    """
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def ms(values: Sequence[float], share: float) -> float:
    return percentile(values, share) * 1e3


def of_rounds(rounds: Iterable[Figures]) -> Figures:
    """The median of each figure over the rounds that have it."""
    found: dict[str, list[float]] = {}
    for figures in rounds:
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
    return {name: median(values) for name, values in found.items()}


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of the rounds, each of its own round: what slows a round down meets both alike."""
    return median(a / b for a, b in zip(above, below, strict=True))


def spread(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """The least and the largest ratio of a round."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return min(ratios), max(ratios)


def column(rounds: Sequence[Figures], name: str) -> list[float]:
    return [figures[name] for figures in rounds]
