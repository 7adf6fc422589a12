"""Window sums over the weekly grid, beside their definition spelt out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.examples.complete_journey.data.weekly import DAY_S, WEEK_S, FactTimes, Ints, WeeklyGrid

FIRST_S = 100_000_000
GRID = WeeklyGrid(first_s=FIRST_S, n_customers=3, n_weeks=6)
WINDOW = 10
"""Days: not a multiple of a week, so facts leave between snapshots."""

Fact = tuple[int, int, int]
"""customer, instant, key or weight"""

edges = st.builds(
    lambda week, days, second: FIRST_S + week * WEEK_S + days * DAY_S + second,
    st.integers(-2, 7),
    st.sampled_from([0, -WINDOW]),
    st.integers(-1, 1),
)
facts_lists = st.lists(
    st.tuples(st.integers(0, 2), st.integers(FIRST_S - 3 * WEEK_S, FIRST_S + 7 * WEEK_S) | edges, st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def as_facts(rows: list[Fact]) -> tuple[FactTimes, Ints]:
    customer, at_s, key = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return FactTimes(customer=customer, at_s=at_s), key


def seen(rows: list[Fact], customer: int, snapshot_s: int, days: int) -> list[Fact]:
    """The facts in [snapshot - days, snapshot)."""
    start_s = snapshot_s - days * DAY_S
    return sorted(row for row in rows if row[0] == customer and start_s <= row[1] < snapshot_s)


def cells() -> list[tuple[int, int, int]]:
    return [(c, w, int(at_s)) for c in range(GRID.n_customers) for w, at_s in enumerate(GRID.snapshots_s)]


@given(rows=facts_lists)
def test_window_sums_what_lies_in_the_window(rows: list[Fact]) -> None:
    facts, weight = as_facts(rows)
    sums, counts = GRID.window(facts, WINDOW, weight), GRID.window(facts, WINDOW)
    for customer, week, at_s in cells():
        inside = seen(rows, customer, at_s, WINDOW)
        assert sums[customer, week] == sum(row[2] for row in inside)
        assert counts[customer, week] == len(inside)


@given(rows=facts_lists)
def test_total_sums_everything_strictly_before(rows: list[Fact]) -> None:
    facts, weight = as_facts(rows)
    totals = GRID.total(facts, weight)
    for customer, week, at_s in cells():
        assert totals[customer, week] == sum(row[2] for row in seen(rows, customer, at_s, 1000))


@given(rows=facts_lists)
def test_distinct_counts_each_key_once(rows: list[Fact]) -> None:
    facts, key = as_facts(rows)
    distinct = GRID.distinct(facts, WINDOW, key)
    for customer, week, at_s in cells():
        assert distinct[customer, week] == len({row[2] for row in seen(rows, customer, at_s, WINDOW)})


@given(rows=facts_lists)
def test_first_and_last_bound_the_window(rows: list[Fact]) -> None:
    facts, _ = as_facts(rows)
    first, last = GRID.first_in_window(facts, WINDOW), GRID.last(facts)
    for customer, week, at_s in cells():
        before = [row[1] for row in seen(rows, customer, at_s, 1000)]
        inside = [row[1] for row in seen(rows, customer, at_s, WINDOW)]
        assert last[customer, week] == max(before, default=-1)
        if inside:
            assert first[customer, week] == min(inside)
