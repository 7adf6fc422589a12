"""Features, and the mix of journeys, beside a reference: by week, and in the last seven days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.log import cells
from training.log.errors import LogInvalid
from training.monitor.calendar import Day, Days, Period, days_of
from training.monitor.drift import (
    Bins,
    Column,
    Counts,
    Shift,
    bins_of,
    column_of,
    counted,
    effective_rows,
    has_risen,
    places,
    shift,
)
from training.monitor.shown import ShownRows

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALPHA_PSI: Final = 0.01
ALPHA_MISSING: Final = 0.005
ALPHA_STALE: Final = 0.005
ALPHA_MIX: Final = 0.01
"""Each of all features, weeks and looks together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """The share of rows in which a feature is missing, or stale, that of the reference, and whether it has risen."""

    share: float
    before: float
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSeen:
    """A feature in one period."""

    period: Period
    rows: int
    shift: Shift
    missing: Absence
    stale: Absence


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSeen:
    """What was shown in one period."""

    period: Period
    rows: int
    shift: Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The rows that others are compared with."""

    rows: ShownRows
    which: Mask

    @property
    def ends(self) -> Day:
        return np.max(days_of(self.rows.decided_at[self.which]))

    @property
    def begins(self) -> Day:
        return np.min(days_of(self.rows.decided_at[self.which]))


def features_seen(
    rows: ShownRows, reference: Reference, periods: tuple[Period, ...]
) -> dict[str, tuple[FeatureSeen, ...]]:
    """By feature that both have, in each period. Raises: LogInvalid for one that is a text here and a number there."""
    names, days = [name for name in rows.features if name in reference.rows.features], days_of(rows.decided_at)
    return {name: _feature(name, len(names), rows, reference, periods, days) for name in names}


def mix_seen(rows: ShownRows, reference: Reference, periods: tuple[Period, ...]) -> tuple[MixSeen, ...]:
    """What was shown, in each period."""
    bins = bins_of(_journeys(reference.rows.journey, reference.which & reference.rows.is_shown))
    before = _counts(reference.rows, reference.which & reference.rows.is_shown, bins)
    days, seen = days_of(rows.decided_at), []
    for period in periods:
        which = period.holds(days) & rows.is_shown
        found = shift(_counts(rows, which, bins), before, ALPHA_MIX * period.share)
        seen.append(MixSeen(period=period, rows=int(which.sum()), shift=found))
    return tuple(seen)


def _feature(
    name: str, features: int, rows: ShownRows, reference: Reference, periods: tuple[Period, ...], days: Days
) -> tuple[FeatureSeen, ...]:
    here, there = column_of(rows.facts, name), column_of(reference.rows.facts, name)
    _demand_alike(name, rows, here, there)
    known = Column(values=there.values[reference.which], levels=there.levels)
    bins = bins_of(known)
    sides = _Sides(
        of_bins=places(bins, here),
        bins=bins,
        stale=_stale(rows, name),
        before=_side(places(bins, known), bins, _stale(reference.rows, name)[reference.which], _customers(reference)),
    )
    return tuple(_in_period(sides, period, period.holds(days), rows.customer, features) for period in periods)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """The rows of one side by bin, by whether the value is missing, and by whether it is stale."""

    bins: Counts
    missing: Counts
    stale: Counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sides:
    of_bins: Codes
    bins: Bins
    stale: Mask
    before: _Side


def _in_period(sides: _Sides, period: Period, which: Mask, customer: Codes, features: int) -> FeatureSeen:
    now, before = _side(sides.of_bins[which], sides.bins, sides.stale[which], customer[which]), sides.before
    share = period.share / features
    return FeatureSeen(
        period=period,
        rows=int(which.sum()),
        shift=shift(now.bins, before.bins, ALPHA_PSI * share),
        missing=_absence(now.missing, before.missing, ALPHA_MISSING * share),
        stale=_absence(now.stale, before.stale, ALPHA_STALE * share),
    )


def _side(place: Codes, bins: Bins, stale: Mask, customer: Codes) -> _Side:
    effective = effective_rows(customer)
    missing = (place == bins.count - 1) & ~stale
    return _Side(
        bins=counted(place, bins.count, effective),
        missing=counted(missing.astype(np.int64), 2, effective),
        stale=counted(stale.astype(np.int64), 2, effective),
    )


def _absence(now: Counts, before: Counts, alpha: float) -> Absence:
    return Absence(share=float(now.shares[-1]), before=float(before.shares[-1]), is_alarm=has_risen(now, before, alpha))


def _stale(rows: ShownRows, name: str) -> Mask:
    if rows.absent is None:
        return np.zeros(rows.size, dtype=np.bool_)
    return rows.absent.stale(name, rows.size)


def _customers(reference: Reference) -> Codes:
    return reference.rows.customer[reference.which]


def _counts(rows: ShownRows, which: Mask, bins: Bins) -> Counts:
    return counted(places(bins, _journeys(rows.journey, which)), bins.count, effective_rows(rows.customer[which]))


def _journeys(journey: cells.Coded, which: Mask) -> Column:
    return Column(values=journey.codes[which].astype(np.float64), levels=journey.levels)


def _demand_alike(name: str, rows: ShownRows, here: Column, there: Column) -> None:
    """A column without any value is of no type. Raises: LogInvalid."""
    nothing = any(column.levels is None and bool(np.isnan(column.values).all()) for column in (here, there))
    if not nothing and (here.levels is None) != (there.levels is None):
        kind = "numbers" if here.levels is None else "texts"
        raise LogInvalid(rows.path, f"this has {kind}, and the reference has not", column=name)
