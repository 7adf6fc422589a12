"""Turns the row of a customer in one view into facts: each value with its status and age.

What was decoded is kept by its bytes for the next customer with the same, in bounded memory: many values are few.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from features.errors import ValueUnfit
from features.reading import FeatureReading, ViewFault
from features.schema import FeatureSpec, FeatureType
from features.store.opened import Found
from features.store.stored_value import BOOL, DOUBLE, FLOAT, INSTANT, INT32, INT64, STRING, plain_of
from features.values import FeatureStatus, FeatureValue, Scalar

NULL_INSTANT: Final = -(2**63)
"""How Feast stores a missing timestamp (feast.type_map.NULL_TIMESTAMP_INT_VALUE)."""

WIRE_KINDS: Final = {
    FeatureType.STRING: frozenset({STRING}),
    FeatureType.DOUBLE: frozenset({DOUBLE, FLOAT}),
    FeatureType.INT: frozenset({INT64, INT32}),
    FeatureType.BOOL: frozenset({BOOL}),
    FeatureType.TIMESTAMP: frozenset({INSTANT}),
}

KEPT: Final = 1024
"""So many decoded values are kept a feature, before all of it are forgotten."""
LONGEST_KEPT: Final = 64
"""Bytes of a value that is kept."""


@dataclass(slots=True)
class Draft:
    """A reading while its views are added, in the order of the schema."""

    values: dict[str, FeatureValue] = field(default_factory=dict)
    faults: list[ViewFault] = field(default_factory=list)
    has_any_row: bool = False

    def finished(self) -> FeatureReading:
        return FeatureReading(values=self.values, degraded=tuple(self.faults), has_any_row=self.has_any_row)


class ViewDecoder:
    """Decodes the rows of one view by its specs."""

    def __init__(self, view: str, specs: Sequence[FeatureSpec], lost: Sequence[FeatureSpec] = ()) -> None:
        """`lost`: those of `specs` that the registry no longer has, which are UNAVAILABLE whatever the row holds."""
        self.view = view
        self._cells = [_Cell(spec) for spec in specs if spec not in lost]
        self._lost = without_values(lost, FeatureStatus.UNAVAILABLE)
        self._lost_faults = [_lost(lost)] if lost else []
        self._absent = without_values([cell.spec for cell in self._cells], FeatureStatus.NOT_FOUND) | self._lost
        self._unavailable = without_values(specs, FeatureStatus.UNAVAILABLE)

    def add(self, draft: Draft, found: Found, now: datetime) -> bool:
        """Adds what the view says as of `now`. Returns: whether what it holds could be read at all."""
        if found is None:
            draft.values.update(self._absent)
            draft.faults += self._lost_faults
            return True
        if isinstance(found, Exception):
            self.fail(draft, found)
            return False
        at, stored = found.event_time, found.cells
        age_s = (now - at).total_seconds()
        values: dict[str, FeatureValue] = {}
        stale: FeatureSpec | None = None
        mismatch: ValueUnfit | None = None
        for cell in self._cells:
            raw = stored.get(cell.stored_as)
            is_old = age_s > cell.max_age_s
            value = cell.kept.get((raw, at, is_old))
            if value is None:
                try:
                    value = cell.read(raw, at, is_old=is_old)
                except ValueMismatch as error:
                    mismatch, value = error, self._unavailable[cell.name]
                except ValueUnfit as error:
                    self.fail(draft, error)
                    return False
            if is_old:
                stale = cell.spec
            values[cell.name] = value
        draft.has_any_row = True
        draft.values.update(values)
        draft.values.update(self._lost)
        draft.faults += self._lost_faults
        if mismatch is not None:
            draft.faults.append(unavailable(self.view, mismatch))
        elif stale is not None:
            draft.faults.append(_stale(stale, age_s))
        return True

    def fail(self, draft: Draft, error: Exception) -> None:
        """Adds that nothing of the view could be read."""
        draft.faults.append(unavailable(self.view, error))
        draft.values.update(self._unavailable)


class ValueMismatch(ValueUnfit):
    """A stored value that can be read, of another type than the schema declares."""


class _Cell:
    """One feature of a view. `kept`: by what is stored, the time of the row, and whether that is too old."""

    __slots__ = ("kept", "max_age_s", "name", "spec", "stored_as")

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.stored_as = spec.stored_as or spec.name
        self.max_age_s = math.inf if spec.max_age_s is None else spec.max_age_s
        self.kept: dict[tuple[bytes | None, datetime, bool], FeatureValue] = {}

    def read(self, raw: bytes | None, at: datetime, *, is_old: bool) -> FeatureValue:
        """Raises: ValueMismatch for a value of another type; ValueUnfit for what is none."""
        scalar = scalar_of(raw, self.spec)
        status = FeatureStatus.NULL if scalar is None else FeatureStatus.PRESENT
        if is_old:
            status = FeatureStatus.STALE
        value = FeatureValue(name=self.name, status=status, value=scalar, event_time=at)
        if raw is None or len(raw) <= LONGEST_KEPT:
            if len(self.kept) >= KEPT:
                self.kept.clear()
            self.kept[raw, at, is_old] = value
        return value


def scalar_of(raw: bytes | None, spec: FeatureSpec) -> Scalar | None:
    """The plain value; None for a null, however Feast stores it. Raises: as `_Cell.read`."""
    plain = plain_of(raw or b"")
    if plain is None:
        return None
    kind, value = plain
    if kind not in WIRE_KINDS[spec.type]:
        raise ValueMismatch(f"feature {spec.name} is stored as {kind}, declared as {spec.type.value}")
    if spec.type is FeatureType.TIMESTAMP and isinstance(value, int):
        return None if value == NULL_INSTANT else _instant(value, spec)
    if isinstance(value, bytes) or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def without_values(specs: Iterable[FeatureSpec], status: FeatureStatus) -> dict[str, FeatureValue]:
    """Each of the features with this status alone."""
    return {spec.name: FeatureValue(name=spec.name, status=status) for spec in specs}


def unavailable(view: str, error: Exception) -> ViewFault:
    """The fault of a view of which nothing can be relied on."""
    return ViewFault(view=view, status=FeatureStatus.UNAVAILABLE, cause=cause_of(error))


def cause_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _instant(seconds: int, spec: FeatureSpec) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueMismatch(f"feature {spec.name} holds no instant") from error


def _stale(spec: FeatureSpec, age_s: float) -> ViewFault:
    cause = f"{age_s / 86_400:.1f} days old, at most {(spec.max_age_s or 0.0) / 86_400:.1f} allowed"
    return ViewFault(view=spec.view, status=FeatureStatus.STALE, cause=cause)


def _lost(specs: Sequence[FeatureSpec]) -> ViewFault:
    names = ", ".join(spec.stored_as or spec.name for spec in specs)
    cause = f"the registry has no such feature of it: {names}"
    return ViewFault(view=specs[0].view, status=FeatureStatus.UNAVAILABLE, cause=cause)
