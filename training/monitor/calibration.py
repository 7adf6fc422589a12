"""Observed beside expected, by week and kind, and since when they differ by more than chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from training.learn.calibration_error import calibration_error, calibration_error_by_chance
from training.monitor.calendar import Day, Days, days_of, weeks_between, weeks_of
from training.monitor.sequence import boundary, evidence, looks_of, share_of_start

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALL: Final = "all"
ALPHA: Final = 0.02
"""Of all sequences together, at all looks: half for all rows, half for the kinds."""
BEST_AT: Final = 200.0
"""The variance, in outcomes, at which a rate of x 1.3 leaves the interval: there it should be narrowest."""
LEAST_VARIANCE: Final = 10.0
LEAST_CUSTOMERS: Final = 30
"""Effective ones. Before that a sum is not normal enough to conclude anything from it, and of a customer who has most
of the rows nothing says how far a rate of one's own may lie from what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """The n rows of which something was expected (`p`), what came (`met`), of whom, and when.

    `met` is NaN where it is not known yet: such rows are not judged, and say all the same which weeks and kinds there
    are. `kind` (n,) indexes `kinds`, -1 where the log says none.
    """

    p: Vector
    met: Vector
    customer: Codes
    decided_at: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]
    kind: Codes
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekOfKind:
    """What was decided in one week of one kind; `error` is its calibration error, NaN without rows."""

    week: Day
    rows: int
    observed: float
    expected: float
    error: float
    error_by_chance: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Since:
    """The sequence of what was decided from one week on, (L,) at the end of each day on which more became known.

    observed, expected: (L,) met outcomes, and as many as were expected.
    half: (L,) half the width of the interval of their difference, which holds at all looks with 1 - `alpha`; infinite
        where nothing is concluded yet.
    strength: (L,) the evidence against the model, above 0 where the interval leaves a difference of 0 out.
    """

    week: Day
    alpha: float
    days: Days
    observed: Vector
    expected: Vector
    half: Vector
    strength: Vector

    @property
    def ratio(self) -> Vector:
        return _over(self.observed, self.expected)

    @property
    def low(self) -> Vector:
        return np.maximum(_over(self.observed - self.half, self.expected), 0.0)

    @property
    def high(self) -> Vector:
        return _over(self.observed + self.half, self.expected)

    @property
    def is_concluded(self) -> bool:
        """Whether there are enough at its last look."""
        return bool(np.isfinite(self.half[-1]))

    @property
    def seen_on(self) -> Day | None:
        """The first day on which the interval left out that all is as expected."""
        crossed = np.abs(self.observed - self.expected) > self.half
        return self.days[int(np.argmax(crossed))] if crossed.any() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSeen:
    """The weeks of a kind, or of ALL, and a sequence from each week that has rows."""

    kind: str
    weeks: tuple[WeekOfKind, ...]
    sequences: tuple[Since, ...] = field(default=())

    @property
    def alarm(self) -> tuple[Since, Day] | None:
        """The sequence that tells most at its last look of those that have told something, and when it was seen first.

        By any of them, but not before the week in which that one begins: what was seen earlier is something else.
        """
        told = [(one.seen_on, one) for one in self.sequences if one.seen_on is not None]
        if not told:
            return None
        most = max((one for _, one in told), key=lambda one: float(one.strength[-1]))
        return most, min(day for day, _ in told if day >= most.week)


def calibration_of(told: Told) -> tuple[KindSeen, ...]:
    """All rows, and each kind in the order in which they came up; the one kind alone where there is but one.

    Weeks and kinds are counted by what was decided, known or not: else those whose outcomes are known late would change
    the place, and so the alpha, of those before them.
    """
    known = ~np.isnan(told.met)
    if not known.any():
        return ()
    days = days_of(told.decided_at)
    weeks, rows = weeks_between(days.min(), days[known].max()), _Rows.of(told, weeks_of(days), known)
    return tuple(_seen(rows, weeks, *group) for group in _groups(told) if (group[1] & known).any())


def _groups(told: Told) -> Iterator[tuple[str, Mask, float]]:
    """Name, rows and alpha; a kind's follows from its place, so that those to come do not change it."""
    everyone = np.ones(told.p.size, dtype=np.bool_)
    first = {code: told.decided_at[told.kind == code].min() for code in np.unique(told.kind) if code >= 0}
    order = sorted(first, key=lambda code: (first[code], told.kinds[code]))
    if len(order) == 1 and (told.kind == order[0]).all():
        yield told.kinds[order[0]], everyone, ALPHA / 2.0
        return
    yield ALL, everyone, ALPHA / 2.0
    for place, code in enumerate(order, start=1):
        yield told.kinds[code], told.kind == code, ALPHA / 2.0 * share_of_start(place)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """The k rows whose outcome is known.

    place: (k,) where they are among all. week: (k,) the Monday of the decision. days: (D,) on which something became
    known, of which `look` (k,) says which.
    """

    place: Codes
    p: Vector
    met: Vector
    customer: Codes
    week: Days
    days: Days
    look: Codes

    @classmethod
    def of(cls, told: Told, week: Days, known: Mask) -> Self:
        place = np.flatnonzero(known)
        days, look = np.unique(days_of(told.known_at[place]), return_inverse=True)
        return cls(
            place=place,
            p=told.p[place],
            met=told.met[place],
            customer=told.customer[place],
            week=week[place],
            days=days,
            look=look,
        )


def _seen(rows: _Rows, weeks: Days, name: str, group: Mask, alpha: float) -> KindSeen:
    which = group[rows.place]
    found = [_week(rows, week, which & (rows.week == week)) for week in weeks]
    return KindSeen(
        kind=name,
        weeks=tuple(found),
        sequences=tuple(
            _since(rows, week.week, which & (rows.week >= week.week), alpha * share_of_start(number))
            for number, week in enumerate(found, start=1)
            if week.rows
        ),
    )


def _week(rows: _Rows, week: Day, which: Mask) -> WeekOfKind:
    p, met = rows.p[which], rows.met[which]
    return WeekOfKind(
        week=week,
        rows=p.size,
        observed=float(met.sum()),
        expected=float(p.sum()),
        error=calibration_error(met, p),
        error_by_chance=calibration_error_by_chance(p),
    )


def _since(rows: _Rows, week: Day, which: Mask, alpha: float) -> Since:
    """Residuals are judged in the order in which they became known: a window that is open tells nothing early.

    Their variance is that which is seen, by customer, or sum p (1 - p) if that is more: where nothing was met yet,
    what is seen is far too little.
    """
    p, met, look, count = rows.p[which], rows.met[which], rows.look[which], rows.days.size
    has_rows = np.bincount(look, minlength=count) > 0
    looks = looks_of(met - p, rows.customer[which], look, count)
    observed, expected, modelled = (_running(weights, look, count) for weights in (met, p, p * (1.0 - p)))
    variance = np.maximum(looks.variance, modelled)
    enough = (variance >= LEAST_VARIANCE) & (looks.effective >= LEAST_CUSTOMERS)
    half = np.where(enough, boundary(variance, alpha, BEST_AT), np.inf)
    strength = np.where(enough, evidence(looks.total, variance, alpha, BEST_AT), -np.inf)
    return Since(
        week=week,
        alpha=alpha,
        days=rows.days[has_rows],
        observed=observed[has_rows],
        expected=expected[has_rows],
        half=half[has_rows],
        strength=strength[has_rows],
    )


def _running(values: Vector, look: Codes, count: int) -> Vector:
    """(count,) their sum at each look."""
    return np.asarray(np.cumsum(np.bincount(look, weights=values, minlength=count)), dtype=np.float64)


def _over(above: Vector, below: Vector) -> Vector:
    """NaN where nothing was expected, so that there is no ratio."""
    return np.asarray(np.divide(above, below, out=np.full(above.size, np.nan), where=below > 0.0))
