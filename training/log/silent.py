"""What came of decisions that ended in silence: each beside every journey that it might have shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from service.decision.arms import Arm
from service.decision.journey import HELPING_KINDS, NO_JOURNEY
from training.log import cells
from training.log.chances import propensity_in
from training.log.facts import facts_of
from training.log.files import LogFiles, LogTable
from training.log.options import (
    ARM,
    DECISION,
    IN_WINDOW,
    KIND,
    OVER_ARMS,
    PROPENSITY,
    WINDOW_END,
    WINDOWS_END,
    LogColumns,
    column_of,
    is_exported,
)

"""Of each journey of the set: whether its objective was met within its window from the decision on, whatever was shown;
null while that is not known."""
PLACE, RANKED = "place", "RANKED"
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentPairs:
    """n pairs of a decision, in which nothing but what helps was shown, and a journey that it might have shown.

    All (n,): `journey` indexes `journeys`; `met` within the window from `decided_at` on; `p_silent` of the decision,
    over all arms; `is_holdout`: the customer is never shown any. `window_ends_at`: by when all was known, that of the
    longest window; NaT where the log does not say it.
    """

    journeys: tuple[str, ...]
    journey: Rows
    met: NDArray[np.bool_]
    p_silent: NDArray[np.float64]
    is_holdout: NDArray[np.bool_]
    decision: Rows
    customer: Rows
    decided_at: NDArray[np.datetime64]
    window_ends_at: NDArray[np.datetime64]
    features: FeatureColumns

    @property
    def size(self) -> int:
        return int(self.journey.size)

    def take(self, rows: Rows) -> SilentPairs:
        return SilentPairs(
            journeys=self.journeys,
            journey=self.journey[rows],
            met=self.met[rows],
            p_silent=self.p_silent[rows],
            is_holdout=self.is_holdout[rows],
            decision=self.decision[rows],
            customer=self.customer[rows],
            decided_at=self.decided_at[rows],
            window_ends_at=self.window_ends_at[rows],
            features=self.features.take(rows),
        )

    def before(self, at: np.datetime64) -> SilentPairs:
        """Those that were decided, and whose windows had ended, by then."""
        is_early = (self.decided_at < at) & ~(self.window_ends_at > at)
        return self.take(np.flatnonzero(is_early))


def silent_pairs(files: LogFiles, named: LogColumns, journeys: tuple[str, ...]) -> SilentPairs | None:
    """Those with one of `journeys` of which it is known what came; None of a log that does not tell it.

    Raises: LogInvalid.
    """
    columns = named.for_log(files)
    if not is_exported(files) or columns.eligible is None:
        return None
    stored = {name: column_of(name, files) for name in columns.features}
    said = {columns.journey, columns.customer, columns.decided_at, columns.propensity, columns.eligible, DECISION, KIND}
    more = {WINDOW_END, WINDOWS_END, OVER_ARMS, PROPENSITY, ARM}
    log = files.read({*said, *stored.values(), *more}, sparse=more)
    told = _told(log, columns.eligible)
    if told is None:
        return None
    listed = cells.sets(log, columns.eligible)
    place = {name: i for i, name in enumerate(journeys)}
    journey = np.array([place.get(level, -1) for level in listed.levels] or [-1])[listed.codes]
    chosen = np.flatnonzero(_is_silent(log, columns)[listed.rows] & (journey >= 0) & ~np.isnan(told))
    rows = listed.rows[chosen]
    at = cells.instants(log, columns.decided_at)
    return SilentPairs(
        journeys=journeys,
        journey=journey[chosen],
        met=told[chosen] == 1.0,
        p_silent=_p_silent(log, columns)[rows],
        is_holdout=_is_holdout(log)[rows],
        decision=cells.texts(log, DECISION).codes[rows],
        customer=cells.texts(log, columns.customer).codes[rows],
        decided_at=at[rows],
        window_ends_at=_window_ends(log)[rows],
        features=facts_of(log, stored, at, columns.categorical).take(rows),
    )


def _told(log: LogTable, column: str) -> NDArray[np.float64] | None:
    """(m,) of each element of the sets: 1 if it was met, 0 if not, NaN where that is not known or it was shown."""
    kind = log.table.schema.field(column).type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
        return None
    if kind.value_type.get_field_index(IN_WINDOW) < 0:
        return None
    chunks = log.table.column(column).combine_chunks()
    elements = (chunks.chunk(0) if isinstance(chunks, pa.ChunkedArray) else chunks).flatten()
    met = pc.struct_field(elements, IN_WINDOW).cast(pa.float64()).fill_null(np.nan)
    told = np.array(met, dtype=np.float64)
    if kind.value_type.get_field_index(PLACE) >= 0:
        told[np.asarray(pc.equal(pc.struct_field(elements, PLACE), RANKED).fill_null(False))] = np.nan
    return told


def _is_silent(log: LogTable, columns: LogColumns) -> NDArray[np.bool_]:
    """(n,) rows of nothing, of decisions that showed nothing but what helps."""
    journey, kind, decision = cells.texts(log, columns.journey), cells.texts(log, KIND), cells.texts(log, DECISION)
    is_nothing = journey.codes == _code(journey, NO_JOURNEY)
    helps = np.isin(kind.codes, [_code(kind, helping.value) for helping in HELPING_KINDS])
    sells = np.bincount(decision.codes[~is_nothing & ~helps], minlength=len(decision.levels)) > 0
    return np.asarray(is_nothing & ~sells[decision.codes])


def _p_silent(log: LogTable, columns: LogColumns) -> NDArray[np.float64]:
    """(n,) that the row's decision went as it did: the product over its slots, for each is given those before it.

    What helps and is certain in the holdout may be far from it where something that sells could come first.
    """
    column = OVER_ARMS if OVER_ARMS in log.table.column_names else columns.propensity
    of_slot = propensity_in(log, column, np.zeros(log.table.num_rows, dtype=np.bool_))
    decision = cells.texts(log, DECISION).codes
    joint = np.ones(int(decision.max(initial=0)) + 1)
    np.multiply.at(joint, decision, of_slot)
    return np.asarray(joint[decision])


def _is_holdout(log: LogTable) -> NDArray[np.bool_]:
    if ARM not in log.table.column_names:
        return np.zeros(log.table.num_rows, dtype=np.bool_)
    arm = cells.texts(log, ARM)
    return np.asarray(arm.codes == _code(arm, Arm.HOLDOUT.value))


def _window_ends(log: LogTable) -> NDArray[np.datetime64]:
    """(n,) that of the longest, or of the row: a journey's own window may be longer than that of the best."""
    ends = np.full(log.table.num_rows, np.datetime64("NaT"), dtype="datetime64[us]")
    for column in {WINDOW_END, WINDOWS_END} & set(log.table.column_names):
        ends = np.fmax(ends, cells.instants(log, column, nullable=True))
    return ends


def _code(column: cells.Coded, level: str) -> int:
    """Of a text among the levels; -2, which nothing has, where it is none."""
    return column.levels.index(level) if level in column.levels else -2
