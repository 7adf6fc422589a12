"""Numbers and instants as people read them: rounded, but never so far that two that differ read alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from features.values import Scalar

_NUMBER = re.compile(r"(?<![\w.])-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_INSTANT = re.compile(r"timestamp\(\s*[\"'](?P<at>[^\"']+)[\"']\s*\)")
_MOST_DECIMALS = 20
_WHOLE_FROM = 1000


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands in the same sentence: the other values, and the limits of its condition."""

    numbers: tuple[float, ...]
    instants: tuple[datetime, ...]


def beside(params: Mapping[str, Scalar], name: str) -> Beside:
    """What the parameter of this name is to be told from: the others, the constants of the condition among them.

    Of what a condition read, only what it compares with this: that the rest reads alike tells nothing wrong.
    """
    condition = str(params.get("condition", ""))
    is_read = "." in name
    others = [v for n, v in params.items() if n != name and (not is_read or _are_compared(name, n, condition))]
    values = [v for v in others if isinstance(v, int | float) and not isinstance(v, bool)]
    limits = _constants(condition)
    return Beside(
        numbers=(*map(float, values), *limits.numbers),
        instants=(*(_utc(v) for v in others if isinstance(v, datetime)), *limits.instants),
    )


@lru_cache(maxsize=4096)
def _constants(condition: str) -> Beside:
    """Those of a condition, of which a catalogue has only so many."""
    written = [_written(match["at"]) for match in _INSTANT.finditer(condition)]
    return Beside(
        numbers=tuple(float(number) for number in _NUMBER.findall(condition)),
        instants=tuple(at for at in written if at is not None),
    )


@lru_cache(maxsize=4096)
def _are_compared(name: str, other: str, condition: str) -> bool:
    both = (re.escape(name), re.escape(other))
    return any(re.search(rf"{a}\s*(?:[<>]=?|[!=]=)\s*{b}\b", condition) for a, b in (both, both[::-1]))


def number_text(value: float, others: Iterable[float] = ()) -> str:
    """Two decimals at most, none from 1,000 on, two digits of what is small; more where it would read like another."""
    shown, different = _rounded(value), [other for other in others if other != value]
    if not math.isfinite(value) or all(shown != _rounded(other) for other in different):
        return shown
    for decimals in range(1 if abs(value) >= _WHOLE_FROM else 3, _MOST_DECIMALS):
        shown = _trimmed(f"{value:.{decimals}f}")
        if all(shown != _trimmed(f"{other:.{decimals}f}") for other in different):
            return shown
    return f"{value!r}"


def instant_text(at: datetime, others: Iterable[datetime] = ()) -> str:
    """To the minute; to the second, or as it is, where it would read like another."""
    utc = _utc(at)
    different = [other for other in map(_utc, others) if other != utc]
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        shown = f"{utc:{form}}"
        if all(shown != f"{other:{form}}" for other in different):
            return f"{shown} UTC"
    return f"{utc:%Y-%m-%d %H:%M:%S.%f} UTC"


@lru_cache(maxsize=1024)
def _rounded(value: float) -> str:
    if not math.isfinite(value) or (value != 0 and abs(value) < 0.01):
        return f"{value:.2g}"
    rounded = f"{value:.0f}" if abs(value) >= _WHOLE_FROM else _trimmed(f"{value:.2f}")
    return "0" if rounded == "-0" else rounded


def _trimmed(decimals: str) -> str:
    return decimals.rstrip("0").rstrip(".") if "." in decimals else decimals


def _written(text: str) -> datetime | None:
    try:
        return _utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
