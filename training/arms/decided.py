"""The decisions of a log by arm: of whom, when, and what the customer did afterwards, whatever was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.log import cells
from training.log.errors import LogInvalid
from training.log.files import LogFiles, LogTable
from training.log.met import worth_of
from training.log.options import ARM, IN_WINDOW, MET, SHARE, SLOT, WINDOW_END, WINDOWS_END, LogColumns, is_exported

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]

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
        return _in_order(_plain(files, outcome or IN_WINDOW))
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
    worth = worth_of(log)
    found = _decided(log, value=worth.total, told=worth.of_outcomes, known_at=ends)
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


def _in_order(found: Decided) -> Decided:
    if not found.size:
        raise LogInvalid(found.path, "no decision in it tells its arm and had a journey to show", column=ARM)
    return found.take(np.argsort(found.decided_at, kind="stable"))
