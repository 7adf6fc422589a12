"""How much a distribution differs from that of a reference, and how much of that chance alone would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, hypergeom  # type: ignore[import-untyped]

from features.columns.facts import FeatureColumns

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

BINS: Final = 10
MOVED: Final = 0.25
"""PSI from which a distribution counts as another one. Source: Siddiqi (2006), Credit Risk Scorecards, chapter 9."""
ROSE: Final = 0.05
"""By how much a share of missing or stale values has to rise before it is told."""
FEWEST: Final = 200
"""Effective rows on either side: with fewer the far tail of PSI is several times that of chi-square."""
_EMPTY: Final = 0.5
_DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows by bin, (B,), and how many independent rows they are worth: those of one customer are taken as alike."""

    rows: Vector
    effective: float

    @property
    def shares(self) -> Vector:
        return self.rows / max(float(self.rows.sum()), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A PSI, what it would be on average without any change, and above what it is an alarm; None: too few rows."""

    psi: float
    by_chance: float
    limit: float | None

    @property
    def is_alarm(self) -> bool:
        return self.limit is not None and self.psi > self.limit


def effective_rows(customer: Codes) -> float:
    """Kish's (sum n_c)^2 / sum n_c^2: rows that tell as much as these do where a customer's rows are all alike."""
    counts = np.unique(customer, return_counts=True)[1].astype(np.float64)
    return float(counts.sum() ** 2 / (counts @ counts)) if counts.size else 0.0


def shift(now: Counts, before: Counts, alpha: float) -> Shift:
    """The population stability index, sum (q - p) ln(q / p) over the bins that either has rows in.

    An empty one counts as half an effective row. Without change PSI / (1/n + 1/m) is about chi-square with B - 1
    degrees of freedom (Yurdakul & Naranjo 2020), so its mean is (B - 1)(1/n + 1/m); the alarm is at MOVED beyond that,
    or where chance alone leads with probability alpha, whichever is higher.
    """
    inside = (now.rows > 0) | (before.rows > 0)
    if now.effective <= 0.0 or before.effective <= 0.0 or inside.sum() < 2:
        return Shift(psi=0.0, by_chance=0.0, limit=None)
    q, p = _filled(now, inside), _filled(before, inside)
    noise, free = 1.0 / now.effective + 1.0 / before.effective, int(inside.sum()) - 1
    by_chance = free * noise
    limit = max(MOVED + by_chance, float(chi2.isf(alpha, free)) * noise)
    enough = min(now.effective, before.effective) >= FEWEST
    return Shift(psi=float(np.sum((q - p) * np.log(q / p))), by_chance=by_chance, limit=limit if enough else None)


def has_risen(now: Counts, before: Counts, alpha: float) -> bool:
    """Whether the share in the last bin is more than ROSE above the reference's, and chance does not explain it.

    Fisher's exact test on effective rows, one-sided at alpha.
    """
    if min(now.effective, before.effective) < FEWEST or now.shares[-1] - before.shares[-1] <= ROSE:
        return False
    n, m = round(now.effective), round(before.effective)
    found, known = round(now.shares[-1] * n), round(before.shares[-1] * m)
    return bool(hypergeom.sf(found - 1, n + m, found + known, n) < alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The bins of a feature, by its values in a reference: `limits` between them, or `levels`, one each and the rest.

    The last bin is that of rows without a value.
    """

    limits: Vector | None = None
    levels: tuple[str, ...] | tuple[float, ...] = ()

    @property
    def count(self) -> int:
        return (len(self.levels) + 1 if self.limits is None else self.limits.size + 1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A feature's values, (n,): numbers, NaN without one; of texts the codes of `levels`, -1 without one."""

    values: Vector
    levels: tuple[str, ...] | None = None


def column_of(facts: FeatureColumns, name: str) -> Column:
    """An instant as its age at the decision, in days."""
    if name in facts.texts:
        text = facts.texts[name]
        return Column(values=text.codes.astype(np.float64), levels=text.levels)
    if name in facts.instants:
        age = facts.at - facts.instants[name]
        return Column(values=np.where(np.isnat(age), np.nan, age / _DAY))
    return Column(values=facts.numbers.get(name, np.full(facts.size, np.nan)))


def bins_of(column: Column) -> Bins:
    """Tenths of its numbers; of at most ten different ones each, and of texts the most frequent."""
    if column.levels is not None:
        counts = np.bincount(column.values[column.values >= 0].astype(np.int64), minlength=len(column.levels))
        order = np.argsort(-counts, kind="stable")[:BINS]
        return Bins(levels=tuple(column.levels[code] for code in order if counts[code]))
    present = column.values[~np.isnan(column.values)]
    distinct = np.unique(present)
    if distinct.size <= BINS:
        return Bins(levels=tuple(float(value) for value in distinct))
    return Bins(limits=np.unique(np.quantile(present, np.arange(1, BINS) / BINS)))


def places(bins: Bins, column: Column) -> Codes:
    """(n,) the bin of each row."""
    if bins.limits is not None and column.levels is None:
        found: Codes = np.searchsorted(bins.limits, column.values, side="left").astype(np.int64)
    else:
        found = _by_level(bins, column)
    return np.where(_without(column), bins.count - 1, found)


def counted(place: Codes, count: int, effective: float) -> Counts:
    """Rows by bin."""
    return Counts(rows=np.bincount(place, minlength=count).astype(np.float64), effective=effective)


def _by_level(bins: Bins, column: Column) -> Codes:
    rest = bins.count - 2
    if column.levels is not None:
        place = {level: i for i, level in enumerate(bins.levels)}
        table = np.array([*(place.get(level, rest) for level in column.levels), rest], dtype=np.int64)
        return table[column.values.astype(np.int64)]
    found = np.full(column.values.size, rest, dtype=np.int64)
    for i, level in enumerate(bins.levels):
        if not isinstance(level, str):
            found[column.values == level] = i
    return found


def _without(column: Column) -> NDArray[np.bool_]:
    return np.isnan(column.values) if column.levels is None else column.values < 0.0


def _filled(counts: Counts, inside: NDArray[np.bool_]) -> Vector:
    rows = counts.rows[inside]
    half = _EMPTY * float(rows.sum()) / counts.effective
    filled = np.where(rows > 0, rows, half)
    return np.asarray(filled / filled.sum())
