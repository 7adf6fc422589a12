"""Which shares the arms had when, and whether customers fell into the arms by them.

A row tells the share of its own arm alone. Shares change with the catalogue, and when a challenger comes or goes; then
that of the arm with most rows changes too, so its rows cut the time into phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter  # type: ignore[import-untyped]
from scipy.stats import chi2  # type: ignore[import-untyped]

from service.decision.arms import Arm
from training.arms.decided import Codes, Decided, Mask, Vector

SIGNIFICANCE: Final = 0.001
LEAST_EXPECTED: Final = 5.0
"""In a cell of a chi-square test; cells of which less is expected are taken together."""
ROUNDING: Final = 1e-6
BESIDE: Final = 21
"""Decisions of the champion, around each, that tell its share of the time."""
CHAMPION: Final = Arm.CHAMPION.value
CHALLENGER: Final = Arm.CHALLENGER.value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phases:
    """When the arms had which shares.

    Attributes:
        phase: (n,) of each decision, from 0; -1 where it cannot be told.
        shares: of each phase, by arm that was seen in it.
        lent: (n,) decisions of the champion alone, for the challenger failed in them and lent its share: they are of
            customers of both.
    """

    phase: Codes
    shares: tuple[Mapping[str, float], ...]
    lent: Mask

    def with_both(self, one: str, other: str) -> Mask:
        """(n,) decisions of phases in which both arms had customers."""
        have = np.array([*(one in known and other in known for known in self.shares), False])
        return np.asarray(have[self.phase] & ~self.lent)

    def take(self, rows: Codes) -> Phases:
        return Phases(phase=self.phase[rows], shares=self.shares, lent=self.lent[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many customers each arm has beside how many it should; `p` of a difference as large or larger by chance.

    `p` is None where there is nothing to compare.
    """

    observed: Mapping[str, float]
    expected: Mapping[str, float]
    statistic: float = 0.0
    freedom: int = 0
    p: float | None = None

    @property
    def is_off(self) -> bool:
        return self.p is not None and self.p < SIGNIFICANCE


@dataclass(slots=True)
class _Sum:
    observed: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    statistic: float = 0.0
    freedom: int = 0


def phases_of(decided: Decided) -> Phases:
    """By the shares in the log; one phase without any where it tells none."""
    nothing = np.zeros(decided.size, dtype=np.bool_)
    if np.isnan(decided.share).any():
        shares = (dict.fromkeys(decided.arms, np.nan),)
        return Phases(phase=np.zeros(decided.size, dtype=np.int64), shares=shares, lent=nothing)
    lent, of_the_time = _lent(decided)
    decided = replace(decided, share=np.where(lent, of_the_time, decided.share))
    pivot = int(np.argmax(np.bincount(decided.arm)))
    key = _around(decided.share, decided.arm == pivot)[:, None]
    for arm in range(len(decided.arms)):
        own = decided.share[decided.arm == arm]
        if arm != pivot and own.size and np.ptp(own) > ROUNDING:
            key = _split(decided, arm, key)
    told = ~np.isnan(key).any(axis=1)
    phase = np.full(decided.size, -1)
    phase[told] = np.unique(key[told], axis=0, return_inverse=True)[1].reshape(-1)
    return replace(_whole(decided, phase), lent=lent)


def ratio_of(decided: Decided, phases: Phases) -> Ratio:
    """Pearson's chi-square over arms and phases: sum (O - E)^2 / E, E the customers of the phase times the share.

    Args:
        decided: one decision a customer.
    """
    found = _Sum()
    for number, shares in enumerate(phases.shares):
        rows = phases.phase == number
        counts = np.bincount(decided.arm[rows], minlength=len(decided.arms))
        seen = {arm: float(counts[decided.arms.index(arm)]) for arm in shares}
        given = decided.share[rows & phases.lent]
        if given.size and CHALLENGER in seen:
            back = float((1.0 - shares[CHAMPION] / given).sum())
            seen[CHAMPION], seen[CHALLENGER] = seen[CHAMPION] - back, seen[CHALLENGER] + back
        _add(found, seen, shares)
    return Ratio(
        observed=found.observed,
        expected=found.expected,
        statistic=found.statistic,
        freedom=found.freedom,
        p=float(chi2.sf(found.statistic, found.freedom)) if found.freedom else None,
    )


def are_independent(one: Codes, other: Codes) -> bool:
    """Whether a chi-square test leaves it that two codes of the same customers have nothing to do with each other."""
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (one, other), 1.0)
    table = table[table.sum(axis=1) > 0.0][:, table.sum(axis=0) > 0.0]
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if not freedom:
        return True
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return bool(chi2.sf(float(((table - expected) ** 2 / expected).sum()), freedom) >= SIGNIFICANCE)


def _lent(decided: Decided) -> tuple[Mask, Vector]:
    """(n,) decisions in which the champion had the challenger's share too, among others in which it had not; and (n,)
    what its share was in those. A challenger that fails for long is a phase of its own.
    """
    lent, of_the_time = np.zeros(decided.size, dtype=np.bool_), decided.share.copy()
    champion, challenger = (np.flatnonzero(decided.of(arm)) for arm in (CHAMPION, CHALLENGER))
    if not (champion.size and challenger.size):
        return lent, of_the_time
    own = decided.share[champion]
    usual = median_filter(own, size=BESIDE, mode="nearest")
    last = np.maximum(np.searchsorted(challenger, champion) - 1, 0)
    lent[champion] = np.abs(own - usual - decided.share[challenger[last]]) < ROUNDING
    of_the_time[champion] = usual
    return lent, of_the_time


def _around(share: Vector, which: Mask) -> Vector:
    """(n,) the share that rows of an arm tell before and after each decision; NaN where these differ."""
    places = np.flatnonzero(which)
    before = np.searchsorted(places, np.arange(share.size), side="right") - 1
    after = np.searchsorted(places, np.arange(share.size), side="left")
    first = share[places[np.maximum(before, 0)]]
    then = share[places[np.minimum(after, places.size - 1)]]
    return np.where(np.isclose(first, then, rtol=0.0, atol=ROUNDING), np.round(first, 6), np.nan)


def _split(decided: Decided, arm: int, key: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a column more where an arm had several shares while all that is known so far stayed."""
    more = np.zeros(decided.size)
    for one in np.unique(key[~np.isnan(key).any(axis=1)], axis=0):
        rows = np.flatnonzero((key == one).all(axis=1))
        which = decided.arm[rows] == arm
        if which.any() and np.ptp(decided.share[rows][which]) > ROUNDING:
            more[rows] = _around(decided.share[rows], which)
    return np.column_stack([key, more]) if more.any() else key


def _whole(decided: Decided, phase: Codes) -> Phases:
    """Without strays: rows of an arm, seen least, whose share is more than the others leave."""
    found: list[Mapping[str, float]] = []
    for number in range(int(phase.max(initial=-1)) + 1):
        shares, total = {}, 0.0
        rows = phase == number
        counts = np.bincount(decided.arm[rows], minlength=len(decided.arms))
        for arm in np.argsort(-counts, kind="stable"):
            if not counts[arm]:
                break
            share = float(decided.share[rows & (decided.arm == arm)][0])
            if total + share <= 1.0 + ROUNDING:
                shares[decided.arms[arm]] = share
                total += share
            else:
                phase = np.where(rows & (decided.arm == arm), -1, phase)
        found.append(shares)
    return Phases(phase=phase, shares=tuple(found), lent=np.zeros(decided.size, dtype=np.bool_))


def _add(found: _Sum, counts: Mapping[str, float], shares: Mapping[str, float]) -> None:
    customers = sum(counts.values())
    expected = {arm: customers * share for arm, share in shares.items()}
    for arm, count in counts.items():
        found.observed[arm] = found.observed.get(arm, 0.0) + count
        found.expected[arm] = found.expected.get(arm, 0.0) + expected[arm]
    rest = customers * (1.0 - sum(shares.values()))  # of arms that nobody was seen in
    observed = [*counts.values(), 0]
    cells = list(_cells(observed, [*expected.values(), rest if rest > ROUNDING * customers else 0.0]))
    found.statistic += sum((seen - due) ** 2 / due for seen, due in cells)
    found.freedom += max(len(cells) - 1, 0)


def _cells(observed: Sequence[float], expected: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Observed and expected, the smallest taken together until LEAST_EXPECTED; less than that goes with the next."""
    seen, due = 0.0, 0.0
    pairs = sorted((pair for pair in zip(observed, expected, strict=True) if pair[1] > 0.0), key=lambda pair: pair[1])
    for number, (count, share) in enumerate(pairs):
        seen, due = seen + count, due + share
        left = sum(later for _, later in pairs[number + 1 :])
        if due >= LEAST_EXPECTED and (left >= LEAST_EXPECTED or not left):
            yield seen, due
            seen, due = 0.0, 0.0
