"""What was served beside what the history says of the same moment, feature by feature.

Two values are equal if they are the same text, flag or whole number, numbers within 1e-9 of the larger, infinities of
one sign, instants within the same second, or both null. Rows whose feature the store could not be asked for are not
compared, nor those that were filled in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.schema import FeatureSpec, FeatureType
from features.store.history import TIME

TOLERANCE: Final = 1e-9
SECOND_US: Final = 1_000_000
Rows = NDArray[np.bool_]


class Verdict(StrEnum):
    ALIKE = "alike"
    DIFFERS = "differs"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureParity:
    """One feature over `rows`. `share_one_null`: of them, null in one of both; `largest` finite difference in
    `unit`, None where there is none to be told. `decision_id`: of the first row that differs."""

    feature: str
    view: str
    rows: int
    share_equal: float | None
    share_one_null: float | None
    largest: float | None
    unit: str
    verdict: Verdict
    decision_id: str


class Tally:
    """Adds up one feature, part after part."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._rows = self._equal = self._one_null = 0
        self._largest: float | None = None
        self._decision = ""

    def add(self, served: pa.Array, joined: pa.Array, compared: Rows, decisions: pa.ChunkedArray) -> None:
        """(n,) each, `joined` of the type of the feature; `compared` are the rows that count."""
        there, known = np.asarray(served.is_valid(), dtype=bool), np.asarray(joined.is_valid(), dtype=bool)
        both = there & known
        equal, distance = _compared(self._spec.type, served, joined, both)
        equal |= ~there & ~known
        self._rows += int(compared.sum())
        self._equal += int((equal & compared).sum())
        self._one_null += int(((there != known) & compared).sum())
        if distance is not None and (told := both & compared & np.isfinite(distance)).any():
            self._largest = max(self._largest or 0.0, float(distance[told].max()))
        broken = np.flatnonzero(compared & ~equal)
        if broken.size and not self._decision:
            self._decision = str(decisions[int(broken[0])].as_py())

    def result(self) -> FeatureParity:
        share = None if not self._rows else self._equal / self._rows
        verdict = Verdict.NOT_COMPARED if share is None else Verdict.ALIKE if share == 1.0 else Verdict.DIFFERS
        return FeatureParity(
            feature=self._spec.name,
            view=self._spec.view,
            rows=self._rows,
            share_equal=share,
            share_one_null=None if not self._rows else self._one_null / self._rows,
            largest=self._largest,
            unit="s" if self._spec.type is FeatureType.TIMESTAMP else self._spec.unit,
            verdict=verdict,
            decision_id=self._decision,
        )


def differing_first(found: Iterable[FeatureParity]) -> list[FeatureParity]:
    """What differs most comes first, what could not be compared last."""
    return sorted(found, key=lambda one: (2.0 if one.share_equal is None else one.share_equal, one.feature))


def parity_csv(found: Sequence[FeatureParity]) -> str:
    """The table as a file has it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(FeatureParity)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in found)
    return text.getvalue()


def _compared(kind: FeatureType, served: pa.Array, joined: pa.Array, both: Rows) -> tuple[Rows, NDArray[Any] | None]:
    """(n,) whether they are equal, False where `both` does not hold; and how far apart, of what has a distance."""
    if kind in (FeatureType.STRING, FeatureType.BOOL):
        left, right = (np.asarray(one.to_numpy(zero_copy_only=False), dtype=object) for one in (served, joined))
        return both & (left == right), None
    if kind is FeatureType.DOUBLE:
        left, right = (np.asarray(one.cast(pa.float64()).fill_null(0.0)) for one in (served, joined))
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.abs(left - right)
        near = np.isfinite(distance) & (distance <= TOLERANCE * np.maximum(np.abs(left), np.abs(right)))
        return both & (near | (left == right)), distance
    numbers = (one.cast(TIME) if kind is FeatureType.TIMESTAMP else one for one in (served, joined))
    left, right = (np.asarray(one.cast(pa.int64()).fill_null(0)) for one in numbers)
    if kind is FeatureType.INT:
        unsigned = (end(left, right).view(np.uint64) for end in (np.maximum, np.minimum))
        return both & (left == right), np.subtract(*unsigned).astype(np.float64)  # no two lie too far apart for it
    apart = np.abs(left // SECOND_US - right // SECOND_US)
    return both & (apart == 0), np.abs(left - right) / SECOND_US
