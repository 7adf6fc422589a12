"""The rows of a log as a monitor sees them: what was shown, what was known of the customer, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from features.values import FeatureStatus
from service.decision.journey import NO_JOURNEY
from training.log import cells
from training.log.allowed import is_silence
from training.log.facts import facts_of
from training.log.files import LogFiles, LogTable
from training.log.options import KIND, WINDOW_END, LogColumns, column_of, is_exported

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]

ABSENT: Final = "absent_features"
PRESENTED: Final = "presented_at"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Absent:
    """Why features have no value, of an exported log: row `rows[k]` lacks `levels[codes[k]]`, as STALE or not, (m,)."""

    rows: Codes
    codes: Codes
    levels: tuple[str, ...]
    is_stale: Mask

    def stale(self, feature: str, size: int) -> Mask:
        """(size,) the rows in which the feature was too old to be used."""
        found = np.zeros(size, dtype=np.bool_)
        if feature in self.levels:
            found[self.rows[self.is_stale & (self.codes == self.levels.index(feature))]] = True
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownRows:
    """All n rows of a log that are of a journey.

    Attributes:
        journey, kind: what was shown; a kind of -1 where the log says none.
        customer: (n,) codes.
        decided_at: (n,) in UTC.
        known_at: (n,) when it is known what came of a row: the end of its window, where the log says that.
        met: (n,) 1 where the reward is not 0, else 0; NaN where it is not known.
        is_shown: (n,) whether the customer saw it, where the log says that.
        facts: of the features that are watched.
        absent: why they lack, where the log says that.
        row: (n,) where each stands in the log.
    """

    path: Path
    journey: cells.Coded
    kind: cells.Coded
    customer: Codes
    decided_at: Instants
    known_at: Instants
    met: Vector
    is_shown: Mask
    facts: FeatureColumns
    absent: Absent | None
    row: Codes

    @property
    def size(self) -> int:
        return int(self.customer.size)

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(sorted((*self.facts.numbers, *self.facts.texts, *self.facts.instants)))


def read_shown(files: LogFiles, named: LogColumns) -> ShownRows:
    """Raises: LogInvalid that names file, row and column."""
    columns = named.for_log(files)
    demanded = {
        columns.customer: "the customer",
        columns.decided_at: "the moment of the decision",
        columns.journey: "--journey",
        columns.reward: "--reward",
    }
    for column, option in demanded.items():
        files.demand(column, option)
    stored = {feature: column_of(feature, files) for feature in columns.features}
    for column in stored.values():
        files.demand(column, "--features")
    optional = {KIND, WINDOW_END, ABSENT, PRESENTED} & set(files.columns)
    texts = {columns.customer, columns.journey, KIND, *(stored[name] for name in columns.categorical)}
    log = files.read({*demanded, *stored.values(), *optional}, texts)
    if is_exported(files) and (silent := is_silence(cells.texts(log, columns.journey))).any():
        if silent.all():
            raise log.fault(f"nothing was shown in it: every row is of {NO_JOURNEY}", column=columns.journey)
        log = log.where(~silent)
    decided_at = cells.instants(log, columns.decided_at)
    return ShownRows(
        path=files.path,
        journey=_complete(log, columns.journey, "there is no journey"),
        kind=_kinds(log),
        customer=_complete(log, columns.customer, "there is no customer").codes,
        decided_at=decided_at,
        known_at=_known_at(log, decided_at),
        met=_met(log, columns.reward),
        is_shown=_is_shown(log),
        facts=facts_of(log, stored, decided_at, columns.categorical),
        absent=_absent(log) if is_exported(files) and ABSENT in optional else None,
        row=np.arange(log.table.num_rows) if log.origin is None else log.origin,
    )


def _complete(log: LogTable, column: str, why: str) -> cells.Coded:
    """Raises: LogInvalid for a row without a text."""
    found = cells.texts(log, column)
    if (found.codes < 0).any():
        raise log.fault(why, row=int(np.flatnonzero(found.codes < 0)[0]), column=column)
    return found


def _kinds(log: LogTable) -> cells.Coded:
    if KIND in log.table.column_names:
        return cells.texts(log, KIND)
    return cells.Coded(codes=np.full(log.table.num_rows, -1), levels=())


def _known_at(log: LogTable, decided_at: Instants) -> Instants:
    if WINDOW_END not in log.table.column_names:
        return decided_at
    ends = cells.instants(log, WINDOW_END, nullable=True)
    return np.where(np.isnat(ends), decided_at, np.maximum(ends, decided_at))


def _met(log: LogTable, column: str) -> Vector:
    reward = cells.numbers(log, column)
    return np.where(np.isnan(reward), np.nan, (reward != 0.0).astype(np.float64))


def _is_shown(log: LogTable) -> Mask:
    """Everything, where the log does not say it of any row."""
    everything = np.ones(log.table.num_rows, dtype=np.bool_)
    if PRESENTED not in log.table.column_names:
        return everything
    told = ~np.isnat(cells.instants(log, PRESENTED, nullable=True))
    return told if told.any() else everything


def _absent(log: LogTable) -> Absent | None:
    values = log.table.column(ABSENT).combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    if not pa.types.is_map(values.type):
        return None
    offsets: Codes = np.asarray(values.offsets, dtype=np.int64)
    listed: Codes = offsets[1:] - offsets[:-1]
    begin, end = int(offsets[0]), int(offsets[-1])
    names = values.keys.slice(begin, end - begin).dictionary_encode()
    status = values.items.slice(begin, end - begin)
    return Absent(
        rows=np.repeat(np.arange(listed.size), listed),
        codes=np.asarray(names.indices, dtype=np.int64),
        levels=tuple(str(name) for name in names.dictionary.to_pylist()),
        is_stale=np.asarray(pa.compute.equal(status, FeatureStatus.STALE.value).fill_null(False)),
    )
