"""The ages of `features.derived` for many rows at once, equal to them bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from features.columns.facts import Instants
from features.derived import DAY, Age

Spans = NDArray[np.timedelta64]

_DAY_US = DAY // DAY.resolution
_EXACT_US = 2**53
"""Up to here every whole number is a float: 285 years."""


def days(age: Age, instants: Instants, at: Instants) -> NDArray[np.float64]:
    """(n,) ages in days of (n,) instants at (n,) moments; NaN of NaT."""
    return _DAYS[age](instants, at)


def _days_since(instants: Instants, at: Instants) -> NDArray[np.float64]:
    return np.maximum(_in_days(at - instants), 0.0)


def _days_until(instants: Instants, at: Instants) -> NDArray[np.float64]:
    return _in_days(instants - at)


def _days_to_anniversary(starts: Instants, at: Instants) -> NDArray[np.float64]:
    years = np.maximum(at.astype("datetime64[Y]") - starts.astype("datetime64[Y]"), np.timedelta64(1, "Y"))
    upcoming = _anniversaries(starts, years)
    is_over = upcoming < at
    upcoming[is_over] = _anniversaries(starts[is_over], years[is_over] + 1)
    return _in_days(upcoming - at)


def _anniversaries(starts: Instants, years: Spans) -> Instants:
    """`starts` some years on; 29 February returns on the 28th in common years."""
    start_months = starts.astype("datetime64[M]")
    months = start_months + years
    into_month = starts - start_months
    lengths: Spans = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    into_month[into_month >= lengths] -= np.timedelta64(1, "D")
    returns: Instants = months + into_month
    return returns


def _in_days(spans: Spans) -> NDArray[np.float64]:
    """As `timedelta / DAY`, which is rounded once; a quotient of floats is too, where the microseconds are exact."""
    us, is_missing = spans.astype(np.int64), np.isnat(spans)
    found = us / _DAY_US
    for i in np.flatnonzero((np.abs(us) > _EXACT_US) & ~is_missing):
        found[i] = int(us[i]) / _DAY_US
    found[is_missing] = np.nan
    return found


_DAYS: Mapping[Age, Callable[[Instants, Instants], NDArray[np.float64]]] = {
    Age.DAYS_SINCE: _days_since,
    Age.DAYS_UNTIL: _days_until,
    Age.DAYS_TO_ANNIVERSARY: _days_to_anniversary,
}
