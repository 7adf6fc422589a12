"""The decisions of a log by arm: of whom, when, and what the customer did afterwards, whatever was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.log import cells
from training.log.errors import LogInvalid
from training.log.files import LogFiles, LogTable
from training.log.options import SLOT, WINDOW_END, WINDOWS_END, LogColumns, is_exported

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]

ARM: Final = "arm"
SHARE: Final = "share"
MET: Final = "met_in_windows"
"""What the customer did that meets an objective of the catalogue, of an exported log: (journey_id, at, worth, by)."""
BY_OUTCOME: Final = "OUTCOME"
OUTCOME: Final = "outcome_in_window"
AGAIN: Final = "an export of this version has it: export again"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decided:
    """n decisions that could have shown something, by time.

    Attributes:
        arm: (n,) indexes `arms`.
        share: (n,) of customers who were in that arm then; NaN where the log does not say it.
        value: (n,) what the customer did in the windows that began with the decision was worth; NaN while one is open.
        told: (n,) the part of it that was told of contacts, as outcomes: who was shown nothing has none.
        known_at: (n,) when the last of these windows is over.
    """

    path: Path
    arms: tuple[str, ...]
    customer: Codes
    arm: Codes
    share: Vector
    decided_at: Instants
    value: Vector
    told: Vector
    known_at: Instants

    @property
    def size(self) -> int:
        return int(self.customer.size)

    def take(self, rows: Mask | Codes) -> Decided:
        return replace(
            self,
            customer=self.customer[rows],
            arm=self.arm[rows],
            share=self.share[rows],
            decided_at=self.decided_at[rows],
            value=self.value[rows],
            told=self.told[rows],
            known_at=self.known_at[rows],
        )

    def of(self, arm: str) -> Mask:
        """(n,) those decided for by this arm."""
        return self.arm == self.arms.index(arm) if arm in self.arms else np.zeros(self.size, dtype=np.bool_)


def read_decided(files: LogFiles, outcome: str | None = None) -> Decided:
    """Of an exported log, or of a plain one with a row a decision.

    Args:
        outcome: the column of a plain log that says what came of a row, whatever was shown; null while not known.
    Raises: LogInvalid that names file, row and column.
    """
    if not is_exported(files):
        files.demand(ARM, "the arm of each customer")
        return _in_order(_plain(files, outcome or OUTCOME))
    if outcome is not None:
        raise LogInvalid(files.path, f"an exported log says by {MET} what came; --outcome is for others")
    return _in_order(_exported(files))


def _plain(files: LogFiles, outcome: str) -> Decided:
    named = LogColumns()
    for column, option in ((named.customer, "the customer"), (named.decided_at, "the moment"), (outcome, "--outcome")):
        files.demand(column, option)
    log = files.read(
        {named.customer, named.decided_at, ARM, outcome, *({SHARE, WINDOW_END} & set(files.columns))},
        {named.customer, ARM},
    )
    decided_at = cells.instants(log, named.decided_at)
    ends = cells.instants(log, WINDOW_END, nullable=True) if WINDOW_END in log.table.column_names else decided_at
    value, known_at = cells.numbers(log, outcome), np.where(np.isnat(ends), decided_at, ends)
    found = _decided(log, value=value, told=np.zeros(value.size), known_at=known_at)
    return found.take(found.arm >= 0)


def _exported(files: LogFiles) -> Decided:
    """The first row of each decision that had a journey to show, to anybody, and whose catalogue is known.

    Days that were written before there were arms stay as they are, and tell nothing of them.
    """
    of_arms = {ARM: "the arm of each customer", **dict.fromkeys((MET, WINDOWS_END), AGAIN)}
    for column, why in of_arms.items():
        if column not in files.some:
            files.demand(column, why)
    named = LogColumns()
    log = files.read({SLOT, named.customer, named.decided_at, SHARE, *of_arms}, sparse={SHARE, *of_arms})
    ends = cells.instants(log, WINDOWS_END, nullable=True)
    value, told = _worth(log)
    found = _decided(log, value=value, told=told, known_at=ends)
    return found.take((cells.numbers(log, SLOT) == 1.0) & ~np.isnat(ends) & (found.arm >= 0))


def _decided(log: LogTable, *, value: Vector, told: Vector, known_at: Instants) -> Decided:
    named = LogColumns()
    arms, customer = cells.texts(log, ARM), cells.texts(log, named.customer)
    if (customer.codes < 0).any():
        row = int(np.flatnonzero(customer.codes < 0)[0])
        raise log.fault("there is no customer", row=row, column=named.customer)
    return Decided(
        path=log.path,
        arms=arms.levels,
        customer=customer.codes,
        arm=arms.codes,
        share=_shares(log),
        decided_at=cells.instants(log, named.decided_at),
        value=value,
        told=told,
        known_at=known_at,
    )


def _shares(log: LogTable) -> Vector:
    if SHARE not in log.table.column_names:
        return np.full(log.table.num_rows, np.nan)
    share = cells.numbers(log, SHARE)
    outside = (share <= 0.0) | (share > 1.0)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise log.fault(
            f"{share[row]} is no share of an arm that has customers: above 0, at most 1", row=row, column=SHARE
        )
    return share


def _worth(log: LogTable) -> tuple[Vector, Vector]:
    """(n,) of each row the sum over what happened of the most that an objective says it is worth; and of outcomes.

    What happens at one instant is one thing, however many objectives it meets: what it is worth counts once.
    """
    met = log.table.column(MET).combine_chunks()
    met = met.chunk(0) if isinstance(met, pa.ChunkedArray) else met
    is_known = np.asarray(met.is_valid())
    inside = met.flatten()
    if not len(inside):
        return np.where(is_known, 0.0, np.nan), np.where(is_known, 0.0, np.nan)
    rows = np.asarray(pc.list_parent_indices(met), dtype=np.int64)
    at = np.asarray(pc.struct_field(inside, "at").cast(pa.int64()), dtype=np.int64)
    worth = np.asarray(pc.struct_field(inside, "worth"), dtype=np.float64)
    is_outcome = _is_outcome(inside)
    order = np.lexsort((~is_outcome, worth, at, rows))
    rows, at, worth, is_outcome = rows[order], at[order], worth[order], is_outcome[order]
    last = np.append((rows[1:] != rows[:-1]) | (at[1:] != at[:-1]), True)
    rows, worth, is_outcome = rows[last], worth[last], is_outcome[last]
    total, told = (np.bincount(rows, weights=each, minlength=is_known.size) for each in (worth, worth * is_outcome))
    return np.where(is_known, total, np.nan), np.where(is_known, told, np.nan)


def _is_outcome(inside: pa.StructArray) -> Mask:
    """(m,) what was told of a contact; nothing of an export of before outcomes counted."""
    if inside.type.get_field_index("by") < 0:
        return np.zeros(len(inside), dtype=np.bool_)
    by = pc.struct_field(inside, "by").cast(pa.string())
    return np.asarray(pc.equal(by, BY_OUTCOME).fill_null(False), dtype=np.bool_)


def _in_order(found: Decided) -> Decided:
    if not found.size:
        raise LogInvalid(found.path, "no decision in it tells its arm and had a journey to show", column=ARM)
    return found.take(np.argsort(found.decided_at, kind="stable"))
