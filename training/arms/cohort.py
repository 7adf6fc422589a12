"""Who counts in a comparison of two arms: each customer once, in the arm of the first decision since both are there.

    T   both arms have customers from here on
    |   first decision since T ├──── the windows that begin with it ────┤   what the customer did there counts
    |                                                                       whatever is decided, or shown, meanwhile

What is compared is who was meant to be in an arm (intention to treat), from before the arm had done anything: so arms
differ by chance and by what they did alone. Later decisions of a customer count as what the arm did, not anew: which
journeys are open then, and whether there is a decision at all, follows from the arm.

Customers who had been decided for before T bring a past along. They count if it is of one kind in both arms: all had
been in the same one, or were assigned anew by another salt. Otherwise only who came later does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.arms.decided import Codes, Decided, Mask
from training.arms.shares import Phases, are_independent

Instant = np.datetime64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """`entries`: one decision a customer, by when what came of it is known; some may not be known yet.

    `begins` is T. `seen_before` customers were left out for a past that differs between the arms; `moved` of those
    whose windows are over were in another arm meanwhile.
    """

    one: str
    other: str
    begins: Instant
    entries: Decided
    seen_before: int
    moved: int


def first_decisions(decided: Decided, rows: Mask) -> Codes:
    """The place of each customer's first decision among these rows, by time."""
    places = np.flatnonzero(rows)
    _, first = np.unique(decided.customer[places], return_index=True)
    return np.sort(places[first])


def cohort_of(decided: Decided, phases: Phases, pair: tuple[str, str], since: Instant | None) -> Cohort | None:
    """Of two arms, from `since` on; None where the log does not have both."""
    one, other = pair
    whole = np.ones(decided.size, dtype=np.bool_) if since is None else decided.decided_at >= since
    both = [whole & decided.of(arm) for arm in pair]
    if not all(rows.any() for rows in both):
        return None
    begins = max(decided.decided_at[rows].min() for rows in both)
    later = decided.decided_at >= begins
    first = first_decisions(decided, later)
    first = first[(decided.of(one) | decided.of(other))[first] & phases.with_both(one, other)[first]]
    before = _arm_before(decided, ~later)[decided.customer[first]]
    is_fit = np.ones(first.size, dtype=np.bool_) if _is_alike(decided.arm[first], before) else before < 0
    first = first[is_fit]
    first = first[np.argsort(decided.known_at[first], kind="stable")]
    return Cohort(
        one=one,
        other=other,
        begins=begins,
        entries=decided.take(first),
        seen_before=int((~is_fit).sum()),
        moved=_moved(decided, first),
    )


def _arm_before(decided: Decided, earlier: Mask) -> Codes:
    """By customer, the arm of the last decision among these; -1 of who had none."""
    arms = np.full(int(decided.customer.max()) + 1, -1)
    arms[decided.customer[earlier]] = decided.arm[earlier]  # by time, so the last stays
    return arms


def _is_alike(arm: Codes, before: Codes) -> bool:
    """Whether the arm that customers had been in does not hang together with that which they are in."""
    seen = before >= 0
    return not seen.any() or (
        np.unique(arm[seen]).size == np.unique(arm).size and are_independent(arm[seen], before[seen])
    )


def _moved(decided: Decided, first: Codes) -> int:
    """How many customers were decided for by another arm before their windows were over, of those that are."""
    over = first[~np.isnan(decided.value[first])]
    arm = np.full(int(decided.customer.max()) + 1, -1)
    begins = np.full(arm.size, np.datetime64("NaT"), dtype="datetime64[us]")
    ends = begins.copy()
    own = decided.customer[over]
    arm[own], begins[own], ends[own] = decided.arm[over], decided.decided_at[over], decided.known_at[over]
    of_row = decided.customer
    inside = (decided.decided_at > begins[of_row]) & (decided.decided_at <= ends[of_row])
    return int(np.unique(of_row[inside & (decided.arm != arm[of_row])]).size)
