"""What each row of a log could have been decided on: the sets that it has, slot by slot, and silence.

Of an exported log a journey that fills an earlier slot is in the set of no later one; nor, as the table does not say
which slot denied it, one that was denied at select. Saying nothing is an option where the log shows it, of every row in
which no journey is left that must be said (service and resolution).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.decision.journey import HELPING_KINDS, NO_JOURNEY, JourneyKind
from training.log import cells
from training.log.files import LogTable

DENIED_AT_SELECT = "DENIED_AT_SELECT"
Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """`rows` and `codes` (m,): row `rows[k]` could have had `levels[codes[k]]`, with probability `chance[k]`.

    `chance` is NaN where it is not told, None of a log whose sets have none. `must_be_said` (n,): a journey is left
    that keeps silence away, or nothing tells that none is. `size` is n.
    """

    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    levels: tuple[str, ...]
    chance: Vector | None
    must_be_said: Mask

    @property
    def size(self) -> int:
        return int(self.must_be_said.size)

    @property
    def count(self) -> NDArray[np.int64]:
        """(n,) how many journeys each row could have had."""
        return np.bincount(self.rows, minlength=self.size)

    def with_silence(self, where: Mask) -> Allowed:
        """With NO_JOURNEY as an option of these rows; its probability is what those of the journeys leave."""
        if not where.any():
            return self
        levels = self.levels if NO_JOURNEY in self.levels else (*self.levels, NO_JOURNEY)
        has_it = np.zeros(self.size, dtype=np.bool_)
        has_it[self.rows[self.codes == levels.index(NO_JOURNEY)]] = True
        more = np.flatnonzero(where & ~has_it)
        chance = self.chance
        if chance is not None:
            left = np.clip(1.0 - np.bincount(self.rows, weights=chance, minlength=self.size), 0.0, 1.0)
            chance = np.concatenate([chance, left[more]])
        return replace(
            self,
            rows=np.concatenate([self.rows, more]),
            codes=np.concatenate([self.codes, np.full(more.size, levels.index(NO_JOURNEY))]),
            levels=levels,
            chance=chance,
        )

    def matrix(self, journeys: Collection[str]) -> Mask:
        """(n, J) who could have had which of these, among which must be all."""
        place = {name: j for j, name in enumerate(journeys)}
        eligible = np.zeros((self.size, len(place)), dtype=np.bool_)
        eligible[self.rows, self._columns(place)] = True
        return eligible

    def chances(self, journeys: Collection[str]) -> Vector | None:
        """(n, J) the probabilities; rows of NaN where one of them is not told."""
        if self.chance is None:
            return None
        out = np.zeros((self.size, len(journeys)))
        out[self.rows, self._columns({name: j for j, name in enumerate(journeys)})] = self.chance
        out[np.isnan(out).any(axis=1)] = np.nan
        return out

    def _columns(self, place: dict[str, int]) -> NDArray[np.int64]:
        return np.array([place[level] for level in self.levels] or [0], dtype=np.int64)[self.codes]


def allowed_in(log: LogTable, column: str, *, by_slot: tuple[str, str] | None = None) -> Allowed:
    """The sets of a log.

    Args:
        by_slot: of an exported log the columns that say which slot each row fills, and with what.
    Raises: LogInvalid, as `cells.sets`.
    """
    found = cells.sets(log, column)
    kept = np.ones(found.rows.size, dtype=np.bool_)
    if by_slot is not None:
        slot, journey = by_slot
        kept = _left(log, column, found, cells.numbers(log, slot), cells.texts(log, journey))
    rows, chance = found.rows[kept], cells.of_entries(log, column, "propensity")
    told = None if chance is None else np.asarray(chance.cast(pa.float64()).fill_null(np.nan), dtype=np.float64)
    return Allowed(
        rows=rows,
        codes=found.codes[kept],
        levels=found.levels,
        chance=None if told is None else told[kept],
        must_be_said=np.bincount(rows, _helps(log, column, found)[kept], log.table.num_rows) > 0.0,
    )


def is_silence(shown: cells.Coded) -> Mask:
    """(n,) whether nothing was said."""
    code = shown.levels.index(NO_JOURNEY) if NO_JOURNEY in shown.levels else -2
    return np.asarray(shown.codes == code)


def _left(log: LogTable, column: str, found: cells.Sets, slot: Vector, shown: cells.Coded) -> Mask:
    """(m,) which entries were left for the slot of their row; what fills it is among them, whatever they say."""
    names = np.array([*shown.levels, ""], dtype=object)[shown.codes[found.rows]]
    is_shown = np.array([*found.levels, ""], dtype=object)[found.codes] == names
    left = np.ones(found.rows.size, dtype=np.bool_)
    rank, place = cells.of_entries(log, column, "rank"), cells.of_entries(log, column, "place")
    if rank is not None:
        earlier = np.asarray(rank.cast(pa.float64()).fill_null(np.inf), dtype=np.float64)
        left &= ~(earlier < slot[found.rows])
    if place is not None:
        denied = np.asarray(pc.equal(place, DENIED_AT_SELECT).fill_null(False), dtype=np.bool_)
        left &= ~(denied & ((slot > 1.0) | is_silence(shown))[found.rows])
    return np.asarray(left | is_shown, dtype=np.bool_)


def _helps(log: LogTable, column: str, found: cells.Sets) -> Mask:
    """(m,) whether an entry is of a kind that silence does not keep away; also where it does not say its kind."""
    kinds = cells.of_entries(log, column, "kind")
    if kinds is None:
        return np.ones(found.rows.size, dtype=np.bool_)
    others = pa.array([kind.value for kind in JourneyKind if kind not in HELPING_KINDS])
    return ~np.asarray(pc.is_in(kinds, value_set=others), dtype=np.bool_)
