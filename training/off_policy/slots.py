"""Logs whose decisions fill several slots, a row a slot, each drawn given the slots before it.

The value in slot N given the slots before it, as they were logged, needs the rows of that slot and their own
propensities alone: `rows_of_slot`, `Logged.take`. The value summed over slots needs the joint probability, the
product over a decision's slots up to each row: `Slates`, to be given to `evidence` and `support`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.off_policy.arrays import Booleans, Integers, Vector
from training.off_policy.clusters import Clusters
from training.off_policy.logged import EmptyLog, LogUnfit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slates:
    """The decisions that rows belong to.

    Attributes:
        levels: per slot, from the first: the rows (m,) that fill it, in the order of their decisions.
        before: per slot, from the second: the rows (m,) that fill the slot before, those rows' equals in order.
        first: (n,) 1.0 where a row fills the first slot of its decision, else 0.0.
        last: (decisions,) row of the last slot of each decision.
        slot: (n,) slot of each row, from 0.
    """

    levels: tuple[Integers, ...]
    before: tuple[Integers, ...]
    first: Vector
    last: Integers
    slot: Integers

    @staticmethod
    def of(*, decision: Integers, slot: Integers, customer: Integers) -> Slates:
        """Slates of rows in any order.

        Args:
            decision: (n,) code of the decision of each row; its rows are here all or none, for a slot's joint
                propensity needs those before it (leave the whole decision out if one of its rewards is not known).
            slot: (n,) its slot, from 1.
            customer: (n,) code of the customer.
        Raises: LogUnfit if a decision's slots are not 1, 2, .. each once, or belong to several customers.
        """
        order = np.lexsort((slot, decision))
        codes = Clusters.of(decision).code[order]
        opens = np.append(True, codes[1:] != codes[:-1])
        start = np.flatnonzero(opens)
        place = np.arange(order.size) - start[codes]
        _refuse_at(order, slot[order] != place + 1, "slot", "the slots of a decision must be 1, 2, .. each once")
        strange = customer[order] != customer[order][start[codes]]
        _refuse_at(order, strange, "customer_id", "another customer than in the decision's first slot")
        levels = [np.flatnonzero(place == k) for k in range(int(place.max()) + 1)]
        first = np.zeros(order.size)
        first[order[start]] = 1.0
        return Slates(
            levels=tuple(order[at] for at in levels),
            before=tuple(order[at - 1] for at in levels[1:]),
            first=first,
            last=order[np.append(start[1:], order.size) - 1],
            slot=slot - 1,
        )

    def joint(self, weight: Vector) -> Vector:
        """(n,) product of `weight` (n,) over the slots of the row's decision up to and with its own."""
        product = weight.copy()
        for rows, before in zip(self.levels[1:], self.before, strict=True):
            product[rows] *= product[before]
        return product

    def joint_before(self, joint: Vector) -> Vector:
        """(n,) the joint weight of the slot before each row; 1 in the first slot."""
        shifted = np.ones_like(joint)
        for rows, before in zip(self.levels[1:], self.before, strict=True):
            shifted[rows] = joint[before]
        return shifted


def rows_of_slot(slot: Integers, number: int) -> Integers:
    """Numbers of the rows that fill slot `number`; of a log, a policy and a reward model the same are taken.

    Raises: EmptyLog if there are none.
    """
    rows = np.flatnonzero(slot == number)
    if rows.size == 0:
        raise EmptyLog(f"no row fills slot {number}", column="slot")
    return rows


def _refuse_at(order: Integers, bad: Booleans, column: str, fact: str) -> None:
    if bad.any():
        raise LogUnfit(fact, column=column, row=int(order[bad].min()))
